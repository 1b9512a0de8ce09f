package cleanup

import (
	"fmt"
	"strings"
	"testing"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/table"
	"github.com/mtad/mtad/pipeline/rewrite"
)

// RFC 3461 §5.2.7.3: an alias that was expanded is reported as that, and what it became is not.
func TestAnAliasIsReportedAsExpanded(t *testing.T) {
	m, err := table.ParseText("test", []byte("fan@x.test\ta@y.test, b@y.test\none@x.test\ta@y.test\nself@x.test\tself@x.test\n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, to string
		notify   mail.Notify
		want     string
	}{
		{"of several", "fan@x.test", mail.NotifySuccess | mail.NotifyFailure, "a@y.test 4, b@y.test 4, fan@x.test 2 expanded"},
		{"of one", "one@x.test", mail.NotifySuccess, "a@y.test 1, one@x.test 2 expanded"},
		{"of itself", "self@x.test", mail.NotifySuccess, "self@x.test 2"},
		{"none", "c@y.test", mail.NotifySuccess, "c@y.test 2"},
		{"success is not asked for", "fan@x.test", mail.NotifyFailure, "a@y.test 4, b@y.test 4"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, func(o *Options) {
				o.Rewriter = rewrite.New(rewrite.Options{Origin: "example", Maps: rewrite.Maps{VirtualAlias: table.Maps{m}}})
			})
			env := envelope(mail.KindSMTP)
			env.Recipients = []mail.Recipient{{Address: c.to, Original: c.to, Notify: c.notify}}
			text, _, err := w.pass(t, env, nil, "Subject: x\r\n\r\n", 100)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, r := range w.queued[0].Recipients {
				s := fmt.Sprintf("%s %d", r.Address, r.Notify)
				if r.Expanded {
					s += " expanded"
				}
				got = append(got, s)
			}
			if all := strings.Join(got, ", "); all != c.want {
				t.Errorf("got %s, want %s", all, c.want)
			}
			if one := !strings.Contains(c.want, "b@"); strings.Contains(text, "\r\n\tfor <"+c.to+">") != one {
				t.Errorf("Received: %.200q", text)
			}
		})
	}
}
