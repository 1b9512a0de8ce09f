package master_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// LMTP answers the end of data once per recipient (RFC 2033 §4.2): each has a fate of its own.
func TestLMTPResultsCountPerRecipient(t *testing.T) {
	s := newLMTPSink(t, func(s *sink) {
		s.answer = func(command string) string {
			switch {
			case strings.HasPrefix(command, ". ") && strings.Contains(command, "full@"):
				return "452 4.2.2 mailbox full"
			case strings.HasPrefix(command, ". ") && strings.Contains(command, "never@"):
				return "550 5.7.1 not for you"
			case strings.HasPrefix(command, "RCPT") && strings.Contains(command, "gone@"):
				return "550 5.1.1 no such user"
			}
			return ""
		}
	})
	back := newSink(t)
	d := start(t, "relay_domains = inside.test", "relay_transport = lmtp:unix:"+s.addr, "relayhost = "+back.nexthop())
	d.post("a@sender.test", "good@inside.test full@inside.test never@inside.test gone@inside.test also@inside.test",
		[]byte("Subject: five\r\n\r\n"))
	got := s.wait(t, 1)
	slices.Sort(got[0].to)
	if want := []string{"<also@inside.test>", "<good@inside.test>"}; !slices.Equal(got[0].to, want) {
		t.Errorf("kept for %v, want %v", got[0].to, want)
	}
	for to, want := range map[string]string{
		"good":  `dsn=2\.0\.0, status=sent \(250 2\.0\.0 Ok\)`,
		"also":  `dsn=2\.0\.0, status=sent`,
		"full":  `dsn=4\.2\.2, status=deferred \(host [^ ]+ said: 452 4\.2\.2 mailbox full \(in reply to end of DATA command\)\)`,
		"never": `dsn=5\.7\.1, status=bounced \(host .* said: 550 5\.7\.1 not for you`,
		"gone":  `dsn=5\.1\.1, status=bounced \(host .* said: 550 5\.1\.1 no such user \(in reply to RCPT TO command\)\)`,
	} {
		d.log.wait(t, fmt.Sprintf(`lmtp\[\d+\]: [0-9A-Za-z]+: to=<%s@inside\.test>, relay=[^,]+, .*%s`, to, want))
	}
	report := string(back.wait(t, 1)[0].text)
	for _, name := range []string{"never", "gone"} {
		if !strings.Contains(report, "Final-Recipient: rfc822; "+name+"@inside.test") {
			t.Errorf("the report does not name %s:\n%s", name, report)
		}
	}
	if strings.Contains(report, "full@inside.test") {
		t.Errorf("the report names a recipient that is only deferred:\n%s", report)
	}
}
