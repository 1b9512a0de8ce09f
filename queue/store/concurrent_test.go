package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/mtad/mtad/queue"
)

// unreliable is a disk on which about one writing operation in rate fails.
type unreliable struct {
	rate  atomic.Int64
	mu    sync.Mutex // guards rng
	rng   *rand.Rand
	fails atomic.Int64
}

func (u *unreliable) String() string { return "unreliable" }

func (u *unreliable) MaybeError(op errorfs.Op) error {
	rate := u.rate.Load()
	if rate == 0 || op.Kind.ReadOrWrite() == errorfs.OpIsRead {
		return nil
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.rng.Int64N(rate) == 0 {
		u.fails.Add(1)
		return syscall.EIO
	}
	return nil
}

// TestWhatIsAcknowledgedUnderLoadIsThere has many writers, readers and removers at work at the
// same time, while the disk fails again and again.
func TestWhatIsAcknowledgedUnderLoadIsThere(t *testing.T) {
	disk := &unreliable{rng: rand.New(rand.NewPCG(1, 9))}
	o := options(errorfs.Wrap(vfs.NewMem(), disk))
	s := mustOpen(t, o)
	disk.rate.Store(150)
	var mu sync.Mutex
	sure, gone := map[string][]byte{}, map[string]bool{}
	var workers sync.WaitGroup
	for w := range uint64(8) {
		workers.Go(func() {
			rng := rand.New(rand.NewPCG(w, 3))
			for i := range uint64(40) {
				n := rng.IntN(20_000)
				if i%8 == 0 {
					n = 2 * maxInline
				}
				b := body(w<<8|i, n)
				e, err := commit(s, b, queue.Incoming, envelope(1))
				if err != nil {
					if err := s.ledger.Up(context.Background()); err != nil {
						t.Error(err)
					}
					continue
				}
				err = through(s, rng, e.ID)
				mu.Lock()
				if gone[e.ID] = err == nil && i%3 == 0; err == nil && i%3 != 0 {
					sure[e.ID] = append([]byte(header), b...)
				}
				mu.Unlock()
				if i%3 == 0 && s.Remove(e.ID) != nil {
					mu.Lock()
					delete(gone, e.ID)
					mu.Unlock()
				}
			}
		})
	}
	workers.Wait()
	disk.rate.Store(0)
	if err := s.ledger.Up(context.Background()); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		listed := map[string]bool{}
		for _, state := range append(indexedStates(), queue.Active) {
			for _, id := range list(t, s, state) {
				listed[id] = true
			}
		}
		for id, want := range sure {
			if b, err := text(s, id); err != nil || !bytes.Equal(b, want) || !listed[id] {
				t.Errorf("%s: %d bytes, %v", id, len(b), err)
			}
		}
		for id, is := range gone {
			if is && listed[id] {
				t.Errorf("%s was removed and is there", id)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = mustOpen(t, o)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if disk.fails.Load() < 3 {
		t.Fatalf("the disk failed only %d times", disk.fails.Load())
	}
}

// through takes an entry through a delivery attempt that fails.
func through(s *Store, rng *rand.Rand, id string) error {
	_, r, err := s.Load(id)
	if err != nil {
		return fmt.Errorf("load: %w", err)
	}
	r.State = queue.Active
	if err := s.Update(id, r, nil); err != nil {
		return err
	}
	if _, err := text(s, id); err != nil {
		return err
	}
	if _, _, err := s.Due(now0, 10); err != nil {
		return err
	}
	if _, err := s.Waiting(id, 3); err != nil {
		return err
	}
	r.State, r.Due, r.Attempts = queue.Deferred, now0, 1
	if rng.IntN(4) == 0 {
		r.State = queue.Hold
	}
	r.Recipients[0].Outcome = queue.Deferred4
	return s.Update(id, r, []int{0})
}

// TestProgressIsTakenWhileTheDiskFails: deliveries that end while the disk fails must not be
// repeated when it works again.
func TestProgressIsTakenWhileTheDiskFails(t *testing.T) {
	disk := &unreliable{rng: rand.New(rand.NewPCG(1, 9))}
	o := options(errorfs.Wrap(vfs.NewMem(), disk))
	s := mustOpen(t, o)
	var ids []string
	for i := range uint64(4) {
		e := mustCommit(t, s, body(i, 2*maxInline))
		mustUpdate(t, s, e.ID, queue.Record{State: queue.Active})
		ids = append(ids, e.ID)
	}
	disk.rate.Store(1)
	if _, err := commit(s, nil, queue.Incoming, envelope(1)); err == nil {
		t.Fatal("a commit succeeded without disk")
	}
	if err := s.Remove(ids[0]); err != nil {
		t.Error(err)
	}
	mustUpdate(t, s, ids[1], queue.Record{State: queue.Deferred, Due: now0, Attempts: 1, Recipients: []queue.Progress{{Outcome: queue.Deferred4}}}, 0)
	if err := s.Update(ids[2], &queue.Record{State: queue.Hold}, nil); err == nil {
		t.Error("a hold was promised without disk")
	}
	if _, err := s.Open(ids[3]); err == nil || errors.Is(err, queue.ErrNotFound) {
		t.Errorf("reading without disk: %v", err)
	}
	disk.rate.Store(0)
	if err := s.ledger.Up(context.Background()); err != nil {
		t.Fatal(err)
	}
	for _, reopened := range []bool{false, true} {
		if reopened {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = mustOpen(t, o)
		}
		if _, _, err := s.Load(ids[0]); !errors.Is(err, queue.ErrNotFound) {
			t.Errorf("the removed entry: %v", err)
		}
		if _, r := mustLoad(t, s, ids[1]); r.State != queue.Deferred || r.Attempts != 1 || r.Recipients[0].Outcome != queue.Deferred4 {
			t.Errorf("the deferred entry: %+v", r)
		}
		for _, id := range ids[2:] {
			if _, r := mustLoad(t, s, id); reopened && r.State != queue.Incoming || !reopened && r.State != queue.Active {
				t.Errorf("an entry in delivery: %+v", r)
			}
		}
		if n := s.Counts(); n[queue.Deferred] != 1 || n[queue.Incoming]+n[queue.Active] != 2 {
			t.Errorf("counts %v", n)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
