package console

import (
	"sync"
	"time"

	"github.com/mtad/mtad/queue"
)

// The time that Rates remembers, in slots.
const (
	slotTime = 10 * time.Second
	slots    = 360 // an hour
)

// What Rates counts.
const (
	accepted = iota
	sent
	deferred
	bounced
	kinds
)

// parts are the four of the log line's delays=a/b/c/d.
const parts = 4

// Rates remembers for an hour what was accepted and what became of deliveries, in a fixed amount of
// memory (about 100 KiB). A nil Rates remembers nothing. Safe for concurrent use.
type Rates struct {
	clock func() time.Time

	mu   sync.Mutex
	ring [slots]slot
}

// slot is what happened in one slotTime.
type slot struct {
	at    int64 // its number since 1970
	n     [kinds]uint32
	parts [parts]latencies
}

// NewRates returns one that remembers nothing yet.
func NewRates() *Rates { return &Rates{clock: time.Now} }

// Accepted notes a message that was queued.
func (r *Rates) Accepted() {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.slot().n[accepted]++
}

// Delivered notes what became of one recipient, and the four parts of its delay: before the queue manager
// had the message, in the queue, until the connection stood, and the transmission.
func (r *Rates) Delivered(o queue.Outcome, before, queued, setup, conversing time.Duration) {
	if r == nil {
		return
	}
	kind := sent
	switch o {
	case queue.Deferred4:
		kind = deferred
	case queue.Bounced:
		kind = bounced
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.slot()
	s.n[kind]++
	for i, d := range [parts]time.Duration{before, queued, setup, conversing} {
		s.parts[i].add(d)
	}
}

// slot is that of now; what was there an hour ago goes.
func (r *Rates) slot() *slot {
	at := r.clock().UnixNano() / int64(slotTime)
	s := &r.ring[at%slots]
	if s.at != at {
		*s = slot{at: at}
	}
	return s
}

// sum adds up the slots of the last d, the running one among them.
func (r *Rates) sum(d time.Duration) (all slot) {
	if r == nil {
		return all
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.clock().UnixNano() / int64(slotTime)
	for i := range r.ring {
		s := &r.ring[i]
		if s.at > now-int64(d/slotTime) && s.at <= now {
			for k := range s.n {
				all.n[k] += s.n[k]
			}
			for p := range s.parts {
				all.parts[p].join(&s.parts[p])
			}
		}
	}
	return all
}

// minutes are the counts of each of the last 60 minutes, the running one last.
func (r *Rates) minutes() (m [60][kinds]uint32) {
	if r == nil {
		return m
	}
	const perMinute = int64(time.Minute / slotTime)
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.clock().UnixNano() / int64(slotTime) / perMinute
	for i := range r.ring {
		s := &r.ring[i]
		if ago := now - s.at/perMinute; s.at > 0 && ago >= 0 && ago < 60 {
			for k := range s.n {
				m[59-ago][k] += s.n[k]
			}
		}
	}
	return m
}

// bounds is the number of buckets of latencies: up to 1 ms, 2 ms, 4 ms and so on, to six days.
const bounds = 30

// latencies counts times by size.
type latencies struct {
	n   [bounds]uint32
	sum time.Duration
}

func (l *latencies) add(d time.Duration) {
	d = max(d, 0)
	i := 0
	for limit := time.Millisecond; d > limit && i < bounds-1; limit *= 2 {
		i++
	}
	l.n[i]++
	l.sum += d
}

func (l *latencies) join(o *latencies) {
	for i := range l.n {
		l.n[i] += o.n[i]
	}
	l.sum += o.sum
}

func (l *latencies) count() (n uint32) {
	for _, c := range l.n {
		n += c
	}
	return n
}

// mean is the mean, 0 without any.
func (l *latencies) mean() time.Duration {
	if n := l.count(); n > 0 {
		return l.sum / time.Duration(n)
	}
	return 0
}

// atMost is a time that the given share of all (in percent) did not exceed: the bound of a bucket.
func (l *latencies) atMost(percent uint64) time.Duration {
	want := (uint64(l.count())*percent + 99) / 100
	var seen uint64
	limit := time.Millisecond
	for i := range l.n {
		if seen += uint64(l.n[i]); seen >= want {
			break
		}
		limit *= 2
	}
	return limit
}
