package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/queue"
	"github.com/mtad/mtad/queue/store/ledger"
)

// faults is a disk that fails: operations number from to from+many-1 that write, or that read,
// counted from the moment it is armed.
type faults struct {
	err        error
	reads      bool
	from, many int64
	armed      atomic.Bool
	ops        atomic.Int64
}

func (f *faults) String() string { return "faults" }

func (f *faults) MaybeError(op errorfs.Op) error {
	if !f.armed.Load() || (op.Kind.ReadOrWrite() == errorfs.OpIsRead) != f.reads || op.Kind == errorfs.OpFilePreallocate {
		return nil
	}
	if n := f.ops.Add(1) - 1; n >= f.from && n < f.from+f.many {
		return fmt.Errorf("operation %d on %s: %w", n, op.Path, f.err)
	}
	return nil
}

// life is a store under test with what must and what may be in it.
type life struct {
	t *testing.T
	s *Store
	// sure has the texts of entries that were acknowledged and not removed, gone the ids whose
	// commit failed or whose removal succeeded.
	sure map[string][]byte
	gone map[string]bool
	// state has the states of entries whose last update succeeded.
	state  map[string]queue.State
	failed int
}

func newLife(t *testing.T, s *Store) *life {
	return &life{t: t, s: s, sure: map[string][]byte{}, gone: map[string]bool{}, state: map[string]queue.State{}}
}

