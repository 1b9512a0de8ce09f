// Package console is the web console: what an admin sees of the queue in a browser, and does to it.
//
// A Console is an http.Handler for everything below Root. It is built by the daemon, which gives it a
// Backend (what the control socket has), Rates and a Journal that the daemon fills while it works, and
// Settings that are asked for at every request:
//
//	c := console.New(console.Options{Settings: settings, Rates: rates, Journal: journal, Log: log}, backend)
//	mux.Handle(console.Root, c)
//
// The pages are made on the server and need no script; there is none. They are:
//
//	GET  /console/                   overview: states, rates, delays, who waits how long, what is suspended
//	GET  /console/queue?SELECTORS    50 messages at a time; selectors as the commands have them
//	GET  /console/message/{id}       one message's story; /text shows its text to those who may read
//	GET  /console/plugins            calls, failures and times per hook
//	GET  /console/confirm?action=…   how many messages an action would change, and the first of them
//	POST /console/act                does it
//	POST /console/suspend, /resume   destinations
//	GET, POST /console/login, POST /console/logout
//
// # Invariants
//
// Nobody sees a page but the login before a password was given, and every request is looked at in this
// order: the client's address, the Host field (a name that was made to point here is not ours), with a POST
// the origin, the session, the token of the form, the right. Nothing is changed by a GET. What an
// account may do is looked up in the password file at every request.
//
// An action means no message that arrived after the question was shown, and "everything" must be
// asked for by that word. Each changed message leaves a line in the log that says who did it.
//
// Everything shown that a stranger may have written passes html/template, and before it shown, which
// makes visible what is invisible or turns text around.
//
// All is bounded: forms, sessions, clients that wait, messages and recipients of a page, the time of a
// walk through the queue, the lines of the journal. Passwords are compared two at a time.
//
// # Errors
//
// A page shows the reply of a *status.Error; causes go to the log. There is no panic on input.
//
// # Format
//
// The password file has a line NAME:RIGHTS:HASH for each account, and comments behind "#". RIGHTS are
// those of ParseRights, HASH is one of bcrypt of cost 15 at most. A file with a bad line lets nobody in;
// nor does one that others than its owner can write or strangers can read.
package console
