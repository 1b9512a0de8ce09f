package master_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/mtad/mtad/core/porttest"
)

// hopServer is a next hop that answers as its script says: lines "command reply", of which the first
// that a command line begins with counts ("." is the end of data, in LMTP ". RCPT…" for each
// recipient; "220" the greeting). The reply GONE closes the connection; "\n" begins a line of a reply.
type hopServer struct {
	l      net.Listener
	script []string
	lmtp   bool
	done   sync.WaitGroup
}

func newHopServer(t *testing.T, lmtp bool, script ...string) *hopServer {
	t.Helper()
	l, err := net.Listen("tcp", porttest.Addr(t))
	if err != nil {
		t.Fatal(err)
	}
	h := &hopServer{l: l, script: script, lmtp: lmtp}
	h.done.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			h.done.Go(func() { h.serve(c); _ = c.Close() })
		}
	})
	t.Cleanup(func() { _ = l.Close(); h.done.Wait() })
	return h
}

// answer says the reply to a command, the usual one when the script has none; it reports false when the
// connection is over.
func (h *hopServer) answer(c net.Conn, command, usual string) (string, bool) {
	reply := usual
	for _, s := range h.script {
		if when, what, _ := strings.Cut(s, " → "); strings.HasPrefix(command, when) {
			reply = what
			break
		}
	}
	if reply == "GONE" {
		return "", false
	}
	_, err := io.WriteString(c, strings.ReplaceAll(reply, "\n", "\r\n")+"\r\n")
	return reply, err == nil
}

func (h *hopServer) serve(c net.Conn) {
	r := bufio.NewReader(c)
	_, ok := h.answer(c, "220", "220 hop.test ESMTP")
	var to []string
	for ok {
		var reply string
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimRight(line, "\r\n")
		switch verb, _, _ := strings.Cut(line, " "); verb {
		case "EHLO", "LHLO":
			_, ok = h.answer(c, line, "250-hop.test\n250-PIPELINING\n250 8BITMIME")
		case "RCPT":
			if reply, ok = h.answer(c, line, "250 2.1.5 Ok"); strings.HasPrefix(reply, "2") {
				to = append(to, line)
			}
		case "DATA":
			if reply, ok = h.answer(c, line, "354 go on"); !strings.HasPrefix(reply, "354") {
				continue
			}
			if _, err := readText(r); err != nil {
				return
			}
			if !h.lmtp {
				to = []string{""}
			}
			for _, rcpt := range to {
				if ok {
					_, ok = h.answer(c, strings.TrimSpace(". "+rcpt), "250 2.0.0 Ok: taken")
				}
			}
			to = nil
		case "QUIT":
			_, _ = h.answer(c, line, "221 2.0.0 Bye")
			return
		default:
			_, ok = h.answer(c, line, "250 2.0.0 Ok")
		}
	}
}

