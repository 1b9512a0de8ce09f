package master_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/emersion/go-message"
	_ "github.com/emersion/go-message/charset" // reports are read as any reader would
)

// refuse is a sink's answer to RCPT.
func refuse(reply string) func(*sink) {
	return func(s *sink) {
		s.answer = func(command string) string {
			if strings.HasPrefix(command, "RCPT") {
				return reply
			}
			return ""
		}
	}
}

// maildir returns the messages in a user's mailbox.
func (d *daemon) maildir(user string) (all [][]byte) {
	d.t.Helper()
	files, err := filepath.Glob(filepath.Join(d.dir, "mail", user, "new", "*"))
	if err != nil {
		d.t.Fatal(err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			d.t.Fatal(err)
		}
		all = append(all, text)
	}
	return all
}

// parts reads a multipart message: media type → text of the first part of it.
func parts(t *testing.T, text []byte) (head message.Header, byType map[string]string) {
	t.Helper()
	m, err := message.Read(bytes.NewReader(text))
	if err != nil {
		t.Fatalf("%v:\n%s", err, text)
	}
	r, byType := m.MultipartReader(), map[string]string{}
	if r == nil {
		t.Fatalf("not a multipart:\n%s", text)
	}
	for {
		p, err := r.NextPart()
		if err == io.EOF {
			return m.Header, byType
		}
		if err != nil {
			t.Fatal(err)
		}
		kind, _, _ := p.Header.ContentType()
		body, err := io.ReadAll(p.Body)
		if err != nil {
			t.Fatal(err)
		}
		byType[kind] = string(body)
	}
}

func TestARefusalOfTheNextHopComesBackToTheSender(t *testing.T) {
	s := newSink(t, refuse("550 5.1.1 no such user here"))
	d := startOwnDomain(t, []string{"alice"}, "relayhost = "+s.nexthop())
	d.post("alice@example.test", "ghost@elsewhere.test", []byte("Subject: hello ghost\r\nX-Mark: 4711\r\n\r\nbody\r\n"))
	d.log.wait(t, `to=<ghost@elsewhere\.test>, relay=127\.0\.0\.1\[127\.0\.0\.1\]:\d+, .*dsn=5\.1\.1, status=bounced \(host 127\.0\.0\.1\[127\.0\.0\.1\] said: 550 5\.1\.1 no such user here \(in reply to RCPT TO command\)\)`)
	d.log.wait(t, `sender non-delivery notification: `)
	d.log.wait(t, `to=<alice@example\.test>, relay=virtual, .*status=sent`)
	box := d.maildir("alice")
	if len(box) != 1 {
		t.Fatalf("alice has %d messages, want the report", len(box))
	}
	head, byType := parts(t, box[0])
	kind, params, _ := head.ContentType()
	if kind != "multipart/report" || params["report-type"] != "delivery-status" {
		t.Errorf("the report is %s; report-type=%s", kind, params["report-type"])
	}
	if !strings.Contains(head.Get("From"), "MAILER-DAEMON@mail.mtad.test") || head.Get("Message-Id") == "" || head.Get("Return-Path") != "<>" || head.Get("Auto-Submitted") != "auto-replied" {
		t.Errorf("From %q, Return-Path %q, Auto-Submitted %q", head.Get("From"), head.Get("Return-Path"), head.Get("Auto-Submitted"))
	}
	for kind, wants := range map[string][]string{
		"text/plain": {"<ghost@elsewhere.test>", "550 5.1.1 no such user here"},
		"message/delivery-status": {"Reporting-MTA: dns; mail.mtad.test", "Final-Recipient: rfc822; ghost@elsewhere.test",
			"Action: failed", "Status: 5.1.1", "Remote-MTA: dns; 127.0.0.1", "Diagnostic-Code: smtp; 550 5.1.1 no such user here"},
		"message/rfc822": {"Subject: hello ghost", "X-Mark: 4711", "body"},
	} {
		for _, want := range wants {
			if !strings.Contains(regexp.MustCompile(`\s+`).ReplaceAllString(byType[kind], " "), want) {
				t.Errorf("%s lacks %q:\n%s", kind, want, byType[kind])
			}
		}
	}
}

func TestADeferralIsTriedAgainAndThenDelivered(t *testing.T) {
	var tries atomic.Int32
	s := newSink(t, func(s *sink) {
		s.answer = func(command string) string {
			if strings.HasPrefix(command, "RCPT") && tries.Add(1) <= 2 {
				return "450 4.2.0 come again"
			}
			return ""
		}
	})
	d := start(t, "relayhost = "+s.nexthop(), "minimal_backoff_time = 1s", "maximal_backoff_time = 1s", "queue_run_delay = 1s")
	d.post("a@sender.test", "b@rcpt.test", []byte("Subject: patience\r\n\r\n"))
	id := d.log.wait(t, `smtp\[\d+\]: (\w+): to=<b@rcpt\.test>, .*dsn=4\.2\.0, status=deferred \(host 127\.0\.0\.1\[127\.0\.0\.1\] said: 450 4\.2\.0 come again \(in reply to RCPT TO command\)\)`)[1]
	s.wait(t, 1)
	d.log.wait(t, id+`: to=<b@rcpt\.test>, .*dsn=2\.0\.0, status=sent \(250 2\.0\.0 Ok\)`)
	d.log.wait(t, id+`: removed`)
	if n := tries.Load(); n != 3 {
		t.Errorf("%d tries, want 3", n)
	}
}

func TestMailFromTheNullSenderIsNeverReturned(t *testing.T) {
	s := newSink(t, refuse("550 5.1.1 no such user here"))
	d := start(t, "relayhost = "+s.nexthop())
	d.post("", "ghost@elsewhere.test", []byte("Subject: a notice of someone else\r\n\r\n"))
	id := d.log.wait(t, `(\w+): to=<ghost@elsewhere\.test>, .*status=bounced`)[1]
	d.log.wait(t, id+`: removed`)
	d.signal(15)
	if code := d.wait(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if text := d.log.String(); strings.Count(text, "status=bounced") != 1 || strings.Contains(text, "non-delivery notification") {
		t.Errorf("a notice was sent about mail of the null sender:\n%s", d.log.tail(20))
	}
}

// A report that cannot be delivered ends at once: no report about a report.
func TestAReportThatFailsIsTheLast(t *testing.T) {
	s := newSink(t, refuse("550 5.1.1 nobody at all"))
	d := start(t, "relayhost = "+s.nexthop())
	d.post("ghost1@elsewhere.test", "ghost2@elsewhere.test", []byte("Subject: nobody to nobody\r\n\r\n"))
	report := d.log.wait(t, `sender non-delivery notification: (\w+)`)[1]
	d.log.wait(t, report+`: to=<ghost1@elsewhere\.test>, .*status=bounced`)
	d.log.wait(t, report+`: removed`)
	d.signal(15)
	d.wait()
	if n := strings.Count(d.log.String(), "status=bounced"); n != 2 {
		t.Errorf("%d bounces, want 2: the message and its report", n)
	}
}
