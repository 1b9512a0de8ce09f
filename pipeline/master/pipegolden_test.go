package master_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// pipeAttributes are services of pipe; each is compared with Postfix's.
func pipeAttributes() []string {
	return []string{
		"", "flags=B", "flags=F", "flags=R", "flags=D", "flags=O", "flags=DORFBX", "flags=h", "flags=u", "flags=hu", "flags=q", "flags=hqu", "flags=.", "flags=>",
		"flags=F.>", `flags=FRB eol=\r\n`, `flags=R eol=\041\n`, "null_sender=", "flags=qFR null_sender=", "flags=FR null_sender=nobody", "flags=q null_sender=no.body",
		"size=700", "directory=/usr",
	}
}

// pipeArguments are what each of them hands to its command. The port of the client, the queue id and
// the size differ between any two.
const pipeArguments = "s=${sender} r=${recipient} o=${original_recipient} u=${user} e=${extension} m=${mailbox} d=${domain} n=${nexthop} ca=${client_address} ch=${client_helo}" +
	" cn=${client_hostname} cp=${client_protocol} sm=${sasl_method} ss=${sasl_sender} su=${sasl_username} $$x $(user) $user ${user}-${domain}.${nexthop} { two words } -- ${recipient}"

// dumpScript keeps its arguments, its directory and its standard input.
const dumpScript = `#!/bin/sh
out=$1/$2.$$; shift 2
{ printf '[%s]' "$@"; echo; pwd; cat; } >"$out.tmp" && mv "$out.tmp" "$out"
`

// pipeMessages are sent to each service; %d is its domain.
func pipeMessages() []struct{ from, to, text string } {
	return []struct{ from, to, text string }{
		{"a@sender.test", "User+Ext@%d", "Subject: one\r\n\r\nbody\r\n"},
		{"", "null@%d", "Subject: two\r\n\r\nFrom here\r\n.dot\r\n..\r\n>From\r\n from\r\n"},
		{`"A B"@Sender.Test`, `"Some One+X"@%d`, "Subject: three\r\n\r\nno end"},
		{"Big+ext@Sender.TEST", "One+1@%d Two@%d", "Subject: four\r\n\r\n"},
		{"a@sender.test", "aliased@%d", "Subject: five\r\n\r\n" + strings.Repeat("x", 70) + "\r\n\r\n"},
		{"a@sender.test", "big@%d", "Subject: six\r\n\r\n" + strings.Repeat(strings.Repeat("y", 70)+"\r\n", 100)},
	}
}

// What every attribute, flag and macro makes of a message is what Postfix makes of it: the arguments,
// the directory, and each byte on standard input but for what the server of each puts there.
func TestProgramsGetWhatPostfixGivesThem(t *testing.T) {
	needOwner(t)
	p := preparePostfix(t, "[127.0.0.1]:9")
	d := newProgramDaemon(t, "mail_owner = postfix", "local_header_rewrite_clients =")
	script := d.program("dump", dumpScript)
	folder := func() string {
		dir, err := os.MkdirTemp("", "dumped")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.RemoveAll(dir) })
		if err := os.Chmod(dir, 0o777); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	ours, theirs := folder(), folder()
	services := func(dir string) (master []string, main []string) {
		var routes []string
		for i, attributes := range pipeAttributes() {
			name := fmt.Sprintf("p%d", i)
			master = append(master, fmt.Sprintf("%s unix - n n - - pipe user=nobody %s argv=%s %s %s %s", name, attributes, script, dir, name, pipeArguments))
			routes = append(routes, fmt.Sprintf("{p%d.test = p%d:Next.Hop%d}", i, i, i))
			if strings.ContainsAny(strings.TrimPrefix(strings.Fields(attributes + " x")[0], "flags="), "DO") && strings.HasPrefix(attributes, "flags=") {
				main = append(main, name+"_destination_recipient_limit = 1")
			}
		}
		var aliases []string
		for i := range pipeAttributes() {
			aliases = append(aliases, fmt.Sprintf("{aliased@p%d.test = Real+Ext@P%d.Test}", i, i))
		}
		return master, append(main, "transport_maps = inline:{"+strings.Join(routes, ", ")+"}", "virtual_alias_maps = inline:{"+strings.Join(aliases, ", ")+"}",
			"recipient_delimiter = +", "default_transport = error:", "relayhost =")
	}
	master, main := services(ours)
	d.services(master...)
	d.write("main.cf", d.read("main.cf")+strings.Join(append(main, "prog_destination_recipient_limit = 50"), "\n")+"\n")
	d.run()
	master, main = services(theirs)
	p.runWith(t, strings.Join(master, "\n"), main...)
	front := *d
	front.addr = p.addr
	for i := range pipeAttributes() {
		for _, m := range pipeMessages() {
			to := strings.ReplaceAll(m.to, "%d", fmt.Sprintf("P%d.Test", i))
			sendTo(t, d, m.from, to, m.text)
			sendTo(t, &front, m.from, to, m.text)
		}
	}
	for i, attributes := range pipeAttributes() {
		// All was tried when each of the recipients has its line.
		line := fmt.Sprintf(`(?i)to=<[^>]*@p%d\.test>, (?:orig_to=<[^>]*>, )?relay=p%[1]d, .*dsn=([0-9.]+), status=(\w+ \(.*\))\n`, i)
		got, want := fatesOf(t, d.log, line), fatesOf(t, p.log, line)
		if !slices.Equal(got, want) {
			t.Errorf("%q: mtad says\n%q\nPostfix says\n%q", attributes, got, want)
		}
		a, b := dumped(t, ours, i), dumped(t, theirs, i)
		for n := range max(len(a), len(b)) {
			if n >= len(a) || n >= len(b) || a[n] != b[n] {
				t.Errorf("%q: mtad gave\n%.500q\nPostfix gave\n%.500q", attributes, a[min(n, len(a)):min(n+1, len(a))], b[min(n, len(b)):min(n+1, len(b))])
				break
			}
		}
	}
}

