package deliver

import (
	"context"
	"strings"

	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/core/table"
	"github.com/mtad/mtad/queue"
)

// StatusFilter is an agent whose results tables may change (default_delivery_status_filter and its
// like): they are asked for "5.1.1 text" and answer with another code and text. What was delivered
// stays delivered, and what was not does not become so.
type StatusFilter struct {
	Agent queue.Agent
	Maps  table.Maps
	// Warn is told of answers that cannot be used, and of tables that do not answer; the result
	// then stays as it is.
	Warn func(text string)
}

var _ queue.Agent = (*StatusFilter)(nil)

// Deliver delivers by the agent and filters its results.
func (f *StatusFilter) Deliver(ctx context.Context, req *queue.Request) []queue.Result {
	results := f.Agent.Deliver(ctx, req)
	for i := range results {
		f.Apply(ctx, &results[i])
	}
	return results
}

// Apply filters one result. An agent whose recipients have parts (queue.Result) applies it to each of
// them, and has no StatusFilter around it.
func (f *StatusFilter) Apply(ctx context.Context, r *queue.Result) {
	if r.Outcome != queue.Sent && r.Outcome != queue.Deferred4 && r.Outcome != queue.Bounced {
		return
	}
	key := r.Reply.DSN() + " " + r.Reply.Text
	value, found, err := f.Maps.Lookup(context.WithoutCancel(ctx), key)
	if err != nil {
		f.Warn("delivery status filter: " + key + ": " + err.Error())
		return
	}
	if !found {
		return
	}
	enhanced, text, _ := strings.Cut(strings.TrimSpace(value), " ")
	if enhanced == "" || !status.ValidEnhanced(enhanced, int(enhanced[0]-'0')) || strings.TrimSpace(text) == "" || (enhanced[0] == '2') != (r.Outcome == queue.Sent) {
		f.Warn("delivery status filter: " + key + ": bad result " + value)
		return
	}
	r.Reply.Enhanced, r.Reply.Text = enhanced, status.Clean(strings.TrimSpace(text))
	if class := int(enhanced[0] - '0'); r.Reply.Code/100 != class {
		r.Reply.Code = map[int]int{4: 451, 5: 554}[class]
	}
	switch enhanced[0] {
	case '4':
		r.Outcome = queue.Deferred4
	case '5':
		r.Outcome, r.DeadSite = queue.Bounced, false
	}
}
