package console

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mtad/mtad/core/addr"
	"github.com/mtad/mtad/pipeline/ctl"
	"github.com/mtad/mtad/queue"
)

// Bounds of the table of domains and ages.
const (
	buckets    = 10              // as qshape has them: 5 minutes, 10, 20 and so on
	firstAge   = 5 * time.Minute // of the first
	maxDomains = 10000           // that are told apart
	topDomains = 20              // that are shown
	otherName  = "(others)"      // all the rest
	shapeTime  = 5 * time.Second // for one count
	shapeFresh = 5 * time.Second // a count is shown for so long, and for ten times what it took
)

// row is one domain with the number of recipients, or messages, by age.
type row struct {
	Domain string
	Total  int
	Ages   [buckets]int
}

// tally counts by domain.
type tally struct {
	all  row
	rows map[string]*row
}

func (t *tally) add(domain string, bucket int) {
	r := t.rows[domain]
	if r == nil {
		if len(t.rows) >= maxDomains {
			domain = otherName
		}
		if r = t.rows[domain]; r == nil {
			domain = strings.Clone(domain)
			r = &row{Domain: domain}
			t.rows[domain] = r
		}
	}
	for _, r := range []*row{r, &t.all} {
		r.Total++
		r.Ages[bucket]++
	}
}

// top returns the largest domains, and the sum of the others if there are more.
func (t *tally) top() []row {
	rows := make([]row, 0, len(t.rows))
	for _, r := range t.rows {
		rows = append(rows, *r)
	}
	slices.SortFunc(rows, func(a, b row) int {
		return cmp.Or(cmp.Compare(b.Total, a.Total), strings.Compare(a.Domain, b.Domain))
	})
	if len(rows) <= topDomains {
		return rows
	}
	rest := row{Domain: otherName}
	for _, r := range rows[topDomains:] {
		rest.Total += r.Total
		for i := range r.Ages {
			rest.Ages[i] += r.Ages[i]
		}
	}
	return append(rows[:topDomains:topDomains], rest)
}

// shape is one count of the queue: by sites of recipients that are not done, and by the domains of senders,
// for what waits and for what is on hold.
type shape struct {
	At    time.Time
	Took  time.Duration
	Cut   bool // the time did not suffice for all
	Count int  // messages looked at
	// tallies are by view.
	tallies [views]*tally
}

// The views of a shape.
const (
	bySite = 1 // else by sender
	held   = 2 // else what waits
	views  = 4
)

func bucketOf(age time.Duration) int {
	b := 0
	for limit := firstAge; age >= limit && b < buckets-1; limit *= 2 {
		b++
	}
	return b
}

// count walks through the queue once.
func count(ctx context.Context, b ctl.Lister, now time.Time) (*shape, error) {
	ctx, cancel := context.WithTimeout(ctx, shapeTime)
	defer cancel()
	s := &shape{At: now}
	for i := range s.tallies {
		s.tallies[i] = &tally{rows: map[string]*row{}}
	}
	err := b.List(ctx, func(e *queue.Entry, r *queue.Record) bool {
		if s.Cut = ctx.Err() != nil; !s.Cut {
			s.add(e, r)
		}
		return !s.Cut
	})
	if ctx.Err() != nil {
		s.Cut, err = true, nil
	}
	return s, err
}

func (s *shape) add(e *queue.Entry, r *queue.Record) {
	s.Count++
	view := 0
	switch r.State {
	case queue.Corrupt:
		return
	case queue.Hold:
		view = held
	}
	b := bucketOf(s.At.Sub(e.Arrived))
	s.tallies[view].add(cmp.Or(addr.Domain(e.Sender), "<>"), b)
	for i := range e.Recipients {
		if i < len(r.Recipients) && r.Recipients[i].Outcome.Done() {
			continue
		}
		s.tallies[view|bySite].add(addr.Domain(e.Recipients[i].Address), b)
	}
}

// shapes keeps the last count, so that nobody has the queue walked through all the time by loading a
// page again and again.
type shapes struct {
	clock func() time.Time

	mu   sync.Mutex // held while the queue is counted: others wait for that count
	last *shape
}

func (c *shapes) get(ctx context.Context, b ctl.Lister) (*shape, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.clock()
	if c.last != nil && now.Sub(c.last.At) < max(shapeFresh, 10*c.last.Took) {
		return c.last, nil
	}
	// Whose page it is does not matter: the next one shows this count too.
	s, err := count(context.WithoutCancel(ctx), b, now)
	if err != nil {
		return nil, err
	}
	s.Took = c.clock().Sub(now)
	c.last = s
	return s, nil
}