// sendTo sends a message to recipients that may have quoted local parts with spaces.
func sendTo(t *testing.T, d *daemon, from, to, text string) {
	t.Helper()
	c := d.hello()
	c.do("MAIL FROM:<"+from+">", "250")
	for _, r := range strings.Split(strings.ReplaceAll(to, "Test ", "Test\n"), "\n") {
		c.do("RCPT TO:<"+r+">", "250")
	}
	c.do("DATA", "354")
	c.send(stuffed([]byte(text)))
	c.expect("250")
	_ = c.c.Close()
}

// fatesOf are the ends of all recipients of a service, in order of their texts.
func fatesOf(t *testing.T, l *logbook, line string) []string {
	t.Helper()
	recipients := 0
	for _, m := range pipeMessages() {
		recipients += strings.Count(m.to, "%d")
	}
	l.waitCount(t, line, recipients)
	var all []string
	for _, m := range regexp.MustCompile(line).FindAllStringSubmatch(l.String(), -1) {
		all = append(all, m[1]+" "+m[2])
	}
	slices.Sort(all)
	return all
}

// dumped are the deliveries of a service without what the two servers say of themselves.
func dumped(t *testing.T, dir string, service int) []string {
	t.Helper()
	names, err := filepath.Glob(fmt.Sprintf("%s/p%d.*", dir, service))
	if err != nil {
		t.Fatal(err)
	}
	received := regexp.MustCompile(`(?m)^Received: .*\n(?:[ \t].*\n)*`)
	date := regexp.MustCompile(`(?m)^(From .*?  )[A-Z].*[0-9](\r?)$`)
	var all []string
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		s := string(text)
		head, body, _ := strings.Cut(s, "Subject: ")
		head = date.ReplaceAllString(received.ReplaceAllString(head, ""), "${1}DATE${2}")
		head = strings.ReplaceAll(strings.ReplaceAll(head, filepath.Dir(dir), ""), "\n/spool\n", "\nQUEUE\n")
		head = regexp.MustCompile(`(?m)^/\S*/(?:queue|spool)$`).ReplaceAllString(head, "QUEUE")
		all = append(all, head+"Subject: "+body)
	}
	slices.Sort(all)
	return all
}

// Who asked to hear of success is told that a program passed the message on, or with flag X that it was
// delivered.
func TestFlagXSaysWhetherAProgramDelivers(t *testing.T) {
	needOwner(t)
	ours, theirs := newSink(t), newSink(t)
	p := preparePostfix(t, theirs.nexthop())
	d := newProgramDaemon(t, "mail_owner = postfix", "default_transport = smtp", "relayhost = "+ours.nexthop())
	services := []string{"passes unix - n n - - pipe flags=R user=nobody argv=/bin/true", "delivers unix - n n - - pipe flags=X user=nobody argv=/bin/true"}
	const routes = "transport_maps = inline:{{passes.test=passes:},{delivers.test=delivers:}}"
	d.services(services...)
	d.write("main.cf", d.read("main.cf")+routes+"\n")
	d.run()
	p.runWith(t, strings.Join(services, "\n"), routes)
	front := *d
	front.addr = p.addr
	for _, server := range []*daemon{d, &front} {
		for _, domain := range []string{"passes.test", "delivers.test"} {
			c := server.hello()
			c.do("MAIL FROM:<a@sender.test>", "250")
			c.do("RCPT TO:<r@"+domain+"> NOTIFY=SUCCESS", "250")
			c.do("DATA", "354")
			c.send([]byte("Subject: x\r\n\r\n.\r\n"))
			c.expect("250")
			_ = c.c.Close()
		}
	}
	for name, s := range map[string]*sink{"mtad": ours, "Postfix": theirs} {
		got := map[string]string{}
		for _, m := range s.wait(t, 2) {
			who := regexp.MustCompile(`\r\nFinal-Recipient: rfc822; ?r@(\S+)\r\n`).FindSubmatch(m.text)
			action := regexp.MustCompile(`\r\nAction: (\S+)`).FindSubmatch(m.text)
			if who == nil || action == nil {
				t.Fatalf("%s: no report: %.900q", name, m.text)
			}
			got[string(who[1])] = string(action[1])
		}
		if got["passes.test"] != "relayed" || got["delivers.test"] != "delivered" {
			t.Errorf("%s says %q", name, got)
		}
	}
}
