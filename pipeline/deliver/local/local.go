package local

import (
	"context"
	"errors"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/pipeline/deliver"
	"github.com/mtad/mtad/queue"
)

// Agent delivers to local users. Safe for concurrent use.
type Agent struct {
	o    Options
	done memory
}

var _ queue.Agent = (*Agent)(nil)

// New returns an agent. It fails when an option is missing that nothing can stand in for.
func New(o Options) (*Agent, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	return &Agent{o: o}, nil
}

// Deliver delivers to each recipient in turn. See the package documentation for the results.
func (a *Agent) Deliver(ctx context.Context, req *queue.Request) []queue.Result {
	at := deliver.Attempt{Relay: deliver.RelayName(req, "local"), Begun: a.o.Clock()}
	text, err := req.Open()
	if err != nil {
		return deliver.All(req, at.Failed(err))
	}
	defer text.Close()
	seen, err := deliver.DeliveredTo(text)
	if err != nil {
		return deliver.All(req, at.Failed(err))
	}
	d := delivery{a, req, text, seen}
	rs := make([]queue.Result, 0, len(req.Recipients))
	for _, r := range req.Recipients {
		at.Begun = a.o.Clock()
		rs = append(rs, d.to(ctx, at, r))
	}
	return rs
}

// delivery is one request under way.
type delivery struct {
	*Agent
	req  *queue.Request
	text mail.Content
	seen deliver.Seen
}

// to delivers to one recipient, and to all that it stands for.
func (d *delivery) to(ctx context.Context, at deliver.Attempt, r mail.Recipient) queue.Result {
	x := &expansion{delivery: d, at: at, top: r}
	x.earlier = d.done.of(d.req.Entry.ID, r.Address)
	x.recipient(ctx, state{address: r.Address, sender: d.req.Entry.Sender})
	x.flush(ctx)
	res := x.result()
	d.done.keep(d.req.Entry.ID, r.Address, x, res.Outcome)
	return res
}

// tryLater makes whatever err says temporary: who cannot be asked has not said no.
func tryLater(text string, err error) error {
	var e *status.Error
	if errors.As(err, &e) && e.Temporary() {
		return err
	}
	return status.Tempfail("4.3.0", "%s", text).Because(err)
}

// misconfigured is what a stranger is told of the admin's mistakes.
func misconfigured(cause error) error {
	return status.Tempfail("4.3.5", "mail system configuration error").Because(cause)
}