// dispositions are what next hops say, and to how many recipients.
var dispositions = []struct {
	name, service string
	recipients    int
	script        []string
}{
	{"taken", "smtp", 1, nil},
	{"taken with words of its own", "smtp", 1, []string{". → 250 thank you"}},
	{"greeting of class 5", "smtp", 1, []string{"220 → 554 5.7.1 not you"}},
	{"greeting of class 4", "smtp", 1, []string{"220 → 421 4.3.2 later"}},
	{"no greeting", "smtp", 1, []string{"220 → GONE"}},
	{"EHLO is not known", "smtp", 1, []string{"EHLO → 500 what"}},
	{"neither EHLO nor HELO", "smtp", 1, []string{"EHLO → 500 what", "HELO → 550 5.7.1 go away"}},
	{"gone at EHLO", "smtp", 1, []string{"EHLO → GONE"}},
	{"MAIL refused for good", "smtp", 1, []string{"MAIL → 550 5.1.8 bad sender"}},
	{"MAIL refused for now", "smtp", 2, []string{"MAIL → 451 4.7.1 greylisted"}},
	{"gone at MAIL", "smtp", 1, []string{"MAIL → GONE"}},
	{"an unknown user", "smtp", 1, []string{"RCPT → 550 5.1.1 <x> no such user"}},
	{"a refusal without enhanced code", "smtp", 1, []string{"RCPT → 550 no such user"}},
	{"an enhanced code of another class", "smtp", 1, []string{"RCPT → 550 4.1.1 no such user"}},
	{"a mailbox that is full", "smtp", 1, []string{"RCPT → 452 4.2.2 mailbox full"}},
	{"one of two refused", "smtp", 2, []string{"RCPT TO:<r0 → 550 5.1.1 not this one"}},
	{"both refused, one for now", "smtp", 2, []string{"RCPT TO:<r0 → 550 5.1.1 not this one", "RCPT TO:<r1 → 450 4.2.1 later"}},
	{"a refusal in several lines", "smtp", 1, []string{"RCPT → 550-5.7.1 first\n550-5.7.1 second\n550 5.7.1 third"}},
	{"gone at RCPT", "smtp", 1, []string{"RCPT → GONE"}},
	{"DATA refused", "smtp", 1, []string{"DATA → 554 5.5.1 no"}},
	{"DATA refused for now", "smtp", 1, []string{"DATA → 451 4.3.0 later"}},
	{"gone at DATA", "smtp", 1, []string{"DATA → GONE"}},
	{"the text refused", "smtp", 2, []string{". → 550 5.7.1 spam"}},
	{"the text refused for now", "smtp", 1, []string{". → 451 4.7.1 later"}},
	{"too big", "smtp", 1, []string{". → 552 5.3.4 too big"}},
	{"gone at the end", "smtp", 1, []string{". → GONE"}},
	{"421 in the middle", "smtp", 1, []string{"RCPT → 421 4.3.2 shutting down"}},
	{"LMTP: both taken", "lmtp", 2, nil},
	{"LMTP: one taken, one refused", "lmtp", 2, []string{". RCPT TO:<r0 → 250 2.0.0 stored", ". RCPT TO:<r1 → 550 5.2.2 over quota"}},
	{"LMTP: one taken, one for later", "lmtp", 2, []string{". RCPT TO:<r1 → 452 4.2.2 over quota"}},
	{"LMTP: one refused at RCPT", "lmtp", 2, []string{"RCPT TO:<r0 → 550 5.1.1 unknown", ". RCPT TO:<r1 → 451 4.3.0 later"}},
	{"LMTP: LHLO refused", "lmtp", 1, []string{"LHLO → 500 what"}},
	{"LMTP: gone behind the first", "lmtp", 2, []string{". RCPT TO:<r0 → 250 2.0.0 stored", ". RCPT TO:<r1 → GONE"}},
}

