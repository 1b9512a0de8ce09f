package hook

import (
	"context"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/plugins/sdk"
	"github.com/mtad/mtad/queue"
)

// Limits of Events.
const (
	// EventBacklog is how many events may wait for the plugins.
	EventBacklog = 4096
	// eventDrain is how long Run goes on with what waits when it is to end.
	eventDrain = 5 * time.Second
	// dropNotice is the least time between two log lines about dropped events.
	dropNotice = 10 * time.Second
)

// Events tells the plugins of the event point what happens to queued messages, one event after
// the other, in the order in which they came. It never holds mail up: events that find
// EventBacklog others waiting are dropped, counted and logged.
type Events struct {
	set     *Set
	dropped func()
	waiting chan queue.Event
	lost    atomic.Int64
	noticed time.Time // of Run's goroutine
}

// NewEvents returns the observer of a set; dropped is told of each event that is lost, nil for
// nobody. Run must run for as long as Tell may be called.
func NewEvents(set *Set, dropped func()) *Events {
	return &Events{set: set, dropped: dropped, waiting: make(chan queue.Event, EventBacklog)}
}

// Tell queues an event. It does not block. Safe for concurrent use.
func (o *Events) Tell(ev queue.Event) {
	if !o.set.Wants(sdk.PointEvent) {
		return
	}
	select {
	case o.waiting <- ev:
	default:
		o.lost.Add(1)
		if o.dropped != nil {
			o.dropped()
		}
	}
}

// Run calls the plugins until ctx is done, and then for what is left, a few seconds at most.
func (o *Events) Run(ctx context.Context) {
	for {
		select {
		case ev := <-o.waiting:
			o.call(ctx, &ev)
		case <-ctx.Done():
			o.drain(context.WithoutCancel(ctx))
			return
		}
	}
}

func (o *Events) drain(ctx context.Context) {
	end := time.Now().Add(eventDrain)
	for time.Now().Before(end) {
		select {
		case ev := <-o.waiting:
			o.call(ctx, &ev)
		default:
			o.notice(true)
			return
		}
	}
	for {
		select {
		case <-o.waiting:
			o.lost.Add(1)
		default:
			o.notice(true)
			return
		}
	}
}

// call tells every plugin of one event. Failures are logged and count for the breaker.
func (o *Events) call(ctx context.Context, ev *queue.Event) {
	o.notice(false)
	ctx = context.WithoutCancel(ctx)
	env := mail.Envelope{}
	if ev.Entry != nil {
		env = ev.Entry.Envelope
	}
	m := o.set.detached(&env)
	m.rcpt = recipientOf(&env, ev.Recipient)
	m.asked.event = &happened{ev}
	for _, p := range o.set.chains[sdk.PointEvent] {
		if _, _, _, err := m.call(ctx, p, sdk.PointEvent); err != nil {
			m.failed(p, sdk.PointEvent, err)
		}
	}
}

func recipientOf(env *mail.Envelope, address string) *mail.Recipient {
	if address == "" {
		return nil
	}
	for i := range env.Recipients {
		if env.Recipients[i].Address == address {
			return &env.Recipients[i]
		}
	}
	return &mail.Recipient{Address: address, Original: address}
}

// notice logs how many events were lost, now and then, or now when it is the last time.
func (o *Events) notice(last bool) {
	now := o.set.o.Clock()
	if o.lost.Load() == 0 || !last && now.Sub(o.noticed) < dropNotice {
		return
	}
	o.noticed = now
	o.set.o.Log.Warning(fmt.Sprintf("%d events were dropped: the plugins of the event hook are too slow", o.lost.Swap(0)))
}

// happened is an event as plugins see it.
type happened struct{ *queue.Event }

func eventProperty(ev *happened, key string) (string, bool) {
	switch key {
	case "event.kind":
		return ev.Kind, true
	case "event.time":
		return ev.At.UTC().Format("2006-01-02T15:04:05.000Z"), true
	case "event.rcpt":
		return ev.Recipient, true
	case "event.size":
		if ev.Entry == nil {
			return "", false
		}
		return strconv.FormatInt(ev.Entry.Size, 10), true
	}
	r := ev.Result
	if r == nil {
		return "", false
	}
	switch key {
	case "event.reply":
		return r.Reply.String(), true
	case "event.dsn":
		return r.Reply.DSN(), true
	case "event.relay":
		return r.Relay, true
	}
	return "", false
}
