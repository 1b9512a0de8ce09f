package master_test

import (
	"strings"
	"testing"
)

// A recipient is verified by a probe at its next hop: nothing is delivered, nobody gets a notice, and
// the answer is known afterwards, across a restart too.
func TestARecipientIsVerifiedByAProbe(t *testing.T) {
	s := newSink(t, func(s *sink) { s.answer = picky })
	d := start(t, "relayhost = "+s.nexthop(), "address_verify_poll_count = 30", "unverified_recipient_reject_code = 550",
		"smtpd_recipient_restrictions = reject_unverified_recipient")
	c := d.hello()
	c.do("MAIL FROM:<a@x.test>", "250")
	for _, step := range []struct{ to, want string }{
		{"ok@far.test", "250 2.1.5 Ok"},
		{"refused-there@far.test", "550 5.1.1 <refused-there@far.test>: Recipient address rejected: undeliverable address: host 127.0.0.1[127.0.0.1] said: 550 5.1.1 no such user here (in reply to RCPT TO command)"},
		{"later-there@far.test", "450 4.1.1 <later-there@far.test>: Recipient address rejected: unverified address: host 127.0.0.1[127.0.0.1] said: 450 4.2.0 try again later (in reply to RCPT TO command)"},
	} {
		c.send([]byte("RCPT TO:<" + step.to + ">\r\n"))
		if got := strings.TrimSpace(c.reply()); got != step.want {
			t.Errorf("%s: %s\nwant %s", step.to, got, step.want)
		}
	}
	d.log.wait(t, `status=undeliverable \(host`)
	d.log.wait(t, `status=deliverable \(250`)
	if n := len(s.messages()); n != 0 {
		t.Errorf("%d messages were delivered by probes", n)
	}
}
