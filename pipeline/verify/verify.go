package verify

import (
	"context"
	"sync"
	"time"

	"github.com/mtad/mtad/plugins/sdk"
)

// Memory keeps rows, perhaps across restarts; package hook/kv's Space is one. ttl is in seconds.
// Safe for concurrent use.
type Memory interface {
	Get(key string) ([]byte, sdk.Errno)
	Set(key string, value []byte, ttl int) sdk.Errno
}

// Options of a Verifier.
type Options struct {
	// Memory has the answers (address_verify_map). Required.
	Memory Memory
	// Probe queues a probe; see cleanup's Door. Required.
	Probe func(ctx context.Context, address string) (aliased bool, err error)
	// Standard brings an address to standard form. Required.
	Standard func(address string) string
	// PositiveExpire is how long a positive answer counts, PositiveRefresh after what time the
	// address is asked again (address_verify_positive_expire_time, …_refresh_time); so for
	// negative ones.
	PositiveExpire, PositiveRefresh, NegativeExpire, NegativeRefresh time.Duration
	// ForgetNegative remembers positive answers only (address_verify_negative_cache = no).
	ForgetNegative bool
	// PendingLimit is how many probes may be under way (address_verify_pending_request_limit).
	PendingLimit int
	// Warn is told what went wrong. Required.
	Warn func(text string)
	// Clock is time.Now unless set.
	Clock func() time.Time
}

// Verifier answers for addresses. Safe for concurrent use.
type Verifier struct {
	o Options

	mu      sync.Mutex
	pending map[string]*question
}

// question is an address that a probe is under way for.
type question struct {
	asked  time.Time
	done   chan struct{} // closed with the answer
	answer Answer
}

// giveUp is after what time a probe that was not heard of is taken for lost.
const giveUp = 1000 * time.Second

// inProgress is the text of an address without an answer, as Postfix words it.
const inProgress = "Address verification in progress"

// New returns a Verifier.
func New(o Options) *Verifier {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	return &Verifier{o: o, pending: map[string]*question{}}
}

// Ask says what is known of an address. When that is nothing, it waits for the answer, but not
// longer than wait, nor than ctx.
func (v *Verifier) Ask(ctx context.Context, address string, wait time.Duration) Answer {
	address = v.o.Standard(address)
	k, now := key(address), v.o.Clock()
	r, found := v.load(k, now)
	var q *question
	if !found || v.stale(r, now) {
		q = v.probe(ctx, k, address, r, now)
	} else if r.State == Unknown {
		q = v.underWay(k)
	}
	if found && r.State != Unknown {
		return r.Answer
	}
	if q != nil && await(ctx, q, wait) {
		return q.answer
	}
	return Answer{State: Unknown, Text: inProgress}
}

// await reports whether the answer came in time.
func await(ctx context.Context, q *question, wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-q.done:
	case <-timer.C:
	case <-ctx.Done():
	}
	select { // an answer that is there counts, whatever else happened
	case <-q.done:
		return true
	default:
		return false
	}
}

// load returns what is remembered and still counts.
func (v *Verifier) load(k string, now time.Time) (row, bool) {
	value, e := v.o.Memory.Get(k)
	if e != sdk.OK {
		if e != sdk.ErrNotFound {
			v.o.Warn("address verification: " + k + ": " + e.Error())
		}
		return row{}, false
	}
	r, ok := parseRow(value)
	if !ok {
		v.o.Warn("address verification: " + k + ": no such row can be: it is forgotten")
		return row{}, false
	}
	return r, r.State == Unknown && now.Sub(r.probed) < giveUp || r.State != Unknown && now.Sub(r.updated) <= v.expire(r.State)
}

func (v *Verifier) expire(s State) time.Duration {
	if s == Deliverable {
		return v.o.PositiveExpire
	}
	return v.o.NegativeExpire
}

// stale reports whether an answer that still counts is to be asked for again.
func (v *Verifier) stale(r row, now time.Time) bool {
	refresh := v.o.NegativeRefresh
	if r.State == Deliverable {
		refresh = v.o.PositiveRefresh
	}
	return r.State != Unknown && now.Sub(r.updated) > refresh && now.Sub(r.probed) >= giveUp
}

func (v *Verifier) underWay(k string) *question {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.pending[k]
}

// probe starts a probe, or joins the one under way; nil when there is no room for another one.
func (v *Verifier) probe(ctx context.Context, k, address string, r row, now time.Time) *question {
	q, mine := v.enter(k, now)
	if !mine {
		return q
	}
	aliased, err := v.o.Probe(context.WithoutCancel(ctx), address)
	switch {
	case err != nil:
		v.o.Warn("address verification: " + address + ": " + err.Error())
		v.leave(k, Answer{State: Unknown, Text: inProgress})
	case aliased:
		v.Update(address, Answer{State: Deliverable, Text: "aliased to multiple recipients"})
	default:
		v.notePending(k, r, now)
	}
	return q
}

// enter notes that a probe is under way; mine says that the caller has to send it.
func (v *Verifier) enter(k string, now time.Time) (q *question, mine bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if q = v.pending[k]; q != nil && now.Sub(q.asked) < giveUp {
		return q, false
	}
	if len(v.pending) >= v.o.PendingLimit {
		v.forgetLost(now)
	}
	if len(v.pending) >= v.o.PendingLimit {
		return nil, false
	}
	q = &question{asked: now, done: make(chan struct{})}
	v.pending[k] = q
	return q, true
}

// forgetLost makes room; v.mu is held.
func (v *Verifier) forgetLost(now time.Time) {
	for k, q := range v.pending {
		if now.Sub(q.asked) >= giveUp {
			delete(v.pending, k)
		}
	}
}

// notePending remembers that an address was asked for, unless its answer came meanwhile.
func (v *Verifier) notePending(k string, r row, now time.Time) {
	if r.updated.IsZero() {
		if v.o.ForgetNegative {
			return
		}
		r.Answer = Answer{State: Unknown, Text: inProgress}
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.pending[k] != nil {
		r.probed = now
		v.store(k, r, now)
	}
}

// store writes a row. What does not fit or cannot be written is asked for again.
func (v *Verifier) store(k string, r row, now time.Time) {
	left := giveUp
	if r.State != Unknown {
		left = r.updated.Add(v.expire(r.State)).Sub(now)
	}
	ttl := max(1, int(left/time.Second))
	if e := v.o.Memory.Set(k, r.encode(), ttl); e != sdk.OK {
		v.o.Warn("address verification: " + k + " is not remembered: " + e.Error())
	}
}

// Update takes what became of a probe for an address.
func (v *Verifier) Update(address string, a Answer) {
	k, now := key(v.o.Standard(address)), v.o.Clock()
	a.Text = clip(a.Text)
	old, found := v.load(k, now)
	v.leave(k, a)
	if a.State == Deliverable || !v.o.ForgetNegative && (!found || old.State != Deliverable) {
		v.mu.Lock()
		defer v.mu.Unlock()
		v.store(k, row{Answer: a, updated: now}, now)
	}
}

// leave answers everybody who waits for the probe.
func (v *Verifier) leave(k string, a Answer) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if q := v.pending[k]; q != nil {
		delete(v.pending, k)
		q.answer = a
		close(q.done)
	}
}
