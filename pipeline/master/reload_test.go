package master_test

import (
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

func TestAReloadKeepsOpenSessionsAndServesNewOnesAnew(t *testing.T) {
	s := newSink(t)
	before := []string{"relayhost = " + s.nexthop(), "smtpd_banner = before", "message_size_limit = 100000"}
	d := start(t, before...)
	open := d.hello()
	open.do("MAIL FROM:<a@sender.test>", "250")

	after := []string{"relayhost = " + s.nexthop(), "smtpd_banner = after", "message_size_limit = 50"}
	d.configure(after...)
	d.signal(syscall.SIGHUP)
	d.log.wait(t, `reload -- version`)

	fresh := d.dial()
	if got := fresh.do("EHLO client.test", "250"); !strings.Contains(got, "SIZE 50") {
		t.Errorf("a new session has the old limit: %q", got)
	}
	fresh.do("MAIL FROM:<a@sender.test>", "250")
	fresh.do("RCPT TO:<b@rcpt.test>", "250")
	fresh.do("DATA", "354")
	fresh.send(stuffed([]byte("Subject: too big now\r\n\r\n" + strings.Repeat("x", 100) + "\r\n")))
	fresh.expect("552 5.3.4")

	open.do("RCPT TO:<b@rcpt.test>", "250")
	open.do("DATA", "354")
	open.send(stuffed([]byte("Subject: survivor\r\n\r\n" + strings.Repeat("x", 100) + "\r\n")))
	open.expect("250 2.0.0 Ok: queued as")
	if got := s.wait(t, 1); !strings.Contains(string(got[0].text), "Subject: survivor") {
		t.Errorf("the sink got %q", got[0].text)
	}
	open.do("QUIT", "221")
}

// Both files are read anew: an override that is added to a service counts for new sessions, not for open
// ones. The services of the start stayed with their ports, and edits of master.cf did nothing.
func TestAReloadReadsTheServicesAnew(t *testing.T) {
	s := newSink(t)
	d := start(t, "relayhost = "+s.nexthop(), "smtpd_banner = here")
	open := d.hello()
	_, port, _ := net.SplitHostPort(d.addr)
	text := strings.ReplaceAll(stockMaster, "%PORT%", port)
	service := regexp.MustCompile(`(?m)^\S*` + port + `\s+inet\s.*$`).FindString(text)
	if service == "" {
		t.Fatalf("no service of the port in\n%s", text)
	}
	d.write("master.cf", strings.Replace(text, service, service+"\n    -o smtpd_recipient_restrictions=reject\n    -o smtpd_banner=changed", 1))
	d.signal(syscall.SIGHUP)
	d.log.wait(t, `reload -- version`)
	fresh := d.connect()
	if got := fresh.reply(); !strings.Contains(got, "changed") {
		t.Errorf("a new session begins with %q", got)
	}
	fresh.do("EHLO client.test", "250")
	fresh.do("MAIL FROM:<a@sender.test>", "250")
	fresh.do("RCPT TO:<b@rcpt.test>", "554 5.7.1")
	open.do("MAIL FROM:<a@sender.test>", "250")
	open.do("RCPT TO:<b@rcpt.test>", "250")
	open.do("QUIT", "221")
	fresh.do("QUIT", "221")
}

func TestABadReloadChangesNothing(t *testing.T) {
	s := newSink(t)
	d := start(t, "relayhost = "+s.nexthop())
	d.services("bad unix - n n - 0 spawn argv=/bin/cat")
	d.signal(syscall.SIGHUP)
	d.log.wait(t, `reload: service bad/unix: user= is missing; going on as before`)
	d.post("a@sender.test", "b@rcpt.test", []byte("Subject: as before\r\n\r\n"))
	s.wait(t, 1)
}

func TestSIGTERMLetsWhatIsUnderWayFinish(t *testing.T) {
	hold, reached := make(chan struct{}), make(chan struct{})
	s := newSink(t, func(s *sink) {
		s.answer = func(command string) string {
			if command == "." {
				close(reached)
				<-hold
			}
			return ""
		}
	})
	d := start(t, "relayhost = "+s.nexthop())
	idle := d.hello()
	d.post("a@sender.test", "b@rcpt.test", []byte("Subject: last\r\n\r\n"))
	<-reached
	d.signal(syscall.SIGTERM)
	d.log.wait(t, `stopping`)
	idle.expect("421 4.3.2")
	close(hold)
	if code := d.wait(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if text := d.log.String(); !strings.Contains(text, "status=sent") || !strings.Contains(text, "terminated") {
		t.Errorf("the delivery under way did not end well:\n%s", d.log.tail(10))
	}
	if _, err := os.Stat(filepath.Join(d.dir, "queue", "pid", "master.pid")); err == nil {
		t.Error("the pid file stayed")
	}
	d.run()
	d.signal(syscall.SIGTERM)
	d.wait()
	if got := s.messages(); len(got) != 1 {
		t.Errorf("delivered %d times", len(got))
	}
}
