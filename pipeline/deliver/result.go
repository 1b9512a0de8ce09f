package deliver

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/queue"
)

// The texts of a delivery into a mailbox, as Postfix logs them: log tools know them.
const (
	ToMaildir = "delivered to maildir"
	ToMailbox = "delivered to mailbox"
)

// NoRelay is what Result.Relay says when nobody but mtad itself was asked.
const NoRelay = "none"

// Attempt is one delivery under way. It makes the results of its recipients.
type Attempt struct {
	// Relay is the name of the agent as the log shows it ("local", "virtual", NoRelay).
	Relay string
	// Begun is when the agent began with the recipient.
	Begun time.Time
}

// Sent reports a recipient as delivered. enhanced is of class 2.
func (a Attempt) Sent(enhanced, text string) queue.Result {
	return a.result(queue.Sent, status.Reply{Code: 250, Enhanced: enhanced, Text: status.Clean(text)})
}

// Expanded reports a recipient as replaced by others in a new entry.
func (a Attempt) Expanded(text string) queue.Result {
	return a.result(queue.Expanded, status.Reply{Code: 250, Enhanced: "2.0.0", Text: status.Clean(text)})
}

// Failed reports a recipient as bounced when err carries a reply of class 5, else as deferred.
// err must not be nil; the rule and the cause behind its reply become the result's cause.
func (a Attempt) Failed(err error) queue.Result {
	e := reason(err)
	outcome := queue.Deferred4
	if e.Reply.Permanent() {
		outcome = queue.Bounced
	}
	r := a.result(outcome, e.Reply)
	r.Cause = because(e)
	return r
}

// because returns what the log shall say beside the reply: the rule that decided, the cause.
func because(e *status.Error) error {
	switch {
	case e.Rule == "":
		return e.Cause
	case e.Cause == nil:
		return errors.New(e.Rule)
	}
	return fmt.Errorf("%s: %w", e.Rule, e.Cause)
}

// reason gives an interruption a text of its own: it says nothing about the mailbox or the
// message, and an admin who stops mtad should recognise it.
func reason(err error) *status.Error {
	var e *status.Error
	if !errors.As(err, &e) && (errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)) {
		return status.Tempfail("4.3.2", "delivery was interrupted").Because(err)
	}
	return status.From(err)
}

func (a Attempt) result(o queue.Outcome, r status.Reply) queue.Result {
	return queue.Result{Outcome: o, Reply: r, Relay: a.Relay, Begun: a.Begun}
}

// All returns the same result for each recipient of the request.
func All(req *queue.Request, r queue.Result) []queue.Result {
	rs := make([]queue.Result, len(req.Recipients))
	for i := range rs {
		rs[i] = r
	}
	return rs
}

// RelayName returns what the log calls an agent: the transport it was asked as, since one agent
// may stand behind several names of master.cf; fallback when the request does not say.
func RelayName(req *queue.Request, fallback string) string {
	if req.Transport != "" {
		return req.Transport
	}
	return fallback
}
