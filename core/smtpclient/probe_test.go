package smtpclient_test

import (
	"strings"
	"testing"

	"github.com/mtad/mtad/core/smtpclient"
)

// A probe goes as far as it is told to and leaves no message behind; the connection can be used for
// mail afterwards unless the peer waits for text.
func TestAProbeSendsNoText(t *testing.T) {
	for _, c := range []struct {
		name, offers string
		probe        smtpclient.Probe
		script, want string
		usable       bool
	}{
		{"up to RCPT, pipelined", "PIPELINING CHUNKING", smtpclient.ProbeRcpt, `
			C: MAIL FROM:<a@from.test>
			C: RCPT TO:<x@to.test>
			C: RCPT TO:<y@to.test>
			S: 250 ok
			S: 250 2.1.5 fine
			S: 550 5.1.1 no such user
			C: QUIT`, "RCPT TO: 250 2.1.5 fine\nRCPT TO: 550 5.1.1 no such user", true},
		{"up to RCPT, one by one", "", smtpclient.ProbeRcpt, `
			C: MAIL FROM:<a@from.test>
			S: 250 ok
			C: RCPT TO:<x@to.test>
			S: 450 4.2.0 later
			C: RCPT TO:<y@to.test>
			S: 250 ok
			C: QUIT`, "RCPT TO: 450 4.2.0 later\nRCPT TO: 250 ok", true},
		{"a refused sender", "PIPELINING", smtpclient.ProbeRcpt, `
			C: MAIL FROM:<a@from.test>
			C: RCPT TO:<x@to.test>
			C: RCPT TO:<y@to.test>
			S: 550 5.7.1 not you
			S: 503 what
			S: 503 what
			C: QUIT`, "MAIL FROM: 550 5.7.1 not you\nMAIL FROM: 550 5.7.1 not you", true},
		{"up to DATA, accepted", "PIPELINING", smtpclient.ProbeData, `
			C: MAIL FROM:<a@from.test>
			C: RCPT TO:<x@to.test>
			C: RCPT TO:<y@to.test>
			S: 250 ok
			S: 250 ok
			S: 550 5.1.1 no such user
			C: DATA
			S: 354 go ahead`, "DATA: 354 go ahead\nRCPT TO: 550 5.1.1 no such user", false},
		{"up to DATA, refused there", "PIPELINING", smtpclient.ProbeData, `
			C: MAIL FROM:<a@from.test>
			C: RCPT TO:<x@to.test>
			C: RCPT TO:<y@to.test>
			S: 250 ok
			S: 250 ok
			S: 250 ok
			C: DATA
			S: 550 5.7.1 not like this
			C: QUIT`, "DATA: 550 5.7.1 not like this\nDATA: 550 5.7.1 not like this", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn := greeted(t, c.offers, strings.ReplaceAll(c.script, "\n\t\t\t", "\n"))
			tx := message(text, "x@to.test", "y@to.test")
			tx.Probe = c.probe
			if err := conn.Send(tx); err != nil {
				t.Fatal(err)
			}
			if got := strings.TrimSpace(shown(tx)); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
			if conn.Usable() != c.usable {
				t.Errorf("usable: %v, want %v", conn.Usable(), c.usable)
			}
			conn.Quit()
		})
	}
}
