package master_test

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/mtad/mtad/core/porttest"
	"github.com/mtad/mtad/core/sasl/dovecot/dovecottest"
	"github.com/mtad/mtad/pipeline/ctl"
)

// The same configuration and the same sessions for Postfix and for mtad: replies, and what arrives
// at the next hops, must be equal. A file of testdata/differential is a configuration: files after
// lines "-- name --", of which main.cf and master.cf are added to the usual ones and cases has the sessions, one per
// line:
//
//	from > recipient … ; helo NAME ; client ADDRESS ; mail PARAMETERS ; Field: value | line of the body | …
//	each from > recipient …        (a session per recipient)
//	say COMMAND | COMMAND … ; client ADDRESS        (no message: what is answered after EHLO)
//
// "; tls NAME" or "; tls NAME@SERVER" secures the session, with a certificate of the certbook ("none" for none)
// and the name of a server that is asked for; what the log and Received say of it is compared, too. "; old"
// does it by TLS 1.2.
//
// "!" before a case: its messages go nowhere. "held" before a case: they are on hold, and released. "~NAME" before a case: mtad differs, and
// docs/differences.md says why under that name. %DIR% is the directory of the files; %LOCAL%,
// %VIRTUAL%, %RELAY%, %OTHER% are next hops, as is everything else by default; they refuse recipients
// whose names begin with refused-there (550) and later-there (450). %POLICY% is a policy service, as is
// unix:%DIR%/policy. %DOVECOT% is the socket of a Dovecot that knows alice with the password secret. A
// %NAME% that nothing replaces is an error: Postfix would wait for a service of that name.
func TestDifferential(t *testing.T) {
	need(t, "postfix", "postfix postfix-pcre")
	needRoot(t)
	files, err := filepath.Glob("testdata/differential/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, f := range files {
		t.Run(strings.TrimSuffix(filepath.Base(f), ".txt"), func(t *testing.T) { differ(t, f) })
	}
}

// differ plays the cases of one file.
func differ(t *testing.T, file string) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(text, []byte("%DOVECOT%")) {
		text = bytes.ReplaceAll(text, []byte("%DOVECOT%"), []byte(dovecottest.Start(t, "alice:{PLAIN}secret")))
	}
	parts := splitArchive(string(text))
	explained, err := os.ReadFile("../../docs/differences.md")
	if err != nil {
		t.Fatal(err)
	}
	differences := string(explained)
	if zone := parts["zone"]; zone != "" { // the DNS that both ask
		parts[ownDNS] = ownResolver(t, zone)
	}
	theirs, ours := postfixSite(t, parts), mtadSite(t, parts)
	theirs.pattern, ours.pattern = strings.TrimSpace(parts["log"]), strings.TrimSpace(parts["log"])
	for i, c := range parseCases(t, parts["cases"]) {
		t.Run(c.line, func(t *testing.T) {
			want, got := theirs.play(t, i, c), ours.play(t, i, c)
			if c.differs != "" {
				if want == got {
					t.Errorf("differs no more from Postfix (%s):\n%s", c.differs, got)
				}
				if !strings.Contains(differences, "`"+c.differs+"`") {
					t.Errorf("docs/differences.md does not explain %s", c.differs)
				}
				return
			}
			if want != got {
				t.Errorf("Postfix:\n%smtad:\n%s", want, got)
			}
		})
	}
}

func splitArchive(text string) map[string]string {
	parts := map[string]string{}
	name := ""
	for line := range strings.Lines(text) {
		if n, ok := strings.CutPrefix(strings.TrimSpace(line), "-- "); ok && strings.HasSuffix(n, " --") {
			name = strings.TrimSuffix(n, " --")
			continue
		}
		parts[name] += line
	}
	return parts
}

// diffCase is one session.
type diffCase struct {
	line, from, helo, client string
	tls                      string // "" for none
	old                      bool
	to, fields, says, body   []string
	mail                     string // parameters of MAIL
	nowhere, held            bool
	differs                  string // the name of the difference that is wanted
}

