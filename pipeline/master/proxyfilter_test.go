package master_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/mtad/mtad/core/porttest"
)

// scribe is a filter in front of the queue that writes down what it is told, and answers as the script
// in addresses and text asks for.
type scribe struct {
	l    net.Listener
	done sync.WaitGroup
	busy sync.Mutex // held during a dialogue

	mu   sync.Mutex
	said []string
}

func newScribe(t *testing.T) *scribe {
	t.Helper()
	return newScribeAt(t, "tcp", porttest.Addr(t))
}

func newScribeAt(t *testing.T, network, address string) *scribe {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	f := &scribe{l: l}
	f.done.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			f.busy.Lock()
			f.serve(c)
			_ = c.Close()
			f.note("--")
			f.busy.Unlock()
		}
	})
	t.Cleanup(func() { _ = l.Close(); f.done.Wait() })
	return f
}

func (f *scribe) note(line string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.said = append(f.said, line)
}

// took returns what was said since the last call, once the last dialogue has ended.
func (f *scribe) took() string {
	f.busy.Lock()
	defer f.busy.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	text := strings.Join(f.said, "\n")
	f.said = nil
	return text
}

func (f *scribe) serve(c net.Conn) {
	r := bufio.NewReader(c)
	say := func(text string) { _, _ = io.WriteString(c, text+"\r\n") }
	say("220 filter.test ESMTP")
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimRight(line, "\r\n")
		f.note(line)
		switch verb, _, _ := strings.Cut(strings.ToUpper(line), " "); {
		case verb == "EHLO":
			say("250-filter.test\r\n250-XFORWARD NAME ADDR PROTO HELO SOURCE PORT IDENT\r\n250-8BITMIME\r\n250 DSN")
		case strings.Contains(line, "<nouser@"):
			say("550 5.1.1 no such user")
		case strings.Contains(line, "<badsender@"):
			say("550-5.1.7 this one\r\n550 5.1.7 never")
		case strings.Contains(line, "<gone@"):
			return
		case verb == "DATA":
			say("354 go on")
			text, err := readText(r)
			if err != nil {
				f.note("the text was cut off")
				return
			}
			f.note(string(text))
			switch {
			case bytes.Contains(text, []byte("SPAM")):
				say("554 5.7.0 it is spam")
			case bytes.Contains(text, []byte("LATER")):
				say("450-4.7.0 not now\r\n450 4.7.0 but later")
			case bytes.Contains(text, []byte("DIE")):
				return
			default:
				say("250 2.0.0 Ok: filtered")
			}
		case verb == "QUIT":
			say("221 2.0.0 Bye")
			return
		default:
			say("250 2.0.0 Ok")
		}
	}
}

// proxySessions are what clients say; "." ends a text.
var proxySessions = [][]string{
	{"MAIL FROM:<a@b.test> SIZE=100 BODY=8BITMIME RET=HDRS ENVID=x+2By", "RCPT TO:<x@y.test> NOTIFY=NEVER", "RCPT TO:<nouser@y.test> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;n+40y", "DATA", "Subject: x\r\n\r\nbody\r\n..dots\r\n."},
	{"MAIL FROM:<a@b.test>", "RCPT TO:<x@y.test>", "RCPT TO:<z@y.test>", "DATA", "Subject: x\r\n\r\nbody\r\n.", "MAIL FROM:<>", "RCPT TO:<x@y.test>", "DATA", "Subject: two\r\n\r\n."},
	{"MAIL FROM:<a@b.test>", "RCPT TO:<x@y.test>", "DATA", "SPAM\r\n.", "QUIT"},
	{"MAIL FROM:<a@b.test>", "RCPT TO:<x@y.test>", "DATA", "LATER\r\n."},
	{"MAIL FROM:<badsender@b.test>", "RCPT TO:<x@y.test>", "RCPT TO:<z@y.test>", "DATA"},
	{"MAIL FROM:<a@b.test>", "RCPT TO:<nouser@y.test>", "DATA"},
	{"MAIL FROM:<a@b.test>", "RCPT TO:<x@y.test>", "RSET", "MAIL FROM:<c@b.test>", "RCPT TO:<z@y.test>", "QUIT"},
	{"MAIL FROM:<a@b.test>", "RCPT TO:<gone@y.test>"},
	{"MAIL FROM:<a@b.test>", "RCPT TO:<x@y.test>", "DATA", "DIE\r\n."},
	{"MAIL FROM:<hold@b.test>", "RCPT TO:<x@y.test>", "DATA", "Subject: it cannot be held\r\n\r\n."},
	{"MAIL FROM:<a@b.test>", "RCPT TO:<refused@y.test>", "RCPT TO:<x@y.test>", "DATA", "Subject: one is refused before\r\n\r\n."},
	{"MAIL FROM:<a@b.test>", "RCPT TO:<late@y.test>", "DATA", "Subject: refused after the text\r\n\r\n."},
}

