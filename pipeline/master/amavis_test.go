package master_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mtad/mtad/core/porttest"
)

// filter is a content filter as amavis is one: it takes mail over SMTP, gives it back to a second
// port of the mail system with a field more, and answers the end of data with what that said.
type filter struct {
	addr, back string
	// refuse may give the reply to a message instead; "" hands it back.
	refuse func(text []byte) string
	l      net.Listener
	done   sync.WaitGroup

	mu   sync.Mutex
	seen []*received
}

func newFilter(t *testing.T, addr, back string, refuse func(text []byte) string) *filter {
	t.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	f := &filter{addr: addr, back: back, refuse: refuse, l: l}
	f.done.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			f.done.Go(func() { f.serve(c) })
		}
	})
	t.Cleanup(func() { _ = l.Close(); f.done.Wait() })
	return f
}

// serve plays the server's side; a client that goes away ends it.
func (f *filter) serve(c net.Conn) {
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	r := bufio.NewReader(c)
	say := func(text string) { _, _ = io.WriteString(c, text+"\r\n") }
	say("220 filter.test ESMTP")
	m := &received{}
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimRight(line, "\r\n")
		switch verb, _, _ := strings.Cut(strings.ToUpper(line), " "); verb {
		case "EHLO":
			say("250-filter.test\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 DSN")
		case "MAIL":
			m = &received{from: line[len("MAIL "):]}
			say("250 2.1.0 Ok")
		case "RCPT":
			m.to = append(m.to, line[len("RCPT "):])
			say("250 2.1.5 Ok")
		case "DATA":
			say("354 go on")
			if m.text, err = readText(r); err != nil {
				return
			}
			say(f.decide(m))
		case "QUIT":
			say("221 2.0.0 Bye")
			return
		default:
			say("250 2.0.0 Ok")
		}
	}
}

// decide is the filter's answer to a message.
func (f *filter) decide(m *received) string {
	f.mu.Lock()
	f.seen = append(f.seen, m)
	f.mu.Unlock()
	if f.refuse != nil {
		if reply := f.refuse(m.text); reply != "" {
			return reply
		}
	}
	reply, err := f.handBack(m)
	if err != nil {
		return "451 4.5.0 the way back is closed"
	}
	return fmt.Sprintf("%s from MTA(smtp:[%s]): %s", reply[:len("250 2.0.0")], f.back, reply)
}

func (f *filter) handBack(m *received) (string, error) {
	c, err := net.Dial("tcp", f.back)
	if err != nil {
		return "", err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	text := append([]byte("X-Virus-Scanned: by filter.test\r\n"), m.text...)
	say := []string{"", "HELO filter.test\r\n", "MAIL " + plainPath(m.from) + "\r\n"}
	for _, to := range m.to {
		say = append(say, "RCPT "+plainPath(to)+"\r\n")
	}
	say = append(say, "DATA\r\n", string(stuffed(text)))
	r, reply := bufio.NewReader(c), ""
	for _, s := range say {
		if _, err = io.WriteString(c, s); err != nil {
			return "", err
		}
		if reply, err = r.ReadString('\n'); err != nil {
			return "", err
		}
		if reply[0] > '3' {
			break
		}
	}
	_, _ = io.WriteString(c, "QUIT\r\n")
	return strings.TrimRight(reply, "\r\n"), nil
}

// plainPath is the argument of a MAIL or RCPT without its parameters.
func plainPath(arg string) string { return arg[:strings.IndexByte(arg, '>')+1] }

// count is how many messages the filter has seen.
func (f *filter) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.seen)
}

// amavisDaemon is a daemon whose mail goes through a filter, with the services that amavis's own
// documentation gives to master.cf.
func amavisDaemon(t *testing.T, filterAddr string, lines ...string) (d *daemon, back string) {
	t.Helper()
	_, port, _ := net.SplitHostPort(filterAddr)
	back = porttest.Addr(t)
	d = newDaemon(t, append([]string{"content_filter = smtp-amavis:[127.0.0.1]:" + port,
		"smtp-amavis_destination_recipient_limit = 20", "smtp-amavis_destination_concurrency_limit = 2"}, lines...)...)
	d.services(`smtp-amavis unix -      -       n       -       2  smtp
    -o smtp_data_done_timeout=1200
    -o smtp_send_xforward_command=yes
    -o disable_dns_lookups=yes
    -o max_use=20`,
		back+` inet n  -       n       -       -  smtpd
    -o content_filter=
    -o smtpd_delay_reject=no
    -o smtpd_client_restrictions=permit_mynetworks,reject
    -o smtpd_helo_restrictions=
    -o smtpd_sender_restrictions=
    -o smtpd_recipient_restrictions=permit_mynetworks,reject
    -o smtpd_data_restrictions=reject_unauth_pipelining
    -o smtpd_end_of_data_restrictions=
    -o smtpd_restriction_classes=
    -o mynetworks=127.0.0.0/8
    -o smtpd_error_sleep_time=0
    -o smtpd_soft_error_limit=1001
    -o smtpd_hard_error_limit=1000
    -o smtpd_client_connection_count_limit=0
    -o smtpd_client_connection_rate_limit=0
    -o receive_override_options=no_header_body_checks,no_unknown_recipient_checks,no_milters
    -o local_header_rewrite_clients=`)
	return d, back
}

