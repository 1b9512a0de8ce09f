package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/mtad/mtad/queue"
)

// promises is what a queue owes at a moment: what a power cut then must leave, and may.
type promises struct {
	mu sync.Mutex
	// texts has every message that a commit was asked for, sure those that must be there.
	texts map[string][]byte
	sure  map[string]bool
	// may has the states an entry may be in.
	may map[string]map[queue.State]bool
}

func newPromises() *promises {
	return &promises{texts: map[string][]byte{}, sure: map[string]bool{}, may: map[string]map[queue.State]bool{}}
}

func (p *promises) locked(fn func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fn()
}

// snapshot is the promises of this moment, for good.
func (p *promises) snapshot() *promises {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := &promises{texts: maps.Clone(p.texts), sure: maps.Clone(p.sure), may: map[string]map[queue.State]bool{}}
	for id, states := range p.may {
		c.may[id] = maps.Clone(states)
	}
	return c
}

// verify opens what a power cut left and says which promise is broken.
func (p *promises) verify(fsys vfs.FS) error {
	s, err := Open(options(fsys))
	if err != nil {
		return err
	}
	err = p.verifyEntries(s)
	s.sweep(context.Background(), s.serials.next.Load())
	err = errors.Join(err, s.bodies.Walk(func(serial uint64) error {
		known, err := s.hasText(serial)
		if err == nil && !known {
			err = fmt.Errorf("body %x is left behind", serial)
		}
		return err
	}))
	if names, err2 := fsys.List("q/tmp"); err2 != nil || len(names) > 0 {
		err = errors.Join(err, err2, fmt.Errorf("uncommitted files %q", names))
	}
	return errors.Join(err, s.Close())
}

func (p *promises) verifyEntries(s *Store) (err error) {
	there := map[string]bool{}
	for _, state := range indexedStates() {
		n := 0
		err = errors.Join(err, s.Each(context.Background(), state, "", func(e *queue.Entry, _ *queue.Record) bool {
			n++
			want, asked := p.texts[e.ID]
			got, err2 := text(s, e.ID)
			switch {
			case !asked:
				err2 = errors.New("was never committed")
			case there[e.ID]:
				err2 = errors.New("is listed twice")
			case err2 == nil && !bytes.Equal(got, want):
				err2 = fmt.Errorf("has %d bytes of %d", len(got), len(want))
			case err2 == nil && !p.may[e.ID][state]:
				err2 = fmt.Errorf("may be %v", p.may[e.ID])
			}
			if err2 != nil {
				err = errors.Join(err, fmt.Errorf("%s %s: %w", state, e.ID, err2))
			}
			there[e.ID] = true
			return true
		}))
		if counted := s.Counts()[state]; counted != n {
			err = errors.Join(err, fmt.Errorf("%d counted as %s, %d listed", counted, state, n))
		}
	}
	for id := range p.sure {
		if !there[id] {
			err = errors.Join(err, fmt.Errorf("acknowledged message %s is missing", id))
		}
	}
	return err
}

// day does what the life of a queue consists of, and keeps the promises up to date.
type day struct {
	t *testing.T
	s *Store
	p *promises
}

func (d *day) commit(seed uint64, n int, state queue.State) string {
	d.t.Helper()
	draft, err := d.s.Begin(context.Background())
	if err != nil {
		d.t.Fatal(err)
	}
	b := body(seed, n)
	if _, err := draft.Write(b); err != nil {
		d.t.Fatal(err)
	}
	id := draft.ID()
	d.p.locked(func() {
		d.p.texts[id] = append([]byte(header), b...)
		d.p.may[id] = map[queue.State]bool{state: true}
	})
	if _, err := draft.Commit(context.Background(), envelope(2), []byte(header), state, ""); err != nil {
		d.t.Fatal(err)
	}
	d.p.locked(func() { d.p.sure[id] = true })
	return id
}

// abandon writes a message and gives it up: it must never be seen.
func (d *day) abandon(n int) {
	d.t.Helper()
	draft, err := d.s.Begin(context.Background())
	if err == nil {
		_, err = draft.Write(body(1, n))
	}
	if err != nil {
		d.t.Fatal(err)
	}
	draft.Abort()
}

func (d *day) update(id string, state queue.State) {
	d.t.Helper()
	d.p.locked(func() { d.p.may[id][state] = true })
	r := queue.Record{State: state, Due: now0, Recipients: make([]queue.Progress, 2)}
	mustUpdate(d.t, d.s, id, r, 1)
	if state == queue.Hold {
		d.p.locked(func() { d.p.may[id] = map[queue.State]bool{state: true} })
	}
}

