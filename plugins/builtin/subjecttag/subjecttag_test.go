package subjecttag_test

import (
	"context"
	"testing"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/pipeline/hook"
	"github.com/mtad/mtad/plugins/builtin"
	"github.com/mtad/mtad/plugins/sdk"
)

func TestSubjectsAreTagged(t *testing.T) {
	config := map[string]string{"tag": "[SPAM]", "header": "X-Spam", "value": "YES"}
	for _, c := range []struct{ name, in, want string }{
		{"what was marked", "X-Spam: yes, 7.2\r\nSubject: buy\r\n", "X-Spam: yes, 7.2\r\nSubject: [SPAM] buy\r\n"},
		{"one of several marks", "X-Spam: no\r\nX-Spam: Yes\r\nSubject: buy\r\n", "X-Spam: no\r\nX-Spam: Yes\r\nSubject: [SPAM] buy\r\n"},
		{"not what was not", "X-Spam: no\r\nSubject: buy\r\n", "X-Spam: no\r\nSubject: buy\r\n"},
		{"not twice", "X-Spam: yes\r\nSubject: [SPAM] buy\r\n", "X-Spam: yes\r\nSubject: [SPAM] buy\r\n"},
		{"without a Subject", "X-Spam: yes\r\n", "X-Spam: yes\r\nSubject: [SPAM]\r\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := builtin.Load("tag", "subject_tag", config)
			if err != nil {
				t.Fatal(err)
			}
			env := mail.Envelope{Origin: mail.Origin{Kind: mail.KindSMTP}}
			msg := hook.NewSet([]hook.Plugin{{Module: m, Allow: map[string]bool{sdk.CapEdit: true}}}, hook.Options{}).Session(&env.Origin).Begin(&env)
			if e := msg.Headers(context.Background(), mail.ParseHeader([]byte(c.in))); e != nil {
				t.Fatal(e)
			}
			if got := string(msg.Header().Bytes()); got != c.want {
				t.Fatalf("got %q, want %q", got, c.want)
			}
		})
	}
	if _, err := builtin.Load("tag", "subject_tag", nil); err == nil {
		t.Error("it loads without a tag")
	}
}
