package qmgr

import (
	"container/heap"
	"time"
)

// alarm is something to do at a time, with Manager.mu held.
type alarm struct {
	at   time.Time
	ring func(now time.Time)
}

// alarms is a heap by time. One timer, the loop's, serves them all.
type alarms []alarm

// Len is heap.Interface's.
func (a alarms) Len() int { return len(a) }

// Less is heap.Interface's.
func (a alarms) Less(i, j int) bool { return a[i].at.Before(a[j].at) }

// Swap is heap.Interface's.
func (a alarms) Swap(i, j int) { a[i], a[j] = a[j], a[i] }

// Push is heap.Interface's.
func (a *alarms) Push(x any) { *a = append(*a, x.(alarm)) }

// Pop is heap.Interface's.
func (a *alarms) Pop() any {
	last := len(*a) - 1
	x := (*a)[last]
	(*a)[last] = alarm{}
	*a = (*a)[:last]
	return x
}

// at has ring called at a time; mu is held.
func (m *Manager) at(at time.Time, ring func(now time.Time)) {
	heap.Push(&m.alarms, alarm{at, ring})
	if m.alarms[0].at.Equal(at) {
		m.poke()
	}
}

// ring calls the alarms whose time has come, and returns when there is something to do next: an
// alarm, or a look into the store.
func (m *Manager) ring(now time.Time) time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	for len(m.alarms) > 0 && !m.alarms[0].at.After(now) {
		heap.Pop(&m.alarms).(alarm).ring(now)
	}
	next := m.intake.look
	if m.intake.wanted {
		next = now
	}
	if len(m.alarms) > 0 && m.alarms[0].at.Before(next) {
		next = m.alarms[0].at
	}
	return next
}
