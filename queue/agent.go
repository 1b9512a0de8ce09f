package queue

import (
	"context"
	"time"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/status"
)

// Route is where a recipient goes.
type Route struct {
	// Transport is the name of a delivery service ("smtp", "local", "error").
	Transport string
	// Nexthop is the transport's argument: a domain, "[host]:port", "unix:path", or text for
	// error and retry.
	Nexthop string
	// Recipient is the address to hand to the agent, after resolution.
	Recipient string
}

// Resolver finds the route of a recipient. An error is temporary unless it is a *status.Error
// with a 5xx reply. Safe for concurrent use.
type Resolver interface {
	Resolve(ctx context.Context, env *mail.Envelope, r mail.Recipient) (Route, error)
}

// Request asks an agent to deliver an entry to some of its recipients, all with the same
// transport and nexthop. The agent must not change what it points to.
type Request struct {
	Entry     *Entry
	Transport string
	Nexthop   string
	// Recipients to deliver to; Address is what Route.Recipient said.
	Recipients []mail.Recipient
	// Open returns the text of the message; see Store.Open.
	Open func() (mail.Content, error)
}

// Result is what became of one recipient of a request.
type Result struct {
	// Outcome is Sent, Deferred4, Bounced or Expanded.
	Outcome Outcome
	// Reply is what the log line and a notice show: the remote server's, or the agent's own.
	Reply status.Reply
	// Relay is "host[addr]:port", the agent's name for deliveries here, or "none".
	Relay string
	// RemoteMTA is the name of the server that gave Reply, for notices; "" for ours.
	RemoteMTA string
	// DSNRelayed says that the next hop took over the duty to report success (RFC 3461).
	DSNRelayed bool
	// Onward says that what took the message here may pass it on (pipe(8) without flag X): a
	// notice of success says "relayed", not "delivered".
	Onward bool
	// Final says that the next hop is taken for the one that delivers: success is reported as
	// "delivered".
	Final bool
	// Setup is when the connection was ready, for the log line's delays (c and d); zero
	// when there was none. Begun is when the agent began.
	Begun, Setup time.Time
	// ConnUse is how many messages the connection has carried, this one included; 0 when
	// there was none. The log line shows it from 2 on.
	ConnUse int
	// Cause is for the log only; nil when the reply says it all.
	Cause error
	// Parts are the deliveries that a recipient became which stands for others (an alias, a
	// .forward file). Each has a log line of its own, and each that failed is reported, in
	// the place of the recipient; what becomes of the recipient is the Outcome all the same.
	Parts []Part
	// DeadSite says that the site could not be reached at all: it counts for the
	// destination's window, as a failed cohort does in Postfix.
	DeadSite bool
}

// Part is one of the deliveries that a recipient became.
type Part struct {
	// Recipient is who it was for; Original is the recipient's that became it.
	Recipient mail.Recipient
	Result    Result
	// Told says that it was logged before, in an attempt that left other parts undone.
	Told bool
}

// Agent delivers. It returns one result per recipient of the request, in order, never more or
// fewer; it respects ctx (a cancelled delivery is deferred). Safe for concurrent use.
type Agent interface {
	Deliver(ctx context.Context, req *Request) []Result
}

// Report is one recipient in a notice.
type Report struct {
	Recipient mail.Recipient
	Result    Result
	// At is when the result came.
	At time.Time
	// Cleared says that the sender was told of a delay that is over with this (confirm_delay_cleared).
	Cleared bool
}

// Notifier sends notices about entries. When it returns nil, the notice is committed to the
// queue (or none was wanted); only then may the recipients count as done.
type Notifier interface {
	// Bounce reports failed recipients to the sender; for a message without a sender it does
	// what double bounces need.
	Bounce(ctx context.Context, e *Entry, text func() (mail.Content, error), failed []Report) error
	// Delay tells the sender that delivery takes long (delay_warning_time). next is when
	// the message expires.
	Delay(ctx context.Context, e *Entry, text func() (mail.Content, error), waiting []Report, expires time.Time) error
	// Success reports recipients that asked for it (NOTIFY=SUCCESS), and those that are Cleared.
	Success(ctx context.Context, e *Entry, text func() (mail.Content, error), sent []Report) error
	// Trace tells the sender what an attempt came to, as Envelope.Trace asks for.
	Trace(ctx context.Context, e *Entry, text func() (mail.Content, error), all []Report) error
}

// Event is something that happened to a queued message, for observers.
type Event struct {
	Kind      string // queued sent deferred bounced expired held released removed
	Entry     *Entry
	Recipient string
	Result    *Result
	At        time.Time
}
