// Package sdktest is the conformance kit of plugins: it plays a transcript, a text that says what
// a session is and what a plugin must answer, against a plugin of any kind.
//
//	sc, err := sdktest.Parse(file)
//	err = sdktest.Play(ctx, subject, sc, sdktest.Options{}).Err("limiter.txt")
//
// A Subject loads the plugin, as WebAssembly, as a process or linked in. Play gives it a host of
// its own: a configuration, an envelope, a message, tables, DNS answers, a store, a clock that
// only "wait" moves. testdata/conformance has the transcripts that every host, and the
// conformance plugin in every language, has to pass; CONFORMANCE.md says what that plugin does.
//
// # Format
//
// A transcript is lines. An empty line and one that begins with # mean nothing. It begins with the
// world:
//
//	plugin limiter
//	config most = 3
//	config words = "one\ntwo"
//	allow kv edit
//	map access sender@example.com = REJECT
//	map access other@example.com unavailable
//	dns TXT example.com = v=spf1 -all
//	dns MX example.net unavailable
//	time 2024-05-06T07:08:09Z
//
// Values may be quoted strings of Go. Then come steps, each with what it must show below it:
//
//	connect 192.0.2.1 client.name=mail.example.net
//	helo mail.example.net
//	mail sender@example.net BODY=8BITMIME
//	rcpt alice@example.com NOTIFY=NEVER
//	> tempfail 451 4.7.1 too many recipients in an hour
//	> counter refused 1
//	> log info sender@example.net is too eager
//
// The steps:
//
//	load, reload                    load the plugin (else it is loaded before the first step)
//	connect [ADDR [PROPERTY=VALUE …]]  a new connection; without ADDR it has no client
//	helo NAME   auth USER [METHOD]   mail ADDR [PARAMS]   rcpt ADDR [PARAMS]   data
//	message                         the message, in the lines below; no hook is called
//	headers   body   eom   abort    body asks once for each chunk of 64 KiB
//	rewrite CLASS ADDR   route RCPT [TRANSPORT:NEXTHOP]   deliver [TRANSPORT:NEXTHOP]
//	lookup KEY   event KIND [RCPT] [event.PROPERTY=VALUE …]
//	property NAME VALUE             sets a property, as tls.version or origin.kind
//	wait 61s                        moves the clock
//
// A message is made of lines that begin with "|" (the rest is a line, and ends in CRLF), "\"
// (a quoted string, as it is, without a line end) and "*" (a count and a quoted string, which
// is repeated):
//
//	message
//	| Subject: hello
//	|
//	* 10000 "a line\r\n"
//	\ "no line end"
//
// Demands begin with ">":
//
//	continue   accept   discard     the verdict; continue need not be said
//	tempfail [CODE [ENHANCED [TEXT]]]   reject …     what is not said is not compared
//	hold [REASON]   quarantine [NAME]   redirect [ADDR]   filter [TRANSPORT:NEXTHOP]
//	found VALUE                     at rewrite and lookup
//	found transport=T nexthop=N     at route
//	failure [TEXT]                  the plugin fails, and the cause has this text in it
//	+header N NAME: VALUE           field N of the new header is new
//	-header N NAME: VALUE           field N of the old header is gone
//	sender ADDR   +rcpt ADDR   -rcpt ADDR
//	body, and lines of text         the body after the hook
//	body contains TEXT   body lacks TEXT
//	status N CODE ENHANCED TEXT     of recipient N, at deliver
//	relay TEXT
//	log LEVEL TEXT                  info, warn or error
//	counter NAME N                  how much it grew
//	kv KEY = VALUE   kv KEY none    in the store, after the step
//	hooks NAMES   needs NAMES       of load
//
// "..." at the end of a demand stands for anything. Text with control characters is a quoted
// string. Verdict, edits, statuses and relay are complete: what happens and is not demanded is an
// error. Log lines are complete where one is demanded, unless the plugin fails.
//
// # Invariants
//
// The host answers as docs/abi.md says and has its limits. Time passes only by "wait"; random
// numbers are the same in each run. A hook that fails changes nothing.
//
// # Errors
//
// Parse refuses what it does not know, with the line. Play puts everything else into the Report.
package sdktest
