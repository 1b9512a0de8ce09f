package workbench

import (
	"context"
	"time"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/pipeline/hook"
	"github.com/mtad/mtad/plugins/sdk"
	"github.com/mtad/mtad/queue"
)

// leave plays what happens to a queued message: its way, its delivery when the plugin is a
// transport, and the events of all that.
func (p *passage) leave(ctx context.Context) {
	entry := &queue.Entry{Envelope: p.env, Size: int64(len(p.r.Text))}
	var events *hook.Events
	if p.b.wants(sdk.PointEvent) {
		events = hook.NewEvents(p.b.set, nil)
	}
	tell := func(kind, rcpt string, r *queue.Result) {
		if events == nil {
			return
		}
		events.Tell(queue.Event{Kind: kind, Entry: entry, Recipient: rcpt, Result: r, At: time.Now()})
	}
	tell("queued", "", nil)
	if p.r.Hold {
		tell("held", "", nil)
	}
	resolver := p.b.set.Resolver(direct{})
	for _, rc := range p.env.Recipients {
		_, _ = resolver.Resolve(ctx, &p.env, rc) // what came of it is in the trace
	}
	for i, r := range p.deliver(ctx, entry) {
		kind := map[queue.Outcome]string{queue.Sent: "sent", queue.Bounced: "bounced"}[r.Outcome]
		if kind == "" {
			kind = "deferred"
		}
		tell(kind, p.env.Recipients[i].Address, &r)
	}
	tell("removed", "", nil)
	done, cancel := context.WithCancel(ctx)
	cancel()
	if events != nil {
		events.Run(done) // what waits, and no more
	}
}

// deliver has the plugin deliver the message; when it is no transport, it is sent in name only.
func (p *passage) deliver(ctx context.Context, e *queue.Entry) []queue.Result {
	for _, agent := range p.b.set.Agents() {
		p.r.Results = agent.Deliver(ctx, &queue.Request{Entry: e, Recipients: e.Recipients, Transport: p.b.Manifest().Name,
			Open: func() (mail.Content, error) { return mail.Bytes(p.r.Text), nil }})
		return p.r.Results
	}
	sent := make([]queue.Result, len(e.Recipients))
	for i := range sent {
		sent[i] = queue.Result{Outcome: queue.Sent, Relay: "workbench", Reply: status.Reply{Code: 250, Enhanced: "2.0.0", Text: "Ok"}}
	}
	return sent
}

// direct routes every recipient to its domain.
type direct struct{}

// Resolve returns the domain's own way.
func (direct) Resolve(_ context.Context, _ *mail.Envelope, r mail.Recipient) (queue.Route, error) {
	return queue.Route{Transport: "smtp", Nexthop: domainOf(r.Address), Recipient: r.Address}, nil
}

func domainOf(address string) string {
	for i := len(address) - 1; i >= 0; i-- {
		if address[i] == '@' {
			return address[i+1:]
		}
	}
	return "localhost"
}