func (d *day) remove(id string) {
	d.t.Helper()
	d.p.locked(func() { delete(d.p.sure, id) })
	if err := d.s.Remove(id); err != nil {
		d.t.Fatal(err)
	}
}

func (d *day) live() {
	d.t.Helper()
	for i := range uint64(3) {
		small := d.commit(i, 1000, queue.Incoming)
		large := d.commit(100+i, 2*maxInline+7, queue.Incoming)
		d.abandon(3 * maxInline)
		held := d.commit(200+i, 60_000, queue.Hold)
		d.update(small, queue.Active)
		filler := d.commit(300+i, 60_000, queue.Incoming)
		d.update(small, queue.Deferred)
		d.update(filler, queue.Deferred)
		d.remove(large)
		d.update(held, queue.Deferred)
		d.update(small, queue.Hold)
		d.commit(400+i, 60_000, queue.Incoming)
		d.commit(500+i, maxInline+1, queue.Incoming)
		d.remove(filler)
	}
	if err := d.s.ledger.Sync(); err != nil {
		d.t.Fatal(err)
	}
}

// cutter cuts the power before every writing operation of a disk: it clones what would be left
// and has the promises of that moment verified on the clone.
type cutter struct {
	mem    *vfs.MemFS
	p      *promises
	again  int // how often to cut again while the clone is recovered
	rng    *rand.Rand
	mu     sync.Mutex // guards rng and errs
	errs   []error
	ops    atomic.Int64
	every  int64
	paused atomic.Bool
}

func (c *cutter) String() string { return "power cuts" }

func (c *cutter) MaybeError(op errorfs.Op) error {
	if op.Kind.ReadOrWrite() == errorfs.OpIsRead || c.paused.Load() {
		return nil
	}
	n := c.ops.Add(1)
	if n%c.every != 0 {
		return nil
	}
	for _, percent := range []int{0, 40, 100} {
		// The promises first: what is acknowledged after them is not owed yet.
		p := c.p.snapshot()
		clone := c.mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: c.seed()})
		if err := c.recover(clone, p); err != nil {
			c.mu.Lock()
			c.errs = append(c.errs, fmt.Errorf("power cut before operation %d (on %s) with %d %% unsynced data: %w", n, op.Path, percent, err))
			c.mu.Unlock()
		}
	}
	return nil
}

func (c *cutter) seed() *rand.Rand {
	c.mu.Lock()
	defer c.mu.Unlock()
	return rand.New(rand.NewPCG(c.rng.Uint64(), 1))
}

// recover verifies a clone, with more power cuts while that goes on, if so asked.
func (c *cutter) recover(clone *vfs.MemFS, p *promises) error {
	if c.again == 0 {
		return p.verify(clone)
	}
	inner := &cutter{mem: clone, p: p, again: c.again - 1, rng: c.seed(), every: 7}
	err := p.verify(errorfs.Wrap(clone, inner))
	return errors.Join(append(inner.errs, err)...)
}

// liveThrough runs a day on a disk whose power is cut before every operation.
func liveThrough(t *testing.T, every int64, again int) {
	t.Helper()
	c := &cutter{mem: vfs.NewCrashableMem(), p: newPromises(), again: again, rng: rand.New(rand.NewPCG(1, 2)), every: every}
	c.paused.Store(true)
	s := mustOpen(t, options(errorfs.Wrap(c.mem, c)))
	c.paused.Store(false)
	(&day{t, s, c.p}).live()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for i, err := range c.errs {
		if t.Error(err); i == 5 {
			t.Fatalf("and %d more", len(c.errs)-i)
		}
	}
	if n := c.ops.Load(); n < 100 {
		t.Fatalf("only %d operations", n)
	}
}

func TestNoPowerCutLosesMail(t *testing.T) {
	t.Parallel()
	liveThrough(t, sparse, 0)
}

func TestNoPowerCutDuringRecoveryLosesMail(t *testing.T) {
	t.Parallel()
	liveThrough(t, 41*sparse, 1)
}

func TestAQueueWhoseCreationWasCutOpens(t *testing.T) {
	t.Parallel()
	c := &cutter{mem: vfs.NewCrashableMem(), p: newPromises(), rng: rand.New(rand.NewPCG(3, 4)), every: 1}
	s := mustOpen(t, options(errorfs.Wrap(c.mem, c)))
	c.paused.Store(true)
	if err := errors.Join(append(c.errs, s.Close())...); err != nil {
		t.Fatal(err)
	}
	if c.ops.Load() < 20 {
		t.Fatalf("only %d operations", c.ops.Load())
	}
}
