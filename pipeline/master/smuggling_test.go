package master_test

import (
	"bytes"
	"strconv"
	"strings"
	"testing"
)

// TestNoEndOfDataSequenceSmugglesASecondMessage sends, within one message, each sequence that
// some server was found to take for the end of data (the published "SMTP smuggling" list and its
// neighbours), followed by a second envelope. The server may refuse the message or pass it on
// normalized; it must answer once, and the next hop must get one message per acceptance, with
// the would-be commands in its text.
func TestNoEndOfDataSequenceSmugglesASecondMessage(t *testing.T) {
	s := newSink(t)
	d := start(t, "relayhost = "+s.nexthop())
	inner := "MAIL FROM:<evil@smuggled.test>\r\nRCPT TO:<victim@smuggled.test>\r\nDATA\r\nSubject: smuggled\r\n\r\nsmuggled"
	sequences := []string{
		"\n.\n", "\n.\r\n", "\r\n.\n", "\r.\r", "\r.\r\n", "\r\n.\r", "\r.\n", "\n.\r",
		"\n\n.\r\n", "\r\r\n.\r\r\n", "\r\n\x00.\r\n", "\r\n.\x00\r\n", "\r\n.\r\r\n", "\r\n..\r\n", "\n..\r\n", "\r\n.\t\r\n", "\r\n. \r\n", "\r\n .\r\n", "\n\r.\r\n", "\r\n.\n\r",
		"\r\n\x85.\r\n", "\x0b.\r\n", "\x0c.\r\n", "\r\n.\r\x00\n",
	}
	accepted := 0
	for i, seq := range sequences {
		t.Run(strconv.Quote(seq), func(t *testing.T) {
			c := d.hello()
			c.t = t
			c.do("MAIL FROM:<a@sender.test>", "250")
			c.do("RCPT TO:<b@rcpt.test>", "250")
			c.do("DATA", "354")
			c.send([]byte("Subject: outer " + strconv.Itoa(i) + "\r\n\r\nfirst" + seq + inner + "\r\n.\r\n"))
			// NOOP's reply shows that nothing stood between it and the reply to the message.
			got := c.reply()
			c.do("NOOP", "250 2.0.0 Ok")
			if strings.HasPrefix(got, "250") {
				accepted++
			} else if !strings.HasPrefix(got, "55") {
				t.Errorf("got reply %q, want 250 or a refusal", got)
			}
		})
	}
	s.wait(t, accepted)
	d.post("last@sender.test", "b@rcpt.test", []byte("Subject: last\r\n\r\nlast\r\n"))
	got := s.wait(t, accepted+1)
	if len(got) != accepted+1 {
		t.Errorf("the next hop got %d messages of %d accepted", len(got), accepted+1)
	}
	for _, m := range got {
		if strings.Contains(m.from+strings.Join(m.to, ""), "smuggled") {
			t.Errorf("smuggled: %s to %s", m.from, m.to)
		}
		if bytes.Contains(bytes.ReplaceAll(m.text, []byte("\r\n"), nil), []byte("\n")) || bytes.Contains(bytes.ReplaceAll(m.text, []byte("\r\n"), nil), []byte("\r")) {
			t.Errorf("a bare CR or LF left mtad: %q", m.text)
		}
	}
	if accepted < len(sequences)/2 {
		t.Errorf("only %d of %d were accepted: normalize does not refuse", accepted, len(sequences))
	}
}