func parseCases(t *testing.T, text string) (all []diffCase) {
	t.Helper()
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		c := diffCase{line: line, helo: "client.test", client: "127.0.0.1"}
		rest := line
		if strings.HasPrefix(rest, "~") {
			c.differs, rest, _ = strings.Cut(rest[1:], " ")
		}
		rest, c.nowhere = strings.CutPrefix(rest, "! ")
		rest, c.held = strings.CutPrefix(rest, "held ")
		rest, each := strings.CutPrefix(rest, "each ")
		options := strings.Split(rest, " ; ")
		if last := &options[len(options)-1]; strings.Contains(*last, ": ") {
			words := strings.Split(*last, " | ")
			*last, c.body = words[0], words[1:]
		}
		if commands, ok := strings.CutPrefix(options[0], "say "); ok {
			c.says = strings.Split(commands, " | ")
		} else if from, to, ok := strings.Cut(options[0], " > "); ok {
			c.from, c.to = strings.Trim(from, "<>"), strings.Fields(to)
		} else {
			t.Fatalf("%s: want from > to", line)
		}
		for _, o := range options[1:] {
			if v, ok := strings.CutPrefix(o, "helo "); ok {
				c.helo = v
			} else if v, ok := strings.CutPrefix(o, "client "); ok {
				c.client = v
			} else if v, ok := strings.CutPrefix(o, "mail "); ok {
				c.mail = " " + v
			} else if v, ok := strings.CutPrefix(o, "tls "); ok {
				c.tls = v
			} else if o == "old" {
				c.old = true
			} else {
				c.fields = append(c.fields, o)
			}
		}
		if !each {
			all = append(all, c)
			continue
		}
		for _, r := range c.to {
			one := c
			one.line, one.to = c.from+" > "+r, []string{r}
			if c.tls != "" {
				one.line += " tls " + c.tls
			}
			all = append(all, one)
		}
	}
	return all
}

// site is a server with its next hops.
type site struct {
	addr  string
	log   *logbook
	sinks map[string]*sink
	// policy is a policy service, "inet:host:port".
	policy string
	// release releases a message that is on hold.
	release func(id string)
	// pattern says which lines of the log are compared, "" for none.
	pattern string
}

var sinkNames = []string{"DEFAULT", "LOCAL", "VIRTUAL", "RELAY", "OTHER"}

func newSite(t *testing.T) *site {
	s := &site{sinks: map[string]*sink{}, policy: "inet:" + policyServer(t, "tcp", porttest.Addr(t))}
	for _, n := range sinkNames {
		s.sinks[n] = newSink(t, func(k *sink) { k.keywords, k.answer = []string{"8BITMIME", "DSN"}, picky })
	}
	return s
}

// picky refuses recipients that ask for it, at every next hop.
func picky(command string) string {
	switch {
	case strings.HasPrefix(command, "RCPT TO:<refused-there"):
		return "550 5.1.1 no such user here"
	case strings.HasPrefix(command, "RCPT TO:<later-there"):
		return "450 4.2.0 try again later"
	}
	return ""
}

// lines are the main.cf lines of a site.
func (s *site) lines(t *testing.T, parts map[string]string, dir string) string {
	return s.expand(t, "smtpd_error_sleep_time = 0\nsmtpd_hard_error_limit = 1000\nmyhostname = mx.site.test\nmydomain = site.test\nmydestination = site.test\n"+
		"default_transport = smtp:%DEFAULT%\nrelayhost =\nrelay_transport = relay:%RELAY%\nlocal_transport = smtp:%LOCAL%\nvirtual_transport = smtp:%VIRTUAL%\n"+
		"smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination\nmynetworks = 127.0.0.1/32\nrecipient_delimiter = +\n"+parts["main.cf"], dir)
}

var unexpanded = regexp.MustCompile(`%[A-Z]+%`)

func (s *site) expand(t *testing.T, text, dir string) string {
	t.Helper()
	text = strings.ReplaceAll(strings.ReplaceAll(text, "%DIR%", dir), "%POLICY%", s.policy)
	for name, k := range s.sinks {
		text = strings.ReplaceAll(text, "%"+name+"%", k.nexthop())
	}
	if left := unexpanded.FindString(text); left != "" {
		t.Fatalf("nothing replaces %s", left)
	}
	return text
}