const proxyRules = `smtpd_client_restrictions = check_client_access inline:{{127.0.0.1=PREPEND X-Pre: 1}}
smtpd_sender_restrictions = check_sender_access inline:{{hold@b.test=HOLD}}
smtpd_recipient_restrictions = check_recipient_access inline:{{refused@y.test=REJECT}}
smtpd_end_of_data_restrictions = check_recipient_access inline:{{late@y.test=REJECT}}
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_error_sleep_time = 0
local_header_rewrite_clients = permit_inet_interfaces
notify_classes =
myhostname = mx.site.test
`

// What the client is told, what the filter is told, and what the log says of it, beside Postfix.
func TestAFilterInFrontOfTheQueueIsPostfixs(t *testing.T) {
	need(t, "postfix", "postfix")
	needRoot(t)
	type side struct {
		ports map[string]string
		log   *logbook
		f     *scribe
	}
	build := func(run func(services, rules string) *logbook) side {
		s := side{ports: map[string]string{}, f: newScribe(t)}
		services := ""
		for name, options := range map[string]string{"": "", "speed_adjust": " -o smtpd_proxy_options=speed_adjust", "nobody listens": " -o smtpd_proxy_filter=inet:" + porttest.Addr(t)} {
			s.ports[name] = porttest.Addr(t)
			services += s.ports[name] + " inet n - n - - smtpd -o smtpd_proxy_filter=" + s.f.l.Addr().String() + options + "\n"
		}
		s.log = run(services, proxyRules)
		return s
	}
	theirs := build(func(services, rules string) *logbook {
		return newPostfix(t, "[127.0.0.1]:1", func(p *postfix) {
			setIn(t, p.etc+"/main.cf", rules)
			appendTo(t, p.etc+"/master.cf", services)
		}).log
	})
	ours := build(func(services, rules string) *logbook {
		d := newDaemon(t)
		setIn(t, d.dir+"/main.cf", "smtpd_peername_lookup = no\nmynetworks = 127.0.0.0/8\n"+rules)
		d.services(strings.TrimSpace(services))
		d.run()
		return d.log
	})
	for _, mode := range []string{"", "speed_adjust", "nobody listens"} {
		for i, commands := range proxySessions {
			t.Run(fmt.Sprintf("%s %d %s", mode, i, commands[1]), func(t *testing.T) {
				play := func(s side) string {
					mark := s.log.mark()
					replies := proxySession(t, s.ports[mode], commands)
					s.log.waitAfter(t, mark, `disconnect from `, nil)
					return replies + "\nthe filter:\n" + proxySpoken(s.f.took()) + "\nthe log:\n" + proxyLog(s.log.String()[mark:])
				}
				if want, got := play(theirs), play(ours); want != got {
					t.Errorf("Postfix:\n%s\nmtad:\n%s", want, got)
				}
			})
		}
	}
}

func proxySession(t *testing.T, addr string, commands []string) string {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	k := &client{t: t, c: conn, r: newReader(conn)}
	var b strings.Builder
	k.reply()
	k.send([]byte("EHLO client.test\r\n"))
	k.reply()
	asked := true
	for _, c := range commands {
		if strings.HasSuffix(c, "\n.") && !asked {
			continue // nobody wants the text
		}
		k.send([]byte(c + "\r\n"))
		reply := k.reply()
		asked = strings.HasPrefix(reply, "354")
		fmt.Fprintf(&b, "%s: %s\n", c, reply)
	}
	return b.String()
}

var proxyVaries = regexp.MustCompile(`PORT=\d+|\(Postfix\)|\(mtad\)|(?m)\w{3}, \d+ \w+ \d{4} [\d:]+ [-+]\d{4} \(\w+\)`)

