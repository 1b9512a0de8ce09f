package qmgr

import (
	"context"

	"github.com/mtad/mtad/queue/qmgr/sched"
)

// idleWorkers bounds how many workers wait for work.
const idleWorkers = 256

// task is what a worker does next: a delivery, or what a lane does with a message.
type task struct {
	delivery *delivery
	lane     *lane
	msg      *message
}

// worker is a goroutine that does one task after the other. It ends when tasks is closed.
type worker struct{ tasks chan task }

// lane is a kind of work on messages, of which a bounded number is done at a time. Guarded by
// Manager.mu.
type lane struct {
	limit, busy int
	// queue has those that wait: a crowd of retries does not go before new mail here either.
	queue sched.Turns[*message]
	// do works on a message; it may return a delivery for the same worker to go on with.
	do func(ctx context.Context, msg *message) *delivery
}

// submit gives msg to a lane; mu is held.
func (m *Manager) submit(l *lane, msg *message) {
	if l.busy >= l.limit {
		l.queue.Add(&msg.place, 0, msg.job.Late)
		return
	}
	l.busy++
	m.start(task{lane: l, msg: msg})
}

// start gives a task to an idle worker, or to a new one; mu is held. The caller keeps the limits.
func (m *Manager) start(t task) {
	if last := len(m.idle) - 1; last >= 0 {
		w := m.idle[last]
		m.idle[last] = nil
		m.idle = m.idle[:last]
		m.idleLow = min(m.idleLow, last)
		w.tasks <- t // never blocks: there is room for one and an idle worker has none
		return
	}
	w := &worker{tasks: make(chan task, 1)}
	w.tasks <- t
	m.spawn(w)
}

// rest makes w idle, or ends it when there are enough; mu is held. Its goroutine then looks at
// w.tasks and at nothing else.
func (m *Manager) rest(w *worker) {
	if len(m.idle) >= idleWorkers || m.stopped {
		close(w.tasks)
		return
	}
	m.idle = append(m.idle, w)
}

// dismiss ends n idle workers, those that waited longest; mu is held.
func (m *Manager) dismiss(n int) {
	for _, w := range m.idle[:n] {
		close(w.tasks)
	}
	m.idle = append(m.idle[:0], m.idle[n:]...)
	clear(m.idle[len(m.idle) : len(m.idle)+n])
	m.idleLow = len(m.idle)
}

// serve is the goroutine of a worker.
func (m *Manager) serve(ctx context.Context, w *worker) {
	for t := range w.tasks {
		for more := true; more; {
			if t.delivery != nil {
				t, more = m.deliver(ctx, w, t.delivery)
			} else {
				t, more = m.work(ctx, w, t)
			}
		}
	}
}

// work does a lane's task and returns the next one.
func (m *Manager) work(ctx context.Context, w *worker, t task) (next task, more bool) {
	d := t.lane.do(ctx, t.msg)
	m.mu.Lock()
	defer m.mu.Unlock()
	l := t.lane
	switch {
	case l.queue.Len() == 0:
		l.busy--
	case d == nil:
		return task{lane: l, msg: l.queue.Next().Value}, true
	default:
		m.start(task{lane: l, msg: l.queue.Next().Value})
	}
	if d != nil {
		return task{delivery: d}, true
	}
	m.rest(w)
	return task{}, false
}
