package qmgr

import (
	"time"

	"github.com/mtad/mtad/core/maillog"
	"github.com/mtad/mtad/queue"
	"github.com/mtad/mtad/queue/qmgr/sched"
)

// Options of a Manager. Start from Defaults: a zero duration means zero, not the default.
type Options struct {
	Store    queue.Store
	Resolver queue.Resolver
	Notifier queue.Notifier
	// Transports are the delivery services by name. Not changed after New.
	Transports map[string]Transport
	// Log returns the log of a service: each transport's, "qmgr", and "retry" and "error" for
	// recipients that are deferred or bounced without asking an agent.
	Log func(service string) *maillog.Service

	// ActiveLimit is how many messages are active at most (qmgr_message_active_limit).
	ActiveLimit int
	// RecipientLimit is how many recipients of messages with more than RecipientMinimum are
	// active at most; those with fewer always may (qmgr_message_recipient_limit,
	// qmgr_message_recipient_minimum). A message never counts for more than a quarter.
	RecipientLimit, RecipientMinimum int

	// QueueRunDelay is how long the manager trusts what it knows of the store: it looks for
	// due and forgotten entries at least that often (queue_run_delay).
	QueueRunDelay time.Duration
	// MinimalBackoff and MaximalBackoff bound the time to the next attempt, which is the age
	// of the message (minimal_backoff_time, maximal_backoff_time). A dead site is tried again
	// after MinimalBackoff.
	MinimalBackoff, MaximalBackoff time.Duration
	// MaximalLifetime is the age at which a message is returned, BounceLifetime that of a
	// notice; 0: after one attempt (maximal_queue_lifetime, bounce_queue_lifetime).
	MaximalLifetime, BounceLifetime time.Duration
	// DelayWarning is the age at which the sender is told of a delay; 0: never
	// (delay_warning_time).
	DelayWarning time.Duration
	// ConfirmCleared tells the sender of mail that was late when it is sent (confirm_delay_cleared).
	ConfirmCleared bool
	// SoftBounce defers what would bounce (soft_bounce).
	SoftBounce bool

	// FlushSites says for which domains (lower case) deferred mail is kept in an index, so that
	// FlushSite finds it without looking at the rest (fast_flush_domains); nil: for none.
	FlushSites func(domain string) bool

	// Resolvers and Notices are how many messages are being resolved, and how many have
	// notices made, at a time (default_process_limit).
	Resolvers, Notices int
	// ResolveTimeout bounds the resolution of up to 1000 recipients of a message,
	// NoticeTimeout that of the notices of one message.
	ResolveTimeout, NoticeTimeout time.Duration
	// Drain is how long deliveries under way may go on when the manager stops, before they
	// are cancelled.
	Drain time.Duration

	// OnProbe is told what became of a recipient of a probe, which is over then; nil: nobody is
	// told. It may be called from several goroutines and may take as long as a write to a file.
	OnProbe func(queue.Report)
	// OnEvent is told what happens to messages, OnDelivery of each recipient's result. They
	// must not block, nor call the manager. nil: nobody is told.
	OnEvent    func(queue.Event)
	OnDelivery func(Delivery)
}

// Defaults returns the options with Postfix's defaults (postconf(5)).
func Defaults() Options {
	return Options{
		ActiveLimit: 20000, RecipientLimit: 20000, RecipientMinimum: 10,
		QueueRunDelay:  300 * time.Second,
		MinimalBackoff: 300 * time.Second, MaximalBackoff: 4000 * time.Second,
		MaximalLifetime: 5 * 24 * time.Hour, BounceLifetime: 5 * 24 * time.Hour,
		Resolvers: 100, Notices: 100,
		ResolveTimeout: 100 * time.Second, NoticeTimeout: 1000 * time.Second,
		Drain: 10 * time.Second,
	}
}

// Transport is a delivery service. Start from NewTransport.
type Transport struct {
	Agent queue.Agent
	// Rules say how many deliveries are made at a time, and to how many recipients each.
	sched.Rules
	// TimeLimit bounds a delivery (daemon_timeout, command_time_limit); 0 for no limit.
	TimeLimit time.Duration
	// Deferred says that mail for it waits until it is flushed from outside
	// (defer_transports).
	Deferred bool
}

// NewTransport returns a transport with Postfix's defaults (postconf(5)).
func NewTransport(agent queue.Agent) Transport {
	return Transport{
		Agent: agent,
		Rules: sched.Rules{Processes: 100, RecipientLimit: 50, Window: sched.Limits{
			Initial: 5, Max: 20, Cohorts: 1,
			Positive: sched.Feedback{Amount: 1}, Negative: sched.Feedback{Amount: 1},
		}},
		TimeLimit: 18000 * time.Second,
	}
}

// Delivery is what became of one recipient, for metrics. The durations are the four parts of the
// log line's delays=a/b/c/d.
type Delivery struct {
	Transport                         string
	Outcome                           queue.Outcome
	Before, Queued, Setup, Conversing time.Duration
}
