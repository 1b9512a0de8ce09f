package qmgr

import (
	"context"
	"errors"
	"time"

	"github.com/mtad/mtad/queue"
)

// flushesKept bounds how many flushes are remembered at a time.
const flushesKept = 64

// change is what an admin wants done to one entry.
type change struct {
	// active is asked, with mu held, when the entry is active: whether it must leave the
	// active set first; if not, the change is over.
	active func(msg *message) (leave bool, err error)
	// shelf changes an entry that is not active, with Manager.shelf held.
	shelf func(e *queue.Entry, rec *queue.Record) error
}

// Hold puts an entry on hold (postsuper -h), synced. What is under way for an active one ends and
// is recorded first; Hold waits for that, and if ctx ends earlier the order stands all the same.
// An entry that was sent meanwhile is not found.
func (m *Manager) Hold(ctx context.Context, id, reason string) error {
	return m.change(ctx, id, change{
		active: func(msg *message) (bool, error) {
			msg.order, msg.reason = max(msg.order, hold), reason
			return true, nil
		},
		shelf: func(e *queue.Entry, rec *queue.Record) error {
			if rec.State == queue.Hold {
				return nil
			}
			rec.State, rec.Reason = queue.Hold, reason
			if err := m.o.Store.Update(id, rec, nil); err != nil {
				return err
			}
			m.event("held", e, "", queue.Report{At: time.Now()})
			return nil
		},
	})
}

// Delete removes an entry (postsuper -d), in whatever state. What is under way for an active one
// ends first; Delete waits for that as Hold does.
func (m *Manager) Delete(ctx context.Context, id string) error {
	wasActive := false
	err := m.change(ctx, id, change{
		active: func(msg *message) (bool, error) {
			msg.order, wasActive = remove, true
			return true, nil
		},
		shelf: func(e *queue.Entry, _ *queue.Record) error { return m.remove(e, time.Now()) },
	})
	if wasActive && errors.Is(err, queue.ErrNotFound) {
		return nil // it is gone, as was wanted
	}
	return err
}

// Release makes an entry that is on hold due at once (postsuper -H). Others are not found.
func (m *Manager) Release(ctx context.Context, id string) error {
	return m.change(ctx, id, change{
		active: func(*message) (bool, error) { return false, queue.ErrNotFound },
		shelf: func(e *queue.Entry, rec *queue.Record) error {
			if rec.State != queue.Hold {
				return queue.ErrNotFound
			}
			rec.Reason = ""
			if err := m.makeDue(id, rec, time.Now()); err != nil {
				return err
			}
			m.event("released", e, "", queue.Report{At: time.Now()})
			return nil
		},
	})
}

// Expire has an entry returned to its sender (postsuper -e): now, or after the attempt under way;
// one that is on hold, when it is released.
func (m *Manager) Expire(ctx context.Context, id string) error {
	return m.change(ctx, id, change{
		active: func(msg *message) (bool, error) {
			msg.expire = true
			return false, nil
		},
		shelf: func(_ *queue.Entry, rec *queue.Record) error {
			rec.Expire = true
			if rec.State == queue.Deferred {
				return m.makeDue(id, rec, time.Now())
			}
			return m.o.Store.Update(id, rec, nil)
		},
	})
}

// FlushID makes one deferred entry due at once (postqueue -i), and dead sites live again. An entry
// in another state is left alone.
func (m *Manager) FlushID(ctx context.Context, id string) error {
	stamp := m.beginFlush(time.Second)
	return m.change(ctx, id, change{
		active: func(*message) (bool, error) { return false, nil },
		shelf: func(_ *queue.Entry, rec *queue.Record) error {
			if rec.State != queue.Deferred {
				return nil
			}
			return m.makeDue(id, rec, stamp)
		},
	})
}

