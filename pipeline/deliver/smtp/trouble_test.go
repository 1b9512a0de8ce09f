package smtp_test

import (
	"strings"
	"testing"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/pipeline/deliver/smtp"
)

// notify_classes = protocol: postmaster hears of servers that do not speak SMTP, or say that we do not.
func TestServersThatDoNotSpeakTheProtocolAreReported(t *testing.T) {
	const head = "C: MAIL FROM:<a@from.test>\nC: RCPT TO:<x@to.test>\nC: DATA\n"
	for _, c := range []struct {
		name, script string
		kind         mail.Kind
		want         string // the end of what is reported; "" for nothing
	}{
		{"a user that there is not", hello("to.test", "PIPELINING") + head + "S: 250 ok\nS: 550 5.1.1 no\nS: 503 5.5.1 nobody\n", mail.KindSMTP, ""},
		{"a command that it does not know", hello("to.test", "PIPELINING") + head + "S: 500 5.5.2 what\nS: 503 no\nS: 503 no\n", mail.KindSMTP, "In:  500 5.5.2 what\nIn:  503 no\nIn:  503 no\n"},
		{"a parameter that it does not know", hello("to.test", "PIPELINING") + head + "S: 250 ok\nS: 555 what is that\nS: 503 no\n", mail.KindSMTP, "In:  555 what is that\nIn:  503 no\n"},
		{"neither EHLO nor HELO", "S: 220 to.test ESMTP\nC: EHLO me.test\nS: 500 no\nC: HELO me.test\nS: 502 no\n", mail.KindSMTP, "Out: HELO me.test\nIn:  502 no\n"},
		{"no SMTP at all", "S: hello there\n", mail.KindSMTP, "In:  hello there\n"},
		{"not of notices", "S: hello there\n", mail.KindBounce, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.host("to.test", "192.0.2.1")
			w.server("192.0.2.1:25", c.script)
			told := ""
			r := request("x@to.test")
			r.Entry.Origin.Kind = c.kind
			w.deliver(w.agent(func(o *smtp.Options) {
				o.Trouble = func(server, transcript string) { told += server + "\n" + transcript }
			}), r)
			if (told != "") != (c.want != "") || !strings.HasSuffix(told, c.want) || told != "" && !strings.HasPrefix(told, "to.test[192.0.2.1]:25\n") {
				t.Errorf("told %q, want …%q", told, c.want)
			}
		})
	}
}