func proxySpoken(text string) string {
	return proxyVaries.ReplaceAllString(strings.ReplaceAll(text, "\r\n", "\n"), "…")
}

var (
	proxyLines   = regexp.MustCompile(`smtpd(?:\[\d+\])?: (.*)`)
	proxyAddress = regexp.MustCompile(`127\.0\.0\.1:\d+`)
	enhancedEach = regexp.MustCompile(`\?\?`)
)

// proxyBeside are lines of smtpd that are not about the filter.
var proxyBeside = regexp.MustCompile(`connect from |lost connection after |improper command from |prepend: `)

// proxyLog returns the lines of smtpd about the filter.
func proxyLog(text string) string {
	var b strings.Builder
	for _, m := range proxyLines.FindAllStringSubmatch(text, -1) {
		if !proxyBeside.MatchString(m[1]) {
			b.WriteString(enhancedEach.ReplaceAllString(proxyAddress.ReplaceAllString(m[1], "ADDR"), " ") + "\n")
		}
	}
	return b.String()
}

// proxyDaemon is a daemon with a filter in front of its queue, and the services of Postfix's
// SMTPD_PROXY_README: mail comes back by a second port.
func proxyDaemon(t *testing.T, options string, lines ...string) (d *daemon, filterAddr, back string) {
	t.Helper()
	filterAddr, back = porttest.Addr(t), porttest.Addr(t)
	d = newDaemon(t, lines...)
	d.addr = porttest.Addr(t)
	d.services(d.addr+` inet n - n - 20 smtpd
    -o smtpd_proxy_filter=`+filterAddr+`
    -o smtpd_client_connection_count_limit=10`+options, back+` inet n - n - - smtpd
    -o smtpd_authorized_xforward_hosts=127.0.0.0/8
    -o smtpd_client_restrictions=
    -o smtpd_helo_restrictions=
    -o smtpd_sender_restrictions=
    -o smtpd_relay_restrictions=
    -o smtpd_recipient_restrictions=permit_mynetworks,reject
    -o smtpd_data_restrictions=
    -o mynetworks=127.0.0.0/8
    -o receive_override_options=no_unknown_recipient_checks`)
	return d, filterAddr, back
}

// Mail passes the filter before it is accepted, in whatever size, and is queued once, by the second
// port: the client hears what that said.
func TestMailPassesAFilterBeforeItIsAccepted(t *testing.T) {
	for _, mode := range []struct{ name, options string }{{"as it comes", ""}, {"speed_adjust", "\n    -o smtpd_proxy_options=speed_adjust"}} {
		t.Run(mode.name, func(t *testing.T) {
			s := newSink(t)
			d, addr, back := proxyDaemon(t, mode.options, "relayhost = "+s.nexthop())
			newFilter(t, addr, back, func(text []byte) string {
				if bytes.Contains(text, []byte("EICAR")) {
					return "554 5.7.0 Reject, id=1 - INFECTED: Eicar"
				}
				return ""
			})
			d.run()
			large := []byte("Subject: large\r\n\r\n" + strings.Repeat(".a line of a message that does not fit into memory\r\n", 5000))
			c := d.hello()
			for _, text := range [][]byte{[]byte("Subject: small\r\n\r\n.dot\r\n"), large} {
				if got := c.mail("a@sender.test", "b@one.test c@two.test", text); !strings.HasPrefix(got, "250 2.0.0 from MTA(smtp:["+back+"]): 250 2.0.0 Ok: queued as ") {
					t.Errorf("got %q", got)
				}
			}
			if got := c.mail("a@sender.test", "b@one.test", []byte("Subject: x\r\n\r\nEICAR\r\n")); got != "554 5.7.0 Reject, id=1 - INFECTED: Eicar" {
				t.Errorf("got %q", got)
			}
			all := s.waitFor(func(all []*received) bool { return recipients(all) == 4 })
			for _, m := range all {
				if !bytes.Contains(m.text, []byte("X-Virus-Scanned: by filter.test\r\n")) || bytes.Count(m.text, []byte("Received: ")) != 2 {
					t.Errorf("a message came otherwise than through the filter once:\n%.600s", m.text)
				}
				if bytes.Contains(m.text, []byte("large")) && !bytes.HasSuffix(m.text, large[16:]) {
					t.Errorf("the large message is not what was sent: %d bytes", len(m.text))
				}
			}
			d.log.waitCount(t, `smtpd\[\d+\]: proxy-accept: END-OF-MESSAGE: 250 2\.0\.0 from MTA\(smtp:\[`+back+`\]\): 250 2\.0\.0 Ok: queued as \S+; from=<a@sender\.test> to=<b@one\.test> proto=ESMTP helo=<client\.test>`, 2)
			d.log.wait(t, `proxy-reject: END-OF-MESSAGE: 554 5\.7\.0 Reject, id=1 - INFECTED: Eicar; from=<a@sender\.test> to=<b@one\.test>`)
		})
	}
}