// Rows K01, K02: next hops' replies become the same line of the log and the same notice as with Postfix.
func TestNextHopsRepliesEndAsWithPostfix(t *testing.T) {
	need(t, "postfix", "postfix")
	needRoot(t)
	maps := ""
	for i, d := range dispositions {
		addr := newHopServer(t, d.service == "lmtp", d.script...).l.Addr().String()
		_, port, _ := net.SplitHostPort(addr)
		maps += fmt.Sprintf("d%d.test %s:%s\n", i, d.service, map[string]string{"smtp": "[127.0.0.1]:" + port, "lmtp": "inet:127.0.0.1:" + port}[d.service])
	}
	maps += "refused.test smtp:[127.0.0.1]:" + unused(t) + "\nerror.test error:5.1.2 nobody is here\nplain.test error:no code\nretry.test retry:4.4.1 not now\ndiscard.test discard:silently\n"
	theirBack, ourBack := newSink(t), newSink(t)
	lines := func(back *sink, dir string) string {
		return "transport_maps = texthash:" + dir + "/transport\nrelayhost = " + back.nexthop() + "\nlmtp_tls_security_level = none\nmyhostname = mx.site.test\nmydomain = site.test\nmyorigin = site.test\nmydestination =\nsmtpd_relay_restrictions = permit_mynetworks, reject\nsmtpd_reject_unlisted_recipient = no\n"
	}
	p := newPostfix(t, theirBack.nexthop(), func(p *postfix) {
		if err := os.WriteFile(p.etc+"/transport", []byte(maps), 0o644); err != nil {
			t.Fatal(err)
		}
		setIn(t, p.etc+"/main.cf", lines(theirBack, p.etc))
	})
	d := newDaemon(t)
	d.write("transport", maps)
	setIn(t, d.dir+"/main.cf", lines(ourBack, d.dir))
	d.run()
	front := *d
	front.addr = p.addr
	ask := func(t *testing.T, via daemon, log *logbook, back *sink, domain string, n int) string {
		via.t = t
		sender := domain + "@back.test"
		var to []string
		for i := range n {
			to = append(to, fmt.Sprintf("r%d@%s", i, domain))
		}
		via.post(sender, strings.Join(to, " "), []byte("Subject: x\r\n\r\nbody\r\n"))
		return ended(t, log, back, sender, domain, n)
	}
	domains, counts := []string{"refused.test", "error.test", "plain.test", "retry.test", "discard.test"}, []int{1, 1, 1, 1, 1}
	names := slices.Clone(domains)
	for i, c := range dispositions {
		domains, counts, names = append(domains, fmt.Sprintf("d%d.test", i)), append(counts, c.recipients), append(names, c.name)
	}
	for i, domain := range domains {
		t.Run(names[i], func(t *testing.T) {
			if want, got := ask(t, front, p.log, theirBack, domain, counts[i]), ask(t, *d, d.log, ourBack, domain, counts[i]); want != got {
				t.Errorf("Postfix:\n%smtad:\n%s", want, got)
			}
		})
	}
}

var dispositionVaries = regexp.MustCompile(`^.*?: [0-9A-Za-z]+: |delay=[\d.]+, delays=[\d./]+, |conn_use=\d+, `)

// ended returns the last line of the log about each recipient, and what the notice says of those that
// bounced.
func ended(t *testing.T, log *logbook, back *sink, sender, domain string, n int) string {
	t.Helper()
	var lines []string
	bounced := 0
	for i := range n {
		line := log.wait(t, fmt.Sprintf(`(?m)^.*: to=<r%d@%s>, .*status=.*$`, i, regexp.QuoteMeta(domain)))[0]
		if strings.Contains(line, "status=bounced") {
			bounced++
		}
		lines = append(lines, dispositionVaries.ReplaceAllString(line, ""))
	}
	if bounced > 0 {
		all := back.waitFor(func(all []*received) bool {
			return slices.ContainsFunc(all, func(m *received) bool { return strings.Contains(m.to[0], sender) })
		})
		for _, m := range all {
			if strings.Contains(m.to[0], sender) {
				lines = append(lines, reported(string(m.text))...)
			}
		}
	}
	return strings.Join(lines, "\n") + "\n"
}

var reportField = regexp.MustCompile(`(?m)^(?:Final-Recipient|Action|Status|Remote-MTA|Diagnostic-Code): .*(?:\r\n[ \t].*)*`)

// reported returns the fields of a notice about recipients. Original-Recipient is not among them: Postfix
// has it even where nobody gave an ORCPT, which RFC 3464 §2.3.1 forbids.
func reported(text string) (fields []string) {
	for _, f := range reportField.FindAllString(text, -1) {
		fields = append(fields, strings.Replace(strings.Join(strings.Fields(f), " "), "X-Postfix;", "X-mtad;", 1))
	}
	return fields
}

// unused is a port at which nobody listens.
func unused(t *testing.T) string {
	_, port, _ := net.SplitHostPort(porttest.Addr(t))
	return port
}
