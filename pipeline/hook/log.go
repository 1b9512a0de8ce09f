package hook

import (
	"fmt"
	"strings"

	"github.com/mtad/mtad/core/maillog"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/plugins/sdk"
)

// log writes the decision in Postfix's words, as the program that would write it there, so that
// what counts Postfix's refusals counts these: "reject", "hold", "discard", "redirect", "filter";
// with "milter-" before it for milters.
func (m *Message) log(p *plugin, pt sdk.Point, a sdk.Action, r status.Reply) {
	log := m.sess.set.service(pt)
	if log == nil {
		return
	}
	word := wordOf(a)
	who := "plugin " + p.name
	if l, ok := p.Module.(LogWorded); ok {
		w := l.LogWord()
		if w == "" {
			return
		}
		word, who = w+"-"+word, w
	} else if r.Code != 0 {
		r.Text = strings.TrimSpace(r.Text + " [" + p.name + "]")
	}
	if r.Code == 0 {
		r.Text = strings.TrimSuffix(who+" triggers "+strings.ToUpper(a.String())+" action: "+r.Text, ": ")
	}
	var sender *string
	if pt >= sdk.PointMail {
		sender = &m.env.Sender
	}
	log.Reject(m.env.ID, word, stageOf(pt), m.sess.origin, r, sender, m.about())
}

// service is the log for decisions at a point, nil where none is written: what is about queued mail
// and tables shows in the delivery's own line.
func (s *Set) service(pt sdk.Point) *maillog.Service {
	switch {
	case pt <= sdk.PointData:
		return s.o.SMTPLog
	case pt <= sdk.PointRewrite:
		return s.o.CleanupLog
	}
	return nil
}

// wordOf is Postfix's word for an action: refusals for now are refusals.
func wordOf(a sdk.Action) string {
	switch a {
	case sdk.ActTempfail:
		return sdk.ActReject.String()
	case sdk.ActQuarantine:
		return sdk.ActHold.String()
	}
	return a.String()
}

// stageOf names a point as Postfix's log names SMTP stages.
func stageOf(pt sdk.Point) string {
	switch pt {
	case sdk.PointHeaders, sdk.PointEOM, sdk.PointBody, sdk.PointRewrite:
		return "END-OF-MESSAGE" // the reply to the end of data is where the client hears of it
	case sdk.PointHelo:
		return "EHLO"
	}
	return strings.ToUpper(pt.String())
}

func (m *Message) shadow(p *plugin, pt sdk.Point, a sdk.Action, r status.Reply, arg string) {
	if a == sdk.ActContinue || a == sdk.ActAccept {
		return
	}
	text := fmt.Sprintf("%splugin %s (shadow): %s would %s", m.prefix(), p.name, pt, a)
	if r.Code != 0 {
		text += " " + r.String()
	}
	if arg != "" {
		text += " " + arg
	}
	m.sess.set.o.Log.Info(text)
}
