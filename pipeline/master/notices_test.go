package master_test

import (
	"bytes"
	"strings"
	"testing"
)

// Rows O05 to O09: postmaster gets the dialogue of sessions with errors of the classes asked for.
func TestPostmasterHearsOfSessionsWithErrors(t *testing.T) {
	for _, c := range []struct {
		name, class string
		lines       []string
		commands    []string
		want        []string
	}{
		{"a rule that refuses", "policy", []string{"smtpd_recipient_restrictions = check_sender_access inline:{bad@x.test=REJECT}, permit"},
			[]string{"MAIL FROM:<bad@x.test>", "RCPT TO:<a@elsewhere.test>"}, []string{" In:  RCPT TO:<a@elsewhere.test>\r\n", " Out: 554 5.7.1 "}},
		{"recipients far over the limit", "policy", []string{"smtpd_recipient_limit = 1", "smtpd_recipient_overshoot_limit = 1"},
			[]string{"MAIL FROM:<a@x.test>", "RCPT TO:<a@elsewhere.test>", "RCPT TO:<b@elsewhere.test>", "RCPT TO:<c@elsewhere.test>"}, []string{" Out: 452 4.5.3 "}},
		{"a command that nobody knows", "protocol", nil, []string{"FOO BAR"}, []string{" In:  FOO BAR\r\n", " Out: 500 5.5.2 "}},
		{"no room", "resource", []string{"queue_minfree = 9000000000000000"}, []string{"MAIL FROM:<a@x.test> SIZE=1000"}, []string{" Out: 452 4.3.1 "}},
		{"a table that cannot be asked", "data", []string{"smtpd_recipient_restrictions = check_sender_access fail:now, permit"},
			[]string{"MAIL FROM:<a@x.test>", "RCPT TO:<a@elsewhere.test>"}, []string{" Out: 451 4.3.5 "}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSink(t)
			d := start(t, append(c.lines, "relayhost = "+s.nexthop(), "notify_classes = "+c.class, "error_notice_recipient = errors@elsewhere.test")...)
			k := d.hello()
			for _, command := range c.commands {
				k.send([]byte(command + "\r\n"))
				k.reply()
			}
			k.do("QUIT", "221 2.0.0 Bye")
			if c.class == "resource" {
				// There is no room for the notice either.
				d.log.wait(t, `warning: postmaster notice about errors from unknown\[127\.0\.0\.1\] failed: .*452 4\.3\.1`)
				return
			}
			m := s.wait(t, 1)[0]
			for _, want := range append(c.want, "Subject: mtad SMTP server: errors from unknown[127.0.0.1]") {
				if !bytes.Contains(m.text, []byte(want)) {
					t.Errorf("no %q in\n%s", want, m.text)
				}
			}
			if !strings.Contains(m.from, "<double-bounce@mail.mtad.test>") {
				t.Errorf("from %s", m.from)
			}
		})
	}
}

// Row O01: by default no notice is sent about a client's mistakes.
func TestByDefaultPostmasterHearsNothingOfClientsMistakes(t *testing.T) {
	s := newSink(t)
	d := start(t, "relayhost = "+s.nexthop(), "smtpd_recipient_limit = 1", "smtpd_recipient_overshoot_limit = 1", "message_size_limit = 50000")
	k := d.hello()
	k.do("FOO", "500 5.5.2 Error: command not recognized")
	k.do("MAIL FROM:<a@x.test> SIZE=50001", "552 5.3.4")
	k.do("MAIL FROM:<a@x.test>", "250")
	k.do("RCPT TO:<a@elsewhere.test>", "250")
	k.do("RCPT TO:<b@elsewhere.test>", "452 4.5.3")
	k.do("RCPT TO:<c@elsewhere.test>", "452 4.5.3")
	k.do("QUIT", "221 2.0.0 Bye")
	d.post("a@x.test", "b@elsewhere.test", []byte("Subject: only this\r\n\r\n"))
	if m := s.wait(t, 1)[0]; !bytes.Contains(m.text, []byte("only this")) {
		t.Errorf("%s", m.text)
	}
}