// All mail passes the filter once, with all its recipients in one transaction, and comes out as the
// filter gave it back.
func TestMailGoesThroughAContentFilterOnce(t *testing.T) {
	s, addr := newSink(t), porttest.Addr(t)
	d, back := amavisDaemon(t, addr, "relayhost = "+s.nexthop())
	f := newFilter(t, addr, back, nil)
	d.run()
	d.post("a@sender.test", "b@one.test c@two.test", []byte("Subject: clean\r\n\r\n.dot\r\nbody\r\n"))
	d.post("", "d@one.test", []byte("Subject: a notice\r\n\r\nbody\r\n"))
	// The two recipients are of different sites: behind the filter each goes its own way.
	got := s.waitFor(func(all []*received) bool { return recipients(all) == 3 })
	if got == nil {
		t.Fatalf("%d recipients reached the next hop, want 3", recipients(s.messages()))
	}
	for _, m := range got {
		if !bytes.Contains(m.text, []byte("X-Virus-Scanned: by filter.test\r\n")) || bytes.Count(m.text, []byte("Received: ")) != 2 {
			t.Errorf("a message came otherwise than through the filter once:\n%s", m.text)
		}
	}
	if n := f.count(); n != 2 {
		t.Errorf("the filter saw %d messages, want 2", n)
	}
	_, port, _ := net.SplitHostPort(addr)
	d.log.waitCount(t, `relay=127\.0\.0\.1\[127\.0\.0\.1\]:`+port+`, .*dsn=2\.0\.0, status=sent \(250 2\.0\.0 from MTA\(smtp:\[`+
		back+`\]\): 250 2\.0\.0 Ok: queued as `, 3)
}

func recipients(all []*received) (n int) {
	for _, m := range all {
		n += len(m.to)
	}
	return n
}

// What the filter refuses is returned, and the notice does not go through the filter
// (internal_mail_filter_classes is empty).
func TestWhatAContentFilterRefusesIsReturned(t *testing.T) {
	s, addr := newSink(t), porttest.Addr(t)
	d, back := amavisDaemon(t, addr, "relayhost = "+s.nexthop())
	f := newFilter(t, addr, back, func(text []byte) string {
		switch {
		case bytes.Contains(text, []byte("EICAR")):
			return "554 5.7.0 Reject, id=1 - INFECTED: Eicar"
		case bytes.Contains(text, []byte("later")):
			return "451 4.5.0 the scanner is busy"
		}
		return ""
	})
	d.run()
	d.post("a@sender.test", "b@one.test", []byte("Subject: x\r\n\r\nEICAR\r\n"))
	d.log.wait(t, `to=<b@one\.test>, .*dsn=5\.7\.0, status=bounced \(.*554 5\.7\.0 Reject, id=1 - INFECTED: Eicar \(in reply to end of DATA command\)\)`)
	if got := s.wait(t, 1)[0]; !strings.HasPrefix(got.from, "<>") || !bytes.Contains(got.text, []byte("INFECTED: Eicar")) {
		t.Errorf("got %s\n%s", got.from, got.text)
	}
	d.post("a@sender.test", "c@one.test", []byte("Subject: x\r\n\r\nlater\r\n"))
	d.log.wait(t, `to=<c@one\.test>, .*dsn=4\.5\.0, status=deferred \(.*451 4\.5\.0 the scanner is busy`)
	if n := f.count(); n != 2 {
		t.Errorf("the filter saw %d messages, want 2", n)
	}
}

// While the filter is down mail waits; none goes around it.
func TestMailWaitsForItsContentFilter(t *testing.T) {
	s, addr := newSink(t), porttest.Addr(t)
	d, back := amavisDaemon(t, addr, "relayhost = "+s.nexthop(), "queue_run_delay = 1s", "minimal_backoff_time = 1s", "maximal_backoff_time = 1s")
	d.run()
	d.post("a@sender.test", "b@one.test", []byte("Subject: x\r\n\r\nbody\r\n"))
	d.log.wait(t, `to=<b@one\.test>, relay=none, .*dsn=4\.4\.1, status=deferred \(connect to 127\.0\.0\.1\[127\.0\.0\.1\]:\d+: Connection refused\)`)
	if n := len(s.messages()); n != 0 {
		t.Errorf("%d messages went around the filter", n)
	}
	newFilter(t, addr, back, nil)
	if got := s.wait(t, 1)[0]; !bytes.Contains(got.text, []byte("X-Virus-Scanned")) {
		t.Errorf("got\n%s", got.text)
	}
}
