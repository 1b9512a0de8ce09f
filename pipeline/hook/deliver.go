package hook

import (
	"context"
	"io"
	"strings"
	"time"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/plugins/sdk"
	"github.com/mtad/mtad/queue"
)

// Agents returns the plugins that are transports, by name.
func (s *Set) Agents() map[string]queue.Agent {
	agents := map[string]queue.Agent{}
	for _, p := range s.chains[sdk.PointDeliver] {
		agents[p.name] = &agent{s, p}
	}
	return agents
}

// agent delivers through a plugin.
type agent struct {
	set *Set
	p   *plugin
}

var _ queue.Agent = (*agent)(nil)

// Deliver asks the plugin. What it says nothing of is deferred; a failed call delivers nothing and
// defers all, whatever on_error says: an accepted message is not lost to a fault of ours.
func (a *agent) Deliver(ctx context.Context, req *queue.Request) []queue.Result {
	begun := a.set.o.Clock()
	if req.Entry.Probe() { // a plugin cannot be asked without delivering
		return unsent(a.p.name, begun, len(req.Recipients))
	}
	results, err := a.deliver(ctx, req)
	if err != nil {
		e := status.From(err)
		results = unset(len(req.Recipients), status.Reply{Code: 451, Enhanced: "4.3.0", Text: e.Reply.Text}, err)
	}
	for i := range results {
		if results[i].Relay == "" {
			results[i].Relay = a.p.name
		}
		results[i].Begun = begun
	}
	return results
}

// unsent answers a probe: the plugin is there.
func unsent(name string, begun time.Time, n int) []queue.Result {
	all := make([]queue.Result, n)
	for i := range all {
		all[i] = queue.Result{Outcome: queue.Sent, Relay: name, Begun: begun,
			Reply: status.Reply{Code: 250, Enhanced: "2.0.0", Text: "delivers to plugin: " + name}}
	}
	return all
}

func (a *agent) deliver(ctx context.Context, req *queue.Request) ([]queue.Result, error) {
	text, err := req.Open()
	if err != nil {
		return nil, err
	}
	defer text.Close()
	env := req.Entry.Envelope
	env.Recipients = req.Recipients
	m := a.set.detached(&env)
	if m.header, m.rest, err = split(text); err != nil {
		return nil, err
	}
	m.bodyOff = bodyOffset(m.rest)
	m.asked = question{transport: req.Transport, nexthop: req.Nexthop}
	m.statuses = unset(len(req.Recipients), status.Reply{Code: 451, Enhanced: "4.3.0", Text: "the plugin said nothing of this recipient"}, nil)
	action, reply, _, err := m.call(ctx, a.p, sdk.PointDeliver)
	if err != nil {
		return nil, m.deferred(a.p, err)
	}
	if a.p.Shadow {
		m.shadow(a.p, sdk.PointDeliver, sdk.ActFound, reply, "delivery")
		return nil, status.Tempfail("4.3.5", "the transport is in shadow mode")
	}
	if action == sdk.ActTempfail {
		m.deferRest(refusal(action, reply).Reply)
	}
	for i := range m.statuses {
		m.statuses[i].Relay = m.host.given.relay
	}
	return m.statuses, nil
}

// deferred is the error of a failed delivery, after the failure was noted.
func (m *Message) deferred(p *plugin, err error) error {
	if e := m.failed(p, sdk.PointDeliver, err); e != nil {
		return e
	}
	return status.Tempfail("4.3.0", "Content filter temporarily unavailable").Because(err)
}

// deferRest gives the recipients without a status the reply of a tempfail.
func (m *Message) deferRest(r status.Reply) {
	for i := range m.statuses {
		if m.statuses[i].Begun.IsZero() {
			m.statuses[i].Reply = r
		}
	}
}

func unset(n int, r status.Reply, cause error) []queue.Result {
	results := make([]queue.Result, n)
	for i := range results {
		results[i] = queue.Result{Outcome: queue.Deferred4, Reply: r, Cause: cause}
	}
	return results
}

// RcptStatus takes what became of a recipient.
func (h *host) RcptStatus(i, code int, enhanced, text string) sdk.Errno {
	switch {
	case !h.p.Allow[sdk.CapDeliver]:
		return sdk.ErrDenied
	case h.pt != sdk.PointDeliver:
		return sdk.ErrStage
	case i < 0 || i >= len(h.m.statuses):
		return sdk.ErrNotFound
	case len(text) > maxArgument:
		return sdk.ErrLimit
	case enhanced != "" && !status.ValidEnhanced(enhanced, code/100):
		return sdk.ErrInvalid
	}
	outcome, ok := map[int]queue.Outcome{2: queue.Sent, 4: queue.Deferred4, 5: queue.Bounced}[code/100]
	if !ok {
		return sdk.ErrInvalid
	}
	r := &h.m.statuses[i]
	// Begun marks the recipients that have a status; Deliver sets it for all.
	r.Outcome, r.Begun = outcome, time.Unix(1, 0)
	r.Reply = status.Reply{Code: code, Enhanced: strings.Clone(enhanced), Text: clean(text)}
	return sdk.OK
}

// split takes the text of a queued message apart: the header, and what follows it. What is no
// header within mail.HeaderLimit belongs to the rest.
func split(text mail.Content) (*mail.Header, mail.Content, error) {
	block := make([]byte, 0, 8<<10)
	n, done := 0, false
	for !done && len(block) < mail.HeaderLimit && int64(len(block)) < text.Size() {
		if len(block) == cap(block) {
			block = append(block, 0)[:len(block)]
		}
		k, err := text.ReadAt(block[len(block):cap(block)], int64(len(block)))
		block = block[:len(block)+k]
		if err != nil && err != io.EOF {
			return nil, nil, err
		}
		if n, done = mail.SplitFrom(block, n); err == io.EOF {
			break
		}
	}
	return mail.ParseHeader(block[:n:n]), tail{text, int64(n)}, nil
}

// tail is what follows the first off bytes of a content.
type tail struct {
	mail.Content
	off int64
}

// Size returns the length of the rest.
func (t tail) Size() int64 { return t.Content.Size() - t.off }

// ReadAt reads from the rest.
func (t tail) ReadAt(p []byte, off int64) (int, error) { return t.Content.ReadAt(p, off+t.off) }

// bodyOffset is 2 when the rest begins with the empty line that ends the header.
func bodyOffset(rest mail.Content) int64 {
	var b [2]byte
	if n, _ := rest.ReadAt(b[:], 0); n == 2 && b == [2]byte{'\r', '\n'} {
		return 2
	}
	return 0
}
