package dns

import (
	"container/list"
	"sync"
	"time"

	wire "github.com/miekg/dns"
)

// question is what the cache and the flights are keyed by. name is as queryName makes it.
type question struct {
	name  string
	qtype uint16
}

// entry is the outcome of one question. It is never changed once it is made: the cache, and
// everybody who waited for the same flight, share it.
type entry struct {
	q       question
	err     *Error    // nil when there are records
	name    string    // owner of the records, with final dot
	records []wire.RR // all of the asked type and of class IN
	secure  bool
	expires time.Time // zero: not to be kept
}

// What an entry and a record cost beside their bytes on the wire, measured generously.
const (
	entryOverhead  = 512
	recordOverhead = 192
)

func (e *entry) cost() int {
	n := entryOverhead + len(e.q.name) + len(e.name)
	for _, rr := range e.records {
		n += recordOverhead + wire.Len(rr)
	}
	return n
}

// cache keeps entries until they expire or the least recently used ones must make room. Expired
// entries are dropped when somebody asks for them or when they have sunk to the end: no goroutine
// sweeps. Safe for concurrent use.
type cache struct {
	capacity int // bytes, about; 0 keeps nothing

	mu    sync.Mutex
	byKey map[question]*list.Element
	order list.List // of *slot, most recently used first
	bytes int
}

type slot struct {
	e    *entry
	cost int
}

func newCache(capacity int) *cache {
	return &cache{capacity: capacity, byKey: make(map[question]*list.Element)}
}

// get returns the live entry for q, or nil.
func (c *cache) get(q question) *entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	el, ok := c.byKey[q]
	if !ok {
		return nil
	}
	e := el.Value.(*slot).e
	if !time.Now().Before(e.expires) {
		c.remove(el)
		return nil
	}
	c.order.MoveToFront(el)
	return e
}

// put keeps e until it expires. An entry that would take more than an eighth of the whole
// is not kept: one hostile answer must not push out what others need.
func (c *cache) put(e *entry) {
	cost := e.cost()
	c.mu.Lock()
	defer c.mu.Unlock()
	if old, ok := c.byKey[e.q]; ok {
		c.remove(old)
	}
	if cost > c.capacity/8 || !time.Now().Before(e.expires) {
		return
	}
	c.byKey[e.q] = c.order.PushFront(&slot{e, cost})
	for c.bytes += cost; c.bytes > c.capacity; {
		c.remove(c.order.Back())
	}
}

// remove takes el out. The caller holds mu.
func (c *cache) remove(el *list.Element) {
	s := c.order.Remove(el).(*slot)
	delete(c.byKey, s.e.q)
	c.bytes -= s.cost
}

// size returns the number of entries and what they cost.
func (c *cache) size() (entries, bytes int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.byKey), c.bytes
}
