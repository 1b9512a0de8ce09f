package hook

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/plugins/sdk"
)

// Decision is what plugins decided about a message beyond yes and no.
type Decision struct {
	// Discard: say 250 and throw it away. Hold: queue it on hold, with Reason.
	Discard, Hold bool
	Reason        string
	// Redirect replaces all recipients; Filter is transport:nexthop.
	Redirect, Filter string
}

// run calls the chain of point pt on m, in order. It returns the refusal that ended it, or nil.
func (m *Message) run(ctx context.Context, pt sdk.Point) *status.Error {
	for _, p := range m.sess.set.chains[pt] {
		action, reply, arg, err := m.call(ctx, p, pt)
		if err != nil {
			if e := m.failed(p, pt, err); e != nil {
				return e
			}
			continue
		}
		if p.Shadow {
			m.shadow(p, pt, action, reply, strings.TrimSpace(arg+" "+m.host.given.beside()))
			continue
		}
		if e := m.decide(p, pt, action, reply, arg); e != nil {
			return e
		}
		if action == sdk.ActAccept {
			break
		}
	}
	return nil
}

// limited is a context with an earlier deadline and no timer: modules look at the deadline, and
// those that need a channel make one.
type limited struct {
	context.Context
	deadline time.Time
}

// Deadline returns the time limit of the call.
func (l *limited) Deadline() (time.Time, bool) { return l.deadline, true }

// call runs one hook and, when it succeeds, applies its edits.
func (m *Message) call(ctx context.Context, p *plugin, pt sdk.Point) (sdk.Action, status.Reply, string, error) {
	set := m.sess.set
	if p.breaker.open(set.o.Clock) {
		p.accounts[pt].skipped.Add(1)
		if set.o.Called != nil {
			set.o.Called(p.name, pt, 0, 0, errBreaker)
		}
		m.traceFailure(p, pt, errBreaker)
		return 0, status.Reply{}, "", errBreaker
	}
	begun := set.o.Clock()
	m.limit = limited{Context: ctx, deadline: begun.Add(p.limit(pt))}
	m.host.begin(m, p, pt)
	m.host.traced = set.o.Trace.On()
	action, err := p.Module.Call(&m.limit, pt, &m.host)
	if err == nil {
		err = m.host.check(action)
	}
	took := set.o.Clock().Sub(begun)
	p.accounts[pt].note(action, err, took-m.host.waited)
	if set.o.Called != nil {
		set.o.Called(p.name, pt, took, action, err)
	}
	if m.host.traced {
		m.trace(begun, took, action, err)
	}
	if err != nil || p.Shadow {
		m.host.drop()
	} else {
		m.host.apply()
	}
	return action, m.host.reply, m.host.arg, err
}

var errBreaker = fmt.Errorf("not called: it failed %d times in %v", BreakerFailures, BreakerWindow)

// failed applies the failure policy of p.
func (m *Message) failed(p *plugin, pt sdk.Point, err error) *status.Error {
	set := m.sess.set
	text := fmt.Sprintf("%splugin %s: %s failed: %v", m.prefix(), p.name, pt, err)
	if err != errBreaker && p.breaker.failed(set.o.Clock()) {
		text += fmt.Sprintf("; %d failures in %v, not called for %v", BreakerFailures, BreakerWindow, BreakerPause)
	}
	if err != errBreaker { // that it is not called was said when it opened
		set.o.Log.Warning(text)
	}
	if p.Shadow || p.OnError == FailContinue || pt == sdk.PointEvent || pt == sdk.PointAbort || m.notice() && pt <= sdk.PointRewrite {
		return nil
	}
	rule := "plugin " + p.name + " on_error"
	e := status.Tempfail("4.3.0", "Content filter temporarily unavailable").Because(err).By(rule)
	a := sdk.ActTempfail
	if p.OnError == FailReject && pt < sdk.PointRewrite {
		e, a = status.Reject("5.7.1", "Message refused by content filter").Because(err).By(rule), sdk.ActReject
	}
	m.log(p, pt, a, e.Reply)
	return e
}

func (m *Message) prefix() string {
	if m.env.ID == "" {
		return ""
	}
	return m.env.ID + ": "
}

func (m *Message) notice() bool { return m.sess.origin.Kind == mail.KindBounce }

// decide turns a verdict into a refusal, or notes what it decided.
func (m *Message) decide(p *plugin, pt sdk.Point, a sdk.Action, r status.Reply, arg string) *status.Error {
	if beside := &m.host.given; a != sdk.ActReject && a != sdk.ActTempfail {
		if beside.filter != "" && a != sdk.ActFilter {
			m.note(p, pt, sdk.ActFilter, beside.filter)
		}
		if beside.redirect != "" && a != sdk.ActRedirect {
			m.note(p, pt, sdk.ActRedirect, beside.redirect)
		}
	}
	switch a {
	case sdk.ActContinue, sdk.ActAccept, sdk.ActFound:
		return nil
	}
	if (a == sdk.ActReject || a == sdk.ActTempfail) && !m.notice() {
		e := refusal(a, r).By("plugin " + p.name)
		m.log(p, pt, a, e.Reply)
		return e
	}
	m.note(p, pt, a, arg)
	return nil
}

// note keeps what a verdict that does not refuse decided.
func (m *Message) note(p *plugin, pt sdk.Point, a sdk.Action, arg string) {
	if m.notice() && a != sdk.ActHold && a != sdk.ActQuarantine {
		m.sess.set.o.Log.Info(fmt.Sprintf("%splugin %s: %s %s ignored: a notice is never refused", m.prefix(), p.name, pt, a))
		return
	}
	d := &m.Decision
	if m == &m.sess.msg {
		d = &m.sess.carry
	}
	switch a {
	case sdk.ActDiscard:
		d.Discard = true
	case sdk.ActHold:
		d.Hold, d.Reason = true, reasonOf(p, arg)
	case sdk.ActQuarantine:
		d.Hold, d.Reason = true, "quarantine "+reasonOf(p, arg)
	case sdk.ActRedirect:
		d.Redirect = arg
	case sdk.ActFilter:
		d.Filter = arg
	}
	m.log(p, pt, a, status.Reply{Text: arg})
}

func reasonOf(p *plugin, arg string) string {
	if arg == "" {
		return "plugin " + p.name
	}
	return "plugin " + p.name + ": " + status.Clean(arg)
}

// refusal is the reply of a refusing verdict, with ABI 1's defaults.
func refusal(a sdk.Action, r status.Reply) *status.Error {
	def := status.Reply{Code: 550, Enhanced: "5.7.1", Text: "Command rejected"}
	if a == sdk.ActTempfail {
		def = status.Reply{Code: 451, Enhanced: "4.7.1", Text: "Service unavailable - try again later"}
	}
	if r.Code == 0 {
		r.Code = def.Code
	}
	if r.Enhanced == "" {
		r.Enhanced = def.Enhanced
	}
	if r.Text == "" {
		r.Text = def.Text
	}
	return &status.Error{Reply: r}
}
