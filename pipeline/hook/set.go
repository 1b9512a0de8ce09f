package hook

import (
	"context"
	"fmt"
	"time"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/maillog"
	"github.com/mtad/mtad/pipeline/hook/trace"
	"github.com/mtad/mtad/plugins/sdk"
)

// OnError says what a message meets when a plugin fails.
type OnError uint8

// The failure policies; FailTemp is the default.
const (
	FailTemp OnError = iota
	FailContinue
	FailReject
)

// ParseOnError reads the on_error setting of a plugin.
func ParseOnError(s string) (OnError, error) {
	switch s {
	case "", "tempfail":
		return FailTemp, nil
	case "continue":
		return FailContinue, nil
	case "reject":
		return FailReject, nil
	}
	return 0, fmt.Errorf("on_error = %q: want tempfail, continue or reject", s)
}

// Default time limits of a hook call. A plugin that waits for a table or the DNS does not use its own
// time, but all that it waits for in one call ends after WaitTime.
const (
	StageTime   = 5 * time.Millisecond
	MessageTime = 50 * time.Millisecond
	DeliverTime = time.Second
	WaitTime    = 10 * time.Second
	// ProcessTime is the default of plugins that are processes, which wait for others in ways that
	// cannot be told from their work; at deliver it is WaitTime.
	ProcessTime = time.Second
)

// Plugin is one [[plugin]] of the configuration, loaded.
type Plugin struct {
	Module sdk.Module
	// Hooks narrows the module's own points; 0 means all of them.
	Hooks sdk.Points
	// Allow are the capabilities granted.
	Allow map[string]bool
	// OnError is the failure policy.
	OnError OnError
	// Time limits each call; 0 means StageTime at the SMTP stages, at rewrite, route and lookup,
	// MessageTime at headers, body, eom and event, and DeliverTime at deliver. For a process 0
	// means ProcessTime, and WaitTime at deliver. For a built-in that may ask DNS or maps, 0 means
	// WaitTime: its waiting cannot be told from its work.
	Time time.Duration
	// Shadow plugins decide and are logged, but change nothing.
	Shadow bool
	// Config is what the plugin reads by config().
	Config map[string]string
	// Maps are the tables that it may ask by map_get, by the names its configuration gives
	// them; KV is its store. They count only with the capability.
	Maps map[string]Table
	KV   KV
}

// Options of a Set. Zero values are usable.
type Options struct {
	Log *maillog.Service
	// SMTPLog and CleanupLog get the decisions at the SMTP stages and about whole messages; Log
	// does when they are nil. Log tools count refusals by the program that logged them.
	SMTPLog, CleanupLog *maillog.Service
	// Count adds to a plugin's own counter; Called is told of each call, and, with an error and
	// no time taken, of each that the breaker did not let happen.
	Count  func(plugin, name string, delta int64)
	Called func(plugin string, p sdk.Point, took time.Duration, action sdk.Action, err error)
	// DNS answers plugins that are allowed "dns"; nil: it is disabled.
	DNS DNS
	// Roster keeps account of the plugins; nil: nobody asks.
	Roster *Roster
	// Trace keeps what plugins did with the messages that it is told to; nil: nothing is traced.
	Trace *trace.Recorder
	// MaxBody is the most bytes of a new body (message_size_limit); 0 means no limit but the
	// disk's.
	MaxBody int64
	// Clock is time.Now unless set.
	Clock func() time.Time
}

// Set is the configured plugins of one generation. Safe for concurrent use.
type Set struct {
	o       Options
	plugins []*plugin
	chains  [sdk.NumPoints][]*plugin
	begun   time.Time // zero of the monotonic clock that plugins see
}

// plugin is a Plugin with what the host keeps about it.
type plugin struct {
	Plugin
	name    string
	index   int
	breaker breaker
	scans   patterns

	accounts [sdk.NumPoints]account
}

// NewSet makes the chains: at each point the plugins that want it, in the order given.
func NewSet(plugins []Plugin, o Options) *Set {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Log == nil {
		o.Log = maillog.Discard().Service("plugin")
	}
	if o.SMTPLog == nil {
		o.SMTPLog = o.Log
	}
	if o.CleanupLog == nil {
		o.CleanupLog = o.Log
	}
	s := &Set{o: o, begun: o.Clock()}
	for i, p := range plugins {
		s.add(&plugin{Plugin: p, name: p.Module.Manifest().Name, index: i})
	}
	return s
}

func (s *Set) add(p *plugin) {
	hooks := p.Module.Manifest().Hooks
	if p.Hooks != 0 {
		hooks &= p.Hooks
	}
	s.plugins = append(s.plugins, p)
	s.o.Roster.add(p, hooks)
	for pt := range sdk.Point(sdk.NumPoints) {
		if hooks.Has(pt) {
			s.chains[pt] = append(s.chains[pt], p)
		}
	}
}

// Wants reports whether any plugin has a hook at the point.
func (s *Set) Wants(p sdk.Point) bool { return len(s.chains[p]) > 0 }

// Close closes the modules; calls under way end first.
func (s *Set) Close(ctx context.Context) error {
	var first error
	for _, p := range s.plugins {
		if err := p.Module.Close(ctx); err != nil && first == nil {
			first = fmt.Errorf("plugin %s: %w", p.name, err)
		}
	}
	return first
}

func (p *plugin) limit(pt sdk.Point) time.Duration {
	switch {
	case p.Time > 0:
		return p.Time
	case p.Module.Manifest().Kind == "process" && pt == sdk.PointDeliver:
		return WaitTime
	case p.Module.Manifest().Kind == "process":
		return ProcessTime
	case (p.Allow[sdk.CapDNS] || p.Allow[sdk.CapMap]) && p.Module.Manifest().Kind != "wasm":
		return WaitTime
	case pt == sdk.PointDeliver:
		return DeliverTime
	case pt == sdk.PointHeaders || pt == sdk.PointBody || pt == sdk.PointEOM || pt == sdk.PointEvent:
		return MessageTime
	}
	return StageTime
}

// Session is a connection as plugins know it, or the origin of one message. One goroutine uses
// it.
type Session struct {
	set    *Set
	origin *mail.Origin
	stash  stash
	// carry holds what a connection-level verdict (hold, discard, redirect) decided for every
	// message of the connection.
	carry Decision
	// steps are those of the connection-level hooks, while something is traced.
	steps []trace.Step
	begun bool    // there was a transaction
	msg   Message // for the connection-level hooks, which have no transaction
}

// Session starts the plugins' view of a connection. The caller keeps origin up to date.
func (s *Set) Session(origin *mail.Origin) *Session {
	ss := &Session{set: s, origin: origin}
	ss.msg = Message{sess: ss, env: &mail.Envelope{}}
	return ss
}