// answer checks that an error is one of those that the store may give, and waits until the store
// works again.
func (l *life) answer(err error) {
	l.t.Helper()
	l.failed++
	var e *status.Error
	if !errors.As(err, &e) {
		l.t.Fatalf("no answer: %v", err)
	}
	code, enhanced := 451, "4.3.0"
	if errors.Is(err, syscall.ENOSPC) {
		code, enhanced = 452, "4.3.1"
	}
	if e.Reply.Code != code || e.Reply.Enhanced != enhanced {
		l.t.Fatalf("answer %q to %v", e.Reply, err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := l.s.ledger.Up(ctx); err != nil {
		l.t.Fatal(err)
	}
}

func (l *life) commit(seed uint64, n int, state queue.State) string {
	l.t.Helper()
	d, err := l.s.Begin(context.Background())
	if err != nil {
		l.answer(err)
		return ""
	}
	b := body(seed, n)
	_, err = d.Write(b)
	var e *queue.Entry
	if err == nil {
		e, err = d.Commit(context.Background(), envelope(2), []byte(header), state, "")
	}
	if err != nil {
		d.Abort()
		l.gone[d.ID()] = true
		l.answer(err)
		return ""
	}
	l.sure[e.ID], l.state[e.ID] = append([]byte(header), b...), state
	return e.ID
}

func (l *life) update(id string, state queue.State) {
	l.t.Helper()
	if id == "" {
		return
	}
	r := queue.Record{State: state, Due: now0, Recipients: make([]queue.Progress, 2)}
	r.Recipients[1].Outcome = queue.Sent
	if err := l.s.Update(id, &r, []int{1}); err != nil {
		delete(l.state, id) // the old one or the new one
		l.answer(err)
		return
	}
	if state != queue.Active {
		l.state[id] = state
	}
}

func (l *life) remove(id string) {
	l.t.Helper()
	if id == "" {
		return
	}
	if err := l.s.Remove(id); err != nil {
		delete(l.sure, id) // it may be gone, it may not
		l.answer(err)
		return
	}
	delete(l.sure, id)
	delete(l.state, id)
	l.gone[id] = true
}

// script is a day in the life of a queue: enough to rotate logs, flush and compact.
func (l *life) script() {
	l.t.Helper()
	for i := range uint64(4) {
		small := l.commit(i, 1000, queue.Incoming)
		large := l.commit(100+i, 2*maxInline+7, queue.Incoming)
		held := l.commit(200+i, 60_000, queue.Hold)
		l.update(small, queue.Active)
		l.update(large, queue.Active)
		filler := l.commit(300+i, 60_000, queue.Incoming)
		l.update(small, queue.Deferred)
		l.update(filler, queue.Deferred)
		l.remove(large)
		l.update(held, queue.Deferred)
		l.update(small, queue.Hold)
		l.commit(400+i, 60_000, queue.Incoming)
		l.commit(500+i, maxInline+1, queue.Incoming)
		if i%2 == 1 {
			l.remove(filler)
		}
	}
}

// check fails the test unless all that must be in the store is there, and nothing that must not.
// What failed in the background may still be noticed meanwhile.
func (l *life) check(what string) {
	l.t.Helper()
	for range 10 {
		if err := l.s.ledger.Up(context.Background()); err != nil {
			l.t.Fatal(err)
		}
		err := l.broken()
		if err == nil {
			return
		}
		if !errors.Is(err, ledger.ErrDown) && !errors.Is(err, syscall.EIO) {
			l.t.Fatalf("%s: %v", what, err)
		}
	}
	l.t.Fatalf("%s: the store does not come to rest", what)
}

// broken says which promise is broken.
func (l *life) broken() error {
	all := map[string]queue.State{}
	for _, state := range []queue.State{queue.Incoming, queue.Active, queue.Deferred, queue.Hold, queue.Corrupt} {
		n := 0
		var twice error
		err := l.s.Each(context.Background(), state, "", func(e *queue.Entry, _ *queue.Record) bool {
			if _, there := all[e.ID]; there {
				twice = fmt.Errorf("%s is listed twice", e.ID)
			}
			all[e.ID] = state
			n++
			return true
		})
		if err := errors.Join(err, twice); err != nil {
			return err
		}
		if counted := l.s.Counts()[state]; n != counted {
			return fmt.Errorf("counted %d as %s, listed %d", counted, state, n)
		}
	}
	for id, want := range l.sure {
		if b, err := text(l.s, id); err != nil || !bytes.Equal(b, want) {
			return fmt.Errorf("acknowledged message %s: %d bytes of %d: %w", id, len(b), len(want), err)
		}
		if want, known := l.state[id]; all[id] == 0 || known && all[id] != want && all[id] != queue.Active {
			return fmt.Errorf("acknowledged message %s is %s, not %s", id, all[id], want)
		}
	}
	for id := range l.gone {
		if state, there := all[id]; there {
			return fmt.Errorf("%s should be gone and is %s", id, state)
		}
	}
	return nil
}

// files fails the test if there is a body file that no entry needs.
func (l *life) files(what string, fsys vfs.FS) {
	l.t.Helper()
	err := l.s.bodies.Walk(func(serial uint64) error {
		known, err := l.s.hasText(serial)
		if err == nil && !known {
			err = fmt.Errorf("body %x is left behind", serial)
		}
		return err
	})
	names, err2 := fsys.List("q/tmp")
	if err = errors.Join(err, err2); err != nil || len(names) > 0 {
		l.t.Fatalf("%s: %v, uncommitted %v", what, err, names)
	}
}

// endure runs the script on a disk that fails, and checks store and disk. It returns how many
// writing operations there were.
func endure(t *testing.T, f *faults) int64 {
	t.Helper()
	mem := vfs.NewMem()
	o := options(errorfs.Wrap(mem, f))
	s := mustOpen(t, o)
	f.armed.Store(true)
	l := newLife(t, s)
	l.script()
	f.armed.Store(false)
	what := fmt.Sprintf("operations %d+%d failing with %v", f.from, f.many, f.err)
	l.check(what)
	id := l.commit(999, 3*maxInline, queue.Incoming)
	if id == "" && l.commit(999, 3*maxInline, queue.Incoming) == "" {
		t.Fatalf("%s: the store did not recover", what)
	}
	if err := s.Close(); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	l.s = mustOpen(t, o)
	l.check(what + ", reopened")
	l.sweepNow()
	l.files(what, mem)
	if err := l.s.Close(); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	return f.ops.Load()
}

// sweepNow does what the store does in the background after it was opened.
func (l *life) sweepNow() { l.s.sweep(context.Background(), l.s.serials.next.Load()) }

func TestNoFailingReadLosesMail(t *testing.T) {
	t.Parallel()
	total := endure(t, &faults{from: -1, reads: true})
	if total < 20 {
		t.Fatalf("only %d operations", total)
	}
	for n := int64(0); n < total+total/10; n += 2 * sparse {
		endure(t, &faults{err: syscall.EIO, reads: true, from: n, many: 1})
	}
}

func TestNoFailingWriteLosesMail(t *testing.T) {
	total := endure(t, &faults{from: -1})
	if total < 150 {
		t.Fatalf("only %d operations", total)
	}
	// Every operation fails once; then, at some, the disk stays full for a while.
	for _, f := range []struct {
		err        error
		many, step int64
	}{{syscall.EIO, 1, 1}, {syscall.ENOSPC, 5, 6}} {
		t.Run(f.err.Error(), func(t *testing.T) {
			t.Parallel()
			for n := int64(0); n < total+total/10; n += f.step * sparse {
				endure(t, &faults{err: f.err, from: n, many: f.many})
			}
		})
	}
}
