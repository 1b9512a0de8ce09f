package hook

import (
	"context"
	"fmt"
	"strings"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/plugins/sdk"
)

// question is what a hook that answers is asked about.
type question struct {
	class, addr        string // rewrite
	transport, nexthop string // route: as it is so far
	key                string // lookup
	event              *happened
}

// answers are what a hook gave by set.
type answers struct {
	result, value, transport, nexthop string
	hasResult, hasValue, hasRoute     bool
	relay                             string
	filter, redirect                  string // beside the verdict
}

// The most bytes of an answer.
const (
	maxArgument = 1000
	maxValue    = 64 << 10
)

// Set takes an answer.
func (h *host) Set(key, value string) sdk.Errno {
	if len(value) > maxArgument && (key != "lookup.value" || len(value) > maxValue) {
		return sdk.ErrLimit
	}
	a := &h.given
	switch {
	case key == "action.arg":
		h.arg = clean(value)
	case key == "action.filter" && sdk.ActFilter.AllowedAt(h.pt):
		a.filter = clean(value)
	case key == "action.redirect" && sdk.ActRedirect.AllowedAt(h.pt):
		a.redirect = clean(value)
	case key == "rewrite.result" && h.pt == sdk.PointRewrite:
		a.result, a.hasResult = strings.Clone(value), true
	case key == "lookup.value" && h.pt == sdk.PointLookup:
		a.value, a.hasValue = strings.Clone(value), true
	case key == "route.transport" && h.pt == sdk.PointRoute:
		a.transport, a.hasRoute = clean(value), true
	case key == "route.nexthop" && h.pt == sdk.PointRoute:
		a.nexthop, a.hasRoute = clean(value), true
	case key == "deliver.relay" && h.pt == sdk.PointDeliver:
		a.relay = clean(value)
	default:
		return sdk.ErrNotFound
	}
	return sdk.OK
}

func clean(s string) string { return status.Clean(strings.Clone(s)) }

// check says whether a FOUND comes with an answer that can be used.
func (a *answers) check(h *host) error {
	switch h.pt {
	case sdk.PointRewrite:
		if !a.hasResult {
			return fmt.Errorf("verdict found without rewrite.result")
		}
		if !plausible(a.result) || strings.HasPrefix(h.m.asked.class, "header_") && !alone(a.result) {
			return fmt.Errorf("rewrite.result %q is no address", a.result)
		}
	case sdk.PointRoute:
		if !a.hasRoute {
			return fmt.Errorf("verdict found without route.transport or route.nexthop")
		}
		if strings.ContainsAny(a.transport, " :") {
			return fmt.Errorf("route.transport %q is no name of a transport", a.transport)
		}
	case sdk.PointLookup:
		if !a.hasValue {
			return fmt.Errorf("verdict found without lookup.value")
		}
	}
	return nil
}

// alone reports whether an address can stand in a header field as one address: what separates or
// comments there (RFC 5322 §3.2.3) stands in quotes or in an address literal.
func alone(s string) bool {
	quoted, literal := false, false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case !quoted && (c == '[' || c == ']'):
			literal = c == '['
		case !quoted && !literal && strings.IndexByte(`,;:()\`, c) >= 0:
			return false
		}
	}
	return true
}

// ask calls the chain of a point that wants an answer. found is told of each answer, and ends the
// chain by true.
func (m *Message) ask(ctx context.Context, pt sdk.Point, found func(p *plugin, a *answers) bool) *status.Error {
	for _, p := range m.sess.set.chains[pt] {
		done, e := m.askOne(ctx, p, pt, found)
		if done || e != nil {
			return e
		}
	}
	return nil
}

func (m *Message) askOne(ctx context.Context, p *plugin, pt sdk.Point, found func(p *plugin, a *answers) bool) (bool, *status.Error) {
	action, reply, arg, err := m.call(ctx, p, pt)
	switch {
	case err != nil:
		return false, m.failed(p, pt, err)
	case p.Shadow:
		m.shadow(p, pt, action, reply, strings.TrimSpace(arg+" "+m.host.given.String()))
	case action == sdk.ActTempfail:
		e := refusal(action, reply).By("plugin " + p.name)
		m.log(p, pt, action, e.Reply)
		return false, e
	case action == sdk.ActFound:
		return found(p, &m.host.given), nil
	}
	return false, nil
}

// String is the answer for the log.
func (a *answers) String() string {
	switch {
	case a.hasResult:
		return a.result
	case a.hasRoute:
		return a.transport + ":" + a.nexthop
	case a.filter+a.redirect != "":
		return a.beside()
	}
	return status.Clean(a.value)
}

// beside is what goes with another verdict, for the log.
func (a *answers) beside() (text string) {
	if a.filter != "" {
		text = " filter " + a.filter
	}
	if a.redirect != "" {
		text += " redirect " + a.redirect
	}
	return strings.TrimSpace(text)
}

// The classes of addresses that Rewrite is asked about.
const (
	EnvelopeSender    = "envelope_sender"
	EnvelopeRecipient = "envelope_recipient"
	HeaderSender      = "header_sender"
	HeaderRecipient   = "header_recipient"
)

// Rewrite asks the plugins how an address is to be written; each sees what those before it made
// of it. Without an answer it is address itself. The null sender is not asked about.
func (m *Message) Rewrite(ctx context.Context, class, address string) (string, *status.Error) {
	if address == "" || !m.sess.set.Wants(sdk.PointRewrite) {
		return address, nil
	}
	m.asked = question{class: class, addr: address}
	e := m.ask(ctx, sdk.PointRewrite, func(p *plugin, a *answers) bool {
		if a.result != m.asked.addr {
			m.sess.set.o.Log.Info(fmt.Sprintf("%splugin %s: rewrite %s <%s> to <%s>", m.prefix(), p.name, class, m.asked.addr, a.result))
		}
		m.asked.addr = a.result
		return false
	})
	result := m.asked.addr
	m.asked = question{}
	return result, e
}

// detached is a message for hooks that are about queued mail or about no mail at all.
func (s *Set) detached(env *mail.Envelope) *Message {
	return &Message{sess: &Session{set: s, origin: &env.Origin}, env: env}
}
