package access_test

import (
	"context"
	"net/netip"
	"strings"
	"testing"

	"github.com/mtad/mtad/core/conf/list"
	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/pipeline/access"
)

func TestAddressesThatAreNotVerified(t *testing.T) {
	plain := access.DefaultCodes()
	strict := plain
	strict.Sender = access.Unverifiable{Defer: 451, Reject: 550, Reason: "who are you", Now: true}
	strict.Recipient = access.Unverifiable{Defer: 250, Reject: 556}
	o := mail.Origin{Client: netip.MustParseAddrPort("203.0.113.9:1"), ClientName: "unknown"}
	for _, c := range []struct {
		name, words string
		codes       access.Codes
		from, to    string
		want        string
	}{
		{"a recipient that is deliverable", "reject_unverified_recipient permit", plain, "s@x.test", "yes@far.test", ""},
		{"a recipient that is not", "reject_unverified_recipient permit", plain, "s@x.test", "no@far.test", "450 4.1.1 <no@far.test>: Recipient address rejected: unverified address: 550 no"},
		{"a recipient that nobody could ask about", "reject_unverified_recipient permit", plain, "s@x.test", "hm@far.test", "450 4.1.1 <hm@far.test>: Recipient address rejected: unverified address: in progress"},
		{"a deferral does not soften a reject", "reject_unverified_recipient reject", plain, "s@x.test", "hm@far.test", "554 5.7.1 <hm@far.test>: Recipient address rejected: Access denied"},
		{"a code of class 5", "reject_unverified_recipient permit", strict, "s@x.test", "no@far.test", "556 5.1.1 <no@far.test>: Recipient address rejected: undeliverable address: 550 no"},
		{"a code of class 2 lets it pass", "reject_unverified_recipient permit", strict, "s@x.test", "hm@far.test", ""},
		{"a sender that is not deliverable", "reject_unverified_sender permit", strict, "no@x.test", "u@here.test", "550 5.1.7 <no@x.test>: Sender address rejected: undeliverable address: who are you"},
		{"a deferral at once", "reject_unverified_sender reject", strict, "hm@x.test", "u@here.test", "451 4.1.7 <hm@x.test>: Sender address rejected: unverified address: who are you"},
		{"the null sender is not asked about", "reject_unverified_sender permit", strict, "", "u@here.test", ""},
		{"our own probes' sender is not asked about", "reject_unverified_sender reject_unverified_recipient permit", strict, "own@x.test", "own@x.test", ""},
		{"the old name", "reject_unverified_address permit", strict, "no@x.test", "u@here.test", "550 5.1.7 <no@x.test>: Sender address rejected: undeliverable address: who are you"},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := &access.Compiler{}
			l, unknown := k.Compile("smtpd_recipient_restrictions", list.Split(c.words))
			if len(unknown) > 0 {
				t.Fatal(unknown)
			}
			w := world(t)
			w.Verifier = func(_ context.Context, a string) (access.Verified, string, bool) {
				switch user, _, _ := strings.Cut(a, "@"); user {
				case "yes":
					return access.Deliverable, "250 ok", false
				case "no":
					return access.Undeliverable, "550 no", false
				case "own":
					return access.Unverified, "", true
				}
				return access.Unverified, "in progress", false
			}
			q := &access.Query{Origin: &o, Sender: c.from, HasSender: true, Recipient: c.to, HasRecipient: true}
			_, e := l.Eval(context.Background(), w, &c.codes, q, nil)
			if e == nil {
				e = q.Final()
			}
			got := ""
			if e != nil {
				got = e.Reply.String()
			}
			if got != c.want {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}