func (s *site) files(t *testing.T, parts map[string]string, dir string) {
	t.Helper()
	if strings.Contains(parts["main.cf"], "smtpd_tls") {
		certs(t).write(t, dir)
	}
	policyServer(t, "unix", filepath.Join(dir, "policy"))
	if err := os.Chmod(filepath.Join(dir, "policy"), 0o777); err != nil {
		t.Fatal(err)
	}
	for name, text := range parts {
		if name == "" || name == "cases" || name == ownDNS || name == "main.cf" || name == "master.cf" {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(certs(t).expand(t, s.expand(t, text, dir))), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

const slowService = "slow unix - - n - - smtp\n"

func postfixSite(t *testing.T, parts map[string]string) *site { return postfixOn(t, newSite(t), parts) }

// postfixOn starts a Postfix with the next hops of s.
func postfixOn(t *testing.T, s *site, parts map[string]string) *site {
	t.Helper()
	p := newPostfix(t, s.sinks["DEFAULT"].nexthop(), func(p *postfix) {
		p.wrap = wrapped(parts)
		s.files(t, parts, p.etc)
		setIn(t, p.etc+"/main.cf", s.lines(t, parts, p.etc))
		appendTo(t, p.etc+"/master.cf", slowService+s.expand(t, parts["master.cf"], p.etc))
	})
	s.addr, s.log = p.addr, p.log
	s.release = func(id string) {
		command(t, "postsuper", "-c", p.etc, "-H", id)
		command(t, "postqueue", "-c", p.etc, "-i", id)
	}
	return s
}

// setIn sets parameters in a main.cf, each once: Postfix's master warns of every one that is set
// twice, and more than ten warnings before its log service runs make it wait for ever.
func setIn(t *testing.T, name, lines string) {
	t.Helper()
	old, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var order []string
	values := map[string]string{}
	for line := range strings.Lines(string(old) + lines) {
		parameter, _, ok := strings.Cut(line, " =")
		if !ok {
			continue
		}
		if _, twice := values[parameter]; !twice {
			order = append(order, parameter)
		}
		values[parameter] = line
	}
	var b strings.Builder
	for _, parameter := range order {
		b.WriteString(values[parameter])
	}
	if err := os.WriteFile(name, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

func appendTo(t *testing.T, name, text string) {
	t.Helper()
	old, err := os.ReadFile(name)
	if err == nil {
		err = os.WriteFile(name, append(old, text...), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func mtadSite(t *testing.T, parts map[string]string) *site { return mtadOn(t, newSite(t), parts) }

// mtadOn starts a mtad with the next hops of s.
func mtadOn(t *testing.T, s *site, parts map[string]string) *site {
	t.Helper()
	d := newDaemon(t)
	d.wrap = wrapped(parts)
	s.files(t, parts, d.dir)
	setIn(t, d.dir+"/main.cf", "smtpd_peername_lookup = no\nlocal_header_rewrite_clients =\nmessage_drop_headers =\n"+s.lines(t, parts, d.dir))
	appendTo(t, d.dir+"/master.cf", slowService+s.expand(t, parts["master.cf"], d.dir))
	d.run()
	s.addr, s.log = d.addr, d.log
	c := ctl.NewClient(filepath.Join(d.dir, "queue/public/mtad"))
	t.Cleanup(c.Close)
	s.release = func(id string) {
		if err := c.Release(t.Context(), id); err != nil {
			t.Errorf("release %s: %v", id, err)
		}
	}
	return s
}

var enhancedCode = regexp.MustCompile(`(: \d{3}) \d\.\d+\.\d+ `)

var queueID = regexp.MustCompile(`queued as (\S+)`)

// play returns the replies of a session and what arrived of its message, as text to compare.
func (s *site) play(t *testing.T, n int, c diffCase) (out string) {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(c.client)}, Timeout: patience}
	conn, err := d.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	k := &client{t: t, c: conn, r: newReader(conn)}
	var b strings.Builder
	began := s.log.mark()
	say := func(command string) string {
		k.send([]byte(command + "\r\n"))
		reply := queueID.ReplaceAllString(k.reply(), "queued")
		fmt.Fprintf(&b, "  %s: %s\n", command, reply)
		return reply
	}
	k.reply()
	k.send([]byte("EHLO " + c.helo + "\r\n"))
	k.reply()
	if c.tls != "" || s.pattern != "" {
		defer func() { // so that the lines of the next session are its own
			_ = conn.Close()
			s.log.waitAfter(t, began, `disconnect from `, nil)
			out += s.logged(began)
		}()
	}
	if c.tls != "" {
		if !s.secure(&b, k, c, began) {
			return b.String()
		}
	}
	for _, command := range c.says {
		say(command)
	}
	if len(c.says) > 0 { // Postfix's replies to ETRN have no enhanced codes, ours do (RFC 2034 §4)
		return enhancedCode.ReplaceAllString(b.String(), "$1 ")
	}
	say("MAIL FROM:<" + c.from + ">" + c.mail)
	accepted := false
	for _, r := range c.to {
		accepted = strings.HasPrefix(say("RCPT TO:<"+r+">"), "250") || accepted
	}
	if accepted && strings.HasPrefix(say("DATA"), "354") {
		k.send(stuffed([]byte(fmt.Sprintf("X-Case: %d\r\nDate: Mon, 23 Nov 2026 00:00:00 +0000\r\nMessage-Id: <%d@c>\r\n%s\r\n%s", n, n, fieldLines(c.fields), fieldLines(append(c.body, "body"))))))
		reply := k.reply()
		fmt.Fprintf(&b, "  end of data: %s\n", queueID.ReplaceAllString(reply, "queued"))
		if m := queueID.FindStringSubmatch(reply); m != nil && !c.nowhere {
			if c.held {
				s.release(m[1])
			}
			s.log.wait(t, m[1]+`: removed`)
			b.WriteString(s.arrived(n, c.tls != ""))
		}
	}
	return b.String()
}

func fieldLines(fields []string) string {
	var b strings.Builder
	for _, f := range fields {
		b.WriteString(f + "\r\n")
	}
	return b.String()
}

var addressField = regexp.MustCompile(`(?mi)^(?:from|to|cc|reply-to|sender|x-added): .*(?:\r\n[ \t].*)*`)

// arrived tells of each recipient where it went, from whom, and the fields that have addresses.
func (s *site) arrived(n int, secured bool) string {
	mark := fmt.Appendf(nil, "X-Case: %d\r\n", n)
	lines := map[string]bool{}
	for name, k := range s.sinks {
		for _, m := range k.messages() {
			head, body, _ := bytes.Cut(m.text, []byte("\r\n\r\n"))
			if !bytes.Contains(append(head, '\r', '\n'), mark) {
				continue
			}
			for _, r := range m.to {
				lines[fmt.Sprintf("  %s: %s%s → %s\n", name, envelopeAddress(m.from), bodyParameter.FindString(m.from), envelopeAddress(r))] = true
			}
			lines[fmt.Sprintf("  body %q\n", body)] = true
			if secured {
				lines["  Received: "+sameTLS(receivedTLS.FindString(string(head)))+"\n"] = true
			}
			for _, f := range addressField.FindAll(head, -1) {
				lines["  "+strings.Join(strings.Fields(string(f)), " ")+"\n"] = true
			}
		}
	}
	var all []string
	for l := range lines {
		all = append(all, l)
	}
	slices.Sort(all)
	return strings.Join(all, "")
}

// bodyParameter is what MAIL says of the text (RFC 6152).
var bodyParameter = regexp.MustCompile(` BODY=\S+`)

// envelopeAddress is the address of MAIL and RCPT without its parameters.
func envelopeAddress(s string) string {
	if i := strings.LastIndexByte(s, '>'); i >= 0 {
		return s[:i+1]
	}
	return s
}
