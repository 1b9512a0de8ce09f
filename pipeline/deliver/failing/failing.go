package failing

import (
	"context"
	"strings"
	"time"

	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/pipeline/deliver"
	"github.com/mtad/mtad/queue"
)

// Agent gives all recipients the same end. Safe for concurrent use.
type Agent struct {
	outcome queue.Outcome
	reply   status.Reply // the text when the nexthop has none
	now     func() time.Time
}

var _ queue.Agent = (*Agent)(nil)

// Error returns the agent of the error transport, which bounces. now is time.Now when nil, here
// and below.
func Error(now func() time.Time) *Agent {
	return agent(queue.Bounced, status.Reply{Code: 550, Enhanced: "5.0.0", Text: "mail to this recipient is not accepted"}, now)
}

// Retry returns the agent of the retry transport, which defers.
func Retry(now func() time.Time) *Agent {
	return agent(queue.Deferred4, status.Reply{Code: 450, Enhanced: "4.0.0", Text: "mail to this recipient is not delivered now"}, now)
}

// Discard returns the agent of the discard transport, which says sent and keeps nothing.
func Discard(now func() time.Time) *Agent {
	return agent(queue.Sent, status.Reply{Code: 250, Enhanced: "2.0.0", Text: "discarded"}, now)
}

func agent(o queue.Outcome, r status.Reply, now func() time.Time) *Agent {
	if now == nil {
		now = time.Now
	}
	return &Agent{outcome: o, reply: r, now: now}
}

// Deliver ends the request as its nexthop says. It does not wait for anything.
func (a *Agent) Deliver(_ context.Context, req *queue.Request) []queue.Result {
	return deliver.All(req, queue.Result{
		Outcome: a.outcome,
		Reply:   withText(a.reply, status.Clean(req.Nexthop)),
		Relay:   deliver.NoRelay,
		Begun:   a.now(),
	})
}

// withText puts the text of a nexthop into a reply.
func withText(r status.Reply, text string) status.Reply {
	text = strings.TrimSpace(text)
	word, rest, _ := strings.Cut(text, " ")
	switch class := r.Code / 100; {
	case status.ValidEnhanced(word, class):
		r.Enhanced, text = word, rest
	case status.ValidEnhanced(word, 2), status.ValidEnhanced(word, 4), status.ValidEnhanced(word, 5):
		text = rest
	}
	if text = strings.TrimSpace(text); text != "" {
		r.Text = text
	}
	return r
}
