package cleanup

import (
	"testing"

	"github.com/mtad/mtad/core/mail"
)

func TestMailThatNeedsSMTPUTF8IsFoundOut(t *testing.T) {
	usual := []string{"sendmail", "verify"}
	for _, c := range []struct {
		name         string
		classes      []string
		kind         mail.Kind
		service      string
		sender, text string
		want         bool
	}{
		{"a header of sendmail's", usual, mail.KindSendmail, "pickup", "a@b", "Subject: ü\r\n\r\n", true},
		{"an address of sendmail's", usual, mail.KindSendmail, "pickup", "ü@b", "Subject: u\r\n\r\n", true},
		{"neither", usual, mail.KindSendmail, "pickup", "a@b", "Subject: u\r\n\r\nü\r\n", false},
		{"a header that is no UTF-8", usual, mail.KindSendmail, "pickup", "a@b", "Subject: \xfc\r\n\r\n", false},
		{"mail by SMTP says so itself", usual, mail.KindSMTP, "smtpd", "a@b", "Subject: ü\r\n\r\n", false},
		{"unless it is to be looked at", []string{"smtpd"}, mail.KindSMTP, "smtpd", "a@b", "Subject: ü\r\n\r\n", true},
		{"all mail", []string{"all"}, mail.KindForward, "local", "a@b", "Subject: ü\r\n\r\n", true},
		{"notices to postmaster are a class of their own", []string{"bounce"}, mail.KindBounce, "notify", "a@b", "Subject: ü\r\n\r\n", false},
		{"nothing is looked at", nil, mail.KindSendmail, "pickup", "ü@b", "Subject: ü\r\n\r\n", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, func(o *Options) { o.DetectUTF8 = c.classes })
			env := envelope(c.kind)
			env.Sender, env.Origin.Service = c.sender, c.service
			if _, _, err := w.pass(t, env, nil, c.text, 100); err != nil {
				t.Fatal(err)
			}
			if got := w.queued[0].SMTPUTF8; got != c.want {
				t.Errorf("got %v", got)
			}
		})
	}
}
