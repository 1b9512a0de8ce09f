package qmgr

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/mtad/mtad/queue"
)

// deliver makes one delivery, deals with its results, and returns what the worker does next: the
// request whose turn it is at the same transport, so that on a busy transport no worker is woken
// for what this one can do.
func (m *Manager) deliver(ctx context.Context, w *worker, d *delivery) (next task, more bool) {
	begun := time.Now()
	results := m.try(ctx, d)
	end := ended{part: d.part, transport: d.t, results: results, at: time.Now()}
	failure := deadSite(results)
	m.fillIn(results, begun)
	cancelled := ctx.Err() != nil
	if m.claim(d.msg, end, cancelled) {
		m.settle(ctx, d.msg)
	}

	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	if cancelled {
		failure = nil
	}
	m.release(d, failure, now)
	t := d.t
	mine := m.take(t, now)
	if mine == nil {
		m.rest(w)
		return task{}, false
	}
	m.pump(t, now)
	return task{delivery: mine}, true
}

// try asks the agent. Whatever it does, there is one usable result per recipient afterwards.
func (m *Manager) try(ctx context.Context, d *delivery) []queue.Result {
	t := d.t
	if t.TimeLimit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, t.TimeLimit)
		defer cancel()
	}
	results, err := call(ctx, t.Agent, &d.req)
	if err == nil && len(results) != len(d.Index) {
		err = fmt.Errorf("%d results for %d recipients", len(results), len(d.Index))
	}
	if err == nil {
		err = unknownOutcome(results)
	}
	if err == nil {
		return results
	}
	m.qmgr.Error(fmt.Sprintf("%s: transport %s: %v", d.msg.entry.ID, t.name, err))
	results = make([]queue.Result, len(d.Index))
	for k := range results {
		results[k] = *deferral("4.3.0", "unknown mail transport error")
		results[k].Cause = err
	}
	return results
}

// call is Deliver, except that a panic is an error.
func call(ctx context.Context, agent queue.Agent, req *queue.Request) (results []queue.Result, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v at %s", p, debug.Stack())
		}
	}()
	return agent.Deliver(ctx, req), nil
}

func unknownOutcome(results []queue.Result) error {
	for k := range results {
		switch results[k].Outcome {
		case queue.Sent, queue.Deferred4, queue.Bounced, queue.Expanded:
		default:
			return fmt.Errorf("outcome %d of recipient %d", results[k].Outcome, k)
		}
	}
	return nil
}

// deadSite returns the result that says the site could not be reached, nil if it was.
func deadSite(results []queue.Result) *queue.Result {
	for k := range results {
		if r := &results[k]; r.DeadSite && r.Outcome != queue.Sent && r.Outcome != queue.Expanded {
			return r
		}
	}
	return nil
}

// fillIn completes what an agent left open.
func (m *Manager) fillIn(results []queue.Result, begun time.Time) {
	for k := range results {
		r := &results[k]
		if r.Begun.IsZero() {
			r.Begun = begun
		}
		if r.Relay == "" {
			r.Relay = "none"
		}
		if r.Reply.IsZero() {
			r.Reply = silent(r.Outcome)
		}
	}
}

// claim notes that a delivery ended, and reports whether the caller now owns the message and must
// settle it.
func (m *Manager) claim(msg *message, e ended, cancelled bool) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	msg.busy--
	msg.tried = true
	msg.broken = msg.broken || cancelled
	msg.ended = append(msg.ended, e)
	if msg.owned {
		return false
	}
	msg.owned = true
	return true
}

// answer ends recipients without an agent; mu is held.
func (m *Manager) answer(msg *message, e ended) {
	msg.ended = append(msg.ended, e)
	if !msg.owned {
		msg.owned = true
		m.submit(&m.recording, msg)
	}
}