// Flush makes the deferred entries due that match, all with nil (postqueue -f), and dead sites live
// again; defer_transports is not heeded for them this once. It returns how many. Each is tried
// once, however long the flush takes. Held entries are not touched. It streams through the queue;
// when ctx ends, what was done so far stands.
func (m *Manager) Flush(ctx context.Context, match func(*queue.Entry, *queue.Record) bool) (n int, err error) {
	stamp := m.beginFlush(0)
	eachErr := m.o.Store.Each(ctx, queue.Deferred, "", func(e *queue.Entry, rec *queue.Record) bool {
		if match != nil && !match(e, rec) || triedSince(rec, stamp) {
			return ctx.Err() == nil
		}
		var flushed bool
		if flushed, err = m.flushOne(e.ID, stamp); flushed {
			n++
		}
		return err == nil && ctx.Err() == nil
	})
	m.look()
	return n, errors.Join(err, eachErr, ctx.Err())
}

// look makes the loop look into the store.
func (m *Manager) look() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.want()
}

// beginFlush revives all sites and returns the due time that marks flushed entries: now, or that of
// the last flush if it is not older than grain. It is whole milliseconds, so that every store
// keeps it exactly.
func (m *Manager) beginFlush(grain time.Duration) time.Time {
	stamp := time.Now().Truncate(time.Millisecond)
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, t := range m.transports {
		for _, s := range t.line.Sites() {
			if dead, _, _ := s.Dead(); dead {
				s.Revive()
			}
		}
	}
	if n := len(m.flushes); n > 0 && stamp.Sub(m.flushes[n-1]) <= grain {
		return m.flushes[n-1]
	}
	m.flushes = append(m.flushes, stamp)
	if len(m.flushes) > flushesKept {
		m.flushes = m.flushes[1:]
	}
	return stamp
}

// wasFlushed reports whether an entry with this due time was flushed by an admin.
func (m *Manager) wasFlushed(due time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, f := range m.flushes {
		if f.Equal(due) {
			return true
		}
	}
	return false
}

func triedSince(rec *queue.Record, t time.Time) bool {
	for i := range rec.Recipients {
		if rec.Recipients[i].At.After(t) {
			return true
		}
	}
	return false
}

// flushOne makes one entry due. The record that the walk brought may be old: it is read again.
func (m *Manager) flushOne(id string, stamp time.Time) (bool, error) {
	m.shelf.Lock()
	defer m.shelf.Unlock()
	if m.isActive(id) {
		return false, nil
	}
	_, rec, err := m.o.Store.Load(id)
	if err != nil || rec.State != queue.Deferred || triedSince(rec, stamp) {
		return false, nil // gone or in other hands; an unreadable one is found by the loop
	}
	return true, m.makeDue(id, rec, stamp)
}

// makeDue stores rec as deferred and due; shelf is held.
func (m *Manager) makeDue(id string, rec *queue.Record, due time.Time) error {
	rec.State, rec.Due = queue.Deferred, due
	if err := m.o.Store.Update(id, rec, nil); err != nil {
		return err
	}
	m.look()
	return nil
}

// change does c, if need be when the entry has left the active set.
func (m *Manager) change(ctx context.Context, id string, c change) error {
	for {
		gone, err := m.tryChange(id, c)
		if gone == nil {
			return err
		}
		select {
		case <-gone:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// tryChange does c, or returns what is closed when the entry has left the active set.
func (m *Manager) tryChange(id string, c change) (gone <-chan struct{}, err error) {
	m.shelf.Lock()
	defer m.shelf.Unlock()
	if active, gone, err := m.changeActive(id, c); active {
		return gone, err
	}
	e, rec, err := m.o.Store.Load(id)
	if errors.Is(err, queue.ErrCorrupt) {
		e, rec, err = m.o.Store.Load(id) // now that it is put aside, as far as it can be read
	}
	if err != nil {
		return nil, err
	}
	return nil, c.shelf(e, complete(rec, len(e.Recipients)))
}

func (m *Manager) changeActive(id string, c change) (active bool, gone <-chan struct{}, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	msg := m.active[id]
	if msg == nil {
		m.doubt = now.Add(doubtFor) // the word of its arrival may be on its way
		return false, nil, nil
	}
	leave, err := c.active(msg)
	if !leave {
		return true, nil, err
	}
	if msg.gone == nil {
		msg.gone = make(chan struct{})
	}
	m.withdraw(msg, now)
	return true, msg.gone, nil
}
