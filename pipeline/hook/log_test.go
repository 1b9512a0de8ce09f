package hook

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/maillog"
	"github.com/mtad/mtad/plugins/sdk"
)

// Decisions and refusals by on_error stand in the log as Postfix's do, under the program that would
// write them there.
func TestEachDecisionIsLoggedInPostfixsWords(t *testing.T) {
	broken := plug("nospam", func(sdk.Point, sdk.Host) (sdk.Action, error) { return 0, errors.New("trap at f < g") })
	strict := broken
	strict.OnError = FailReject
	lax := broken
	lax.OnError = FailContinue
	for _, c := range []struct {
		name string
		p    Plugin
		at   sdk.Point
		want string // "" for none
	}{
		{"a refusal for now is a reject", verdict("nospam", sdk.Tempfail("4.7.1", "later")), sdk.PointMail,
			"smtpd[N]: NOQUEUE: reject: MAIL from c.test[unknown]: 451 4.7.1 later [nospam]; from=<a@b> proto=ESMTP helo=<h>"},
		{"there is no sender before MAIL", verdict("nospam", sdk.Reject("5.7.1", "no")), sdk.PointConnect,
			"smtpd[N]: NOQUEUE: reject: CONNECT from c.test[unknown]: 550 5.7.1 no [nospam]; proto=ESMTP helo=<h>"},
		{"a hold", verdict("nospam", sdk.Hold("look")), sdk.PointRcpt,
			"smtpd[N]: NOQUEUE: hold: RCPT from c.test[unknown]: plugin nospam triggers HOLD action: look; from=<a@b> to=<c@d> proto=ESMTP helo=<h>"},
		{"quarantine is a hold", verdict("nospam", sdk.Quarantine("virus")), sdk.PointEOM,
			"cleanup[N]: NOQUEUE: hold: END-OF-MESSAGE from c.test[unknown]: plugin nospam triggers QUARANTINE action: virus; from=<a@b> proto=ESMTP helo=<h>"},
		{"discard", verdict("nospam", sdk.Discard), sdk.PointData,
			"smtpd[N]: NOQUEUE: discard: DATA from c.test[unknown]: plugin nospam triggers DISCARD action; from=<a@b> proto=ESMTP helo=<h>"},
		{"on_error = tempfail", broken, sdk.PointRcpt,
			"smtpd[N]: NOQUEUE: reject: RCPT from c.test[unknown]: 451 4.3.0 Content filter temporarily unavailable [nospam]; from=<a@b> to=<c@d> proto=ESMTP helo=<h>"},
		{"on_error = reject", strict, sdk.PointEOM,
			"cleanup[N]: NOQUEUE: reject: END-OF-MESSAGE from c.test[unknown]: 550 5.7.1 Message refused by content filter [nospam]; from=<a@b> proto=ESMTP helo=<h>"},
		{"on_error = continue refuses nothing", lax, sdk.PointRcpt, ""},
		{"nothing is refused at abort", strict, sdk.PointAbort, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out bytes.Buffer
			l := maillog.New(maillog.Options{Writer: &out, Name: "postfix"})
			set := NewSet([]Plugin{c.p}, Options{Log: l.Service("plugin"), SMTPLog: l.Service("smtpd"), CleanupLog: l.Service("cleanup")})
			ss := set.Session(&mail.Origin{Kind: mail.KindSMTP, ClientName: "c.test", Helo: "h", Proto: "ESMTP"})
			m := ss.Begin(&mail.Envelope{Sender: "a@b"})
			switch c.at {
			case sdk.PointConnect:
				ss.Connect(context.Background())
			case sdk.PointRcpt:
				m.Rcpt(context.Background(), &mail.Recipient{Address: "c@d"})
			case sdk.PointEOM:
				m.EOM(context.Background(), Text{Header: mail.ParseHeader(nil), Rest: mail.Bytes("")})
			case sdk.PointAbort:
				m.Abort(context.Background())
			default:
				m.run(context.Background(), c.at)
			}
			l.Flush()
			refused := ""
			failed := false
			for line := range strings.Lines(out.String()) {
				if strings.Contains(line, "NOQUEUE") {
					_, refused, _ = strings.Cut(strings.TrimSpace(line), "postfix/")
				}
				failed = failed || strings.Contains(line, "warning: plugin nospam: "+c.at.String()+" failed: trap at f < g")
			}
			name, rest, _ := strings.Cut(refused, "[")
			if _, text, ok := strings.Cut(rest, "]"); ok {
				refused = name + "[N]" + text
			}
			if refused != c.want {
				t.Errorf("log has\n%s\nwant\n%s", refused, c.want)
			}
			if wants := c.p.OnError != FailTemp || strings.HasPrefix(c.name, "on_error"); wants != failed {
				t.Errorf("failure logged: %v\n%s", failed, out.String())
			}
		})
	}
}

// One plugin cannot use up the stash of another.
func TestEachPluginHasAStashOfItsOwn(t *testing.T) {
	full := plug("full", func(_ sdk.Point, h sdk.Host) (sdk.Action, error) {
		h.StashSet(sdk.ScopeMessage, "k", make([]byte, stashLimit-1000))
		return sdk.ActContinue, nil
	})
	var got sdk.Errno
	other := plug("other", func(_ sdk.Point, h sdk.Host) (sdk.Action, error) {
		got = h.StashSet(sdk.ScopeMessage, "k", make([]byte, stashLimit-1000))
		return sdk.ActContinue, nil
	})
	if _, _, e := try(t, mail.KindSMTP, full, other); e != nil || got != sdk.OK {
		t.Fatalf("%v, the second plugin's stash answers %v", e, got)
	}
}