// A filter that is told of the client by XFORWARD may pass it on to the second port, whose log has it.
func TestAFilterInFrontOfTheQueueHearsOfTheClient(t *testing.T) {
	f := newScribe(t)
	d := newDaemon(t, "smtpd_proxy_filter = inet:"+f.l.Addr().String(), "smtpd_proxy_ehlo = front.test", "smtpd_proxy_timeout = 20s",
		"smtpd_authorized_xforward_hosts = 127.0.0.0/8")
	d.run()
	c := d.hello()
	c.do("XFORWARD NAME=client.example ADDR=IPV6:2001:db8::1 PORT=4711 HELO=h.example PROTO=SMTP IDENT=ABC SOURCE=REMOTE", "250")
	c.do("MAIL FROM:<a@sender.test>", "250")
	c.do("RCPT TO:<b@one.test>", "250")
	c.do("DATA", "354")
	c.send([]byte("Subject: x\r\n\r\n.\r\n"))
	if got := c.reply(); got != "250 2.0.0 Ok: filtered" {
		t.Errorf("got %q", got)
	}
	said := f.took()
	for _, want := range []string{"EHLO front.test\n", "XFORWARD NAME=client.example ADDR=IPV6:2001:db8::1 PORT=4711 HELO=h.example IDENT=ABC PROTO=SMTP SOURCE=REMOTE\n", "DATA\nSubject: x\r\n"} {
		if !strings.Contains(said, want) {
			t.Errorf("the filter did not hear %q:\n%s", want, said)
		}
	}
	d.log.wait(t, `NOQUEUE: client=unknown\[127\.0\.0\.1\], orig_queue_id=ABC, orig_client=client\.example\[2001:db8::1\]`)
}

// smtpd_proxy_filter in all the forms that sites write it in.
func TestAFilterInFrontOfTheQueueIsNamedInManyWays(t *testing.T) {
	f := newScribe(t)
	_, port, _ := net.SplitHostPort(f.l.Addr().String())
	d := newDaemon(t)
	socket := newScribeAt(t, "unix", filepath.Join(d.dir, "filter"))
	names := map[string]*scribe{"127.0.0.1:" + port: f, "[127.0.0.1]:" + port: f, "inet:[127.0.0.1]:" + port: f, "inet:localhost:" + port: f, port: f,
		"unix:" + d.dir + "/filter": socket, "unix:../filter": socket}
	addrs, services := map[string]string{}, ""
	for name := range names {
		addrs[name] = porttest.Addr(t)
		services += addrs[name] + " inet n - n - - smtpd -o smtpd_proxy_filter=" + name + "\n"
	}
	d.services(strings.TrimSpace(services))
	d.run()
	for name, at := range names {
		replies := proxySession(t, addrs[name], []string{"MAIL FROM:<a@b.test>", "RCPT TO:<x@y.test>", "DATA", "Subject: x\r\n\r\n.", "QUIT"})
		if said := at.took(); !strings.Contains(replies, "250 2.0.0 Ok: filtered") || !strings.Contains(said, "RCPT TO:<x@y.test>") {
			t.Errorf("%s:\n%s\nthe filter:\n%s", name, replies, said)
		}
	}
}

// A configuration that names no filter we could reach is an error at start.
func TestAFilterInFrontOfTheQueueNeedsAnAddress(t *testing.T) {
	for _, lines := range []string{"smtpd_proxy_filter = [127.0.0.1:1", "smtpd_proxy_filter = 127.0.0.1:1\nsmtpd_proxy_options = faster"} {
		d := newDaemon(t, lines)
		d.launch()
		if code := d.wait(); code == 0 {
			t.Errorf("%s: it runs", lines)
		}
		d.log.wait(t, `smtpd_proxy_(filter|options): `)
	}
}
