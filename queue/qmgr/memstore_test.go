package qmgr_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/queue"
)

// memStore is a queue.Store in memory that can crash: what was not synced may be lost, the latest
// changes first, as on a disk.
type memStore struct {
	mu       sync.Mutex
	seq      int
	items    map[string]*item
	arrival  []key             // the incoming ones, by seq
	due      []key             // the deferred ones, by time
	undo     []func(*memStore) // of what is not synced, oldest first
	fail     func(op, id string) error
	damaged  map[string]bool // entries that fail their checksum when they are read
	ops      map[string]int  // calls by name
	sites    map[string][]string
	maxAsked int // largest max of Due and Waiting
}

type item struct {
	entry *queue.Entry
	rec   queue.Record
	seq   int
}

type key struct {
	at  time.Time
	seq int
	id  string
}

var _ queue.Store = (*memStore)(nil)

func newStore() *memStore {
	return &memStore{items: make(map[string]*item), ops: make(map[string]int)}
}

func byKey(a, b key) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.seq, b.seq)) }

func insert(list []key, k key) []key {
	i, _ := slices.BinarySearchFunc(list, k, byKey)
	return slices.Insert(list, i, k)
}

func without(list []key, k key) []key {
	if i, ok := slices.BinarySearchFunc(list, k, byKey); ok {
		return slices.Delete(list, i, i+1)
	}
	return list
}

func (s *memStore) called(op, id string) error {
	s.ops[op]++
	if s.fail != nil {
		return s.fail(op, id)
	}
	return nil
}

// put replaces an item, nil to remove it, and keeps the indexes.
func (s *memStore) put(id string, it *item) {
	if old := s.items[id]; old != nil {
		s.arrival = without(s.arrival, key{seq: old.seq})
		s.due = without(s.due, key{at: old.rec.Due, seq: old.seq})
		delete(s.items, id)
	}
	if it == nil {
		return
	}
	s.items[id] = it
	switch it.rec.State {
	case queue.Incoming, queue.Active:
		s.arrival = insert(s.arrival, key{seq: it.seq, id: id})
	case queue.Deferred:
		s.due = insert(s.due, key{at: it.rec.Due, seq: it.seq, id: id})
	}
}

func (s *memStore) change(id string, it *item, synced bool) {
	old := s.items[id]
	s.put(id, it)
	if synced {
		s.undo = nil
		return
	}
	s.undo = append(s.undo, func(s *memStore) { s.put(id, old) })
}

// commit is what a draft's Commit does.
func (s *memStore) commit(env mail.Envelope, state queue.State) *queue.Entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seq++
	if env.ID == "" {
		env.ID = fmt.Sprintf("M%05d", s.seq)
	}
	e := &queue.Entry{Envelope: env, Size: 1000}
	s.change(env.ID, &item{entry: e, seq: s.seq, rec: queue.Record{State: state,
		Recipients: make([]queue.Progress, len(env.Recipients))}}, true)
	return e
}

// crashed returns a copy of the store as a crash leaves it, with the last n unsynced changes lost,
// after recovery.
func (s *memStore) crashed(n int) *memStore {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := newStore()
	c.seq = s.seq
	for id, it := range s.items {
		c.put(id, it)
	}
	for i := len(s.undo) - 1; i >= 0 && n > 0; i, n = i-1, n-1 {
		s.undo[i](c)
	}
	for id, it := range c.items {
		if it.rec.State == queue.Active {
			again := &item{entry: it.entry, rec: copied(&it.rec), seq: it.seq}
			again.rec.State = queue.Incoming
			c.put(id, again)
		}
	}
	return c
}

func copied(r *queue.Record) queue.Record {
	c := *r
	c.Recipients = slices.Clone(r.Recipients)
	return c
}

func (s *memStore) Begin(context.Context) (queue.Draft, error) { panic("not used here") }

func (s *memStore) Load(id string) (*queue.Entry, *queue.Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.called("load", id); err != nil {
		return nil, nil, err
	}
	it := s.items[id]
	if it == nil {
		return nil, nil, queue.ErrNotFound
	}
	if s.damaged[id] && it.rec.State != queue.Corrupt {
		spoilt := &item{entry: it.entry, rec: copied(&it.rec), seq: it.seq}
		spoilt.rec.State = queue.Corrupt
		s.put(id, spoilt)
		return nil, nil, fmt.Errorf("%s: %w", id, queue.ErrCorrupt)
	}
	rec := copied(&it.rec)
	return it.entry, &rec, nil
}

func (s *memStore) Open(string) (mail.Content, error) { return mail.Bytes("Subject: x\r\n\r\n"), nil }

// Update takes over what the interface says and nothing more: the progress of changed recipients.
func (s *memStore) Update(id string, r *queue.Record, changed []int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.called("update", id); err != nil {
		return err
	}
	it := s.items[id]
	if it == nil {
		return queue.ErrNotFound
	}
	rec := *r
	rec.Recipients = slices.Clone(it.rec.Recipients)
	for _, i := range changed {
		rec.Recipients[i] = r.Recipients[i]
	}
	s.change(id, &item{entry: it.entry, rec: rec, seq: it.seq}, r.State == queue.Hold)
	return nil
}

func (s *memStore) Remove(id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.called("remove", id); err != nil {
		return err
	}
	if s.items[id] == nil {
		return queue.ErrNotFound
	}
	s.change(id, nil, false)
	return nil
}

// Each goes along the index of deferred entries as it is when it gets there: what is deferred again
// meanwhile is seen again. It knows no other state.
func (s *memStore) Each(ctx context.Context, state queue.State, _ string, fn func(*queue.Entry, *queue.Record) bool) error {
	if state != queue.Deferred {
		return fmt.Errorf("Each(%v) is not made up", state)
	}
	last := key{seq: -1}
	for {
		s.mu.Lock()
		i, found := slices.BinarySearchFunc(s.due, last, byKey)
		if found {
			i++
		}
		if i == len(s.due) {
			s.mu.Unlock()
			return ctx.Err()
		}
		last = s.due[i]
		it := s.items[last.id]
		rec := copied(&it.rec)
		s.mu.Unlock()
		if ctx.Err() != nil || !fn(it.entry, &rec) {
			return ctx.Err()
		}
	}
}

func (s *memStore) Due(now time.Time, limit int) (ids []string, next time.Time, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.maxAsked = max(s.maxAsked, limit)
	if err := s.called("due", ""); err != nil {
		return nil, time.Time{}, err
	}
	for _, k := range s.due {
		if k.at.After(now) || len(ids) == limit {
			return ids, k.at, nil
		}
		ids = append(ids, k.id)
	}
	return ids, time.Time{}, nil
}

func (s *memStore) Waiting(after string, limit int) (ids []string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.maxAsked = max(s.maxAsked, limit)
	if err := s.called("waiting", ""); err != nil {
		return nil, err
	}
	from := 0
	if after != "" {
		fmt.Sscanf(after, "M%d", &from)
	}
	i, _ := slices.BinarySearchFunc(s.arrival, key{seq: from + 1}, byKey)
	for _, k := range s.arrival[i:min(len(s.arrival), i+limit)] {
		ids = append(ids, k.id)
	}
	return ids, nil
}

func (s *memStore) NoteSites(id string, sites []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sites == nil {
		s.sites = map[string][]string{}
	}
	for _, site := range sites {
		if !slices.Contains(s.sites[site], id) {
			s.sites[site] = append(s.sites[site], id)
		}
	}
	return s.called("note", id)
}

func (s *memStore) Site(site string, fn func(id string) bool) error {
	s.mu.Lock()
	ids := slices.Clone(s.sites[site])
	err := s.called("site", "")
	s.mu.Unlock()
	for _, id := range ids {
		if err != nil || !fn(id) {
			break
		}
	}
	return err
}

func (s *memStore) Counts() map[queue.State]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := make(map[queue.State]int)
	for _, it := range s.items {
		n[it.rec.State]++
	}
	return n
}

func (s *memStore) FreeBytes() (int64, error) { return 1 << 40, nil }
func (s *memStore) Close() error              { return nil }

// record returns a copy of a record, nil for an entry that is gone.
func (s *memStore) record(id string) *queue.Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	if it := s.items[id]; it != nil {
		rec := copied(&it.rec)
		return &rec
	}
	return nil
}

func (s *memStore) count(op string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ops[op]
}

// set changes a record behind the manager's back.
func (s *memStore) set(id string, fn func(*queue.Record)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	it := s.items[id]
	rec := copied(&it.rec)
	fn(&rec)
	s.put(id, &item{entry: it.entry, rec: rec, seq: it.seq})
}

func (s *memStore) setFail(fn func(op, id string) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = fn
}
