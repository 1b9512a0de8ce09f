package store

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/queue"
)

// model is what a store should hold, as a map.
type model map[string]*modelEntry

type modelEntry struct {
	serial uint64
	entry  *queue.Entry
	rec    queue.Record
	// disk is the state and due time that a restart brings back.
	disk queue.Record
	text []byte
}

// ids returns the ids in a state in the order in which the store must list them.
func (m model) ids(s queue.State) []string {
	var all []*modelEntry
	for _, e := range m {
		if e.rec.State == s {
			all = append(all, e)
		}
	}
	slices.SortFunc(all, func(a, b *modelEntry) int {
		if s == queue.Deferred {
			if c := a.rec.Due.Compare(b.rec.Due); c != 0 {
				return c
			}
		}
		return cmp.Compare(a.serial, b.serial)
	})
	ids := []string{}
	for _, e := range all {
		ids = append(ids, e.entry.ID)
	}
	return ids
}

func (m model) pick(rng *rand.Rand) *modelEntry {
	ids := []string{}
	for id := range m {
		ids = append(ids, id)
	}
	if len(ids) == 0 {
		return nil
	}
	slices.Sort(ids)
	return m[ids[rng.IntN(len(ids))]]
}

// restart makes active entries what they are on the disk.
func (m model) restart() {
	for _, e := range m {
		if e.rec.State == queue.Active {
			e.rec.State, e.rec.Due, e.rec.Reason = e.disk.State, e.disk.Due, e.disk.Reason
		}
	}
}

var now0 = time.Unix(1700000000, 0)

// step does one random thing to store and model.
func step(t *testing.T, rng *rand.Rand, s *Store, m model) {
	t.Helper()
	switch k := rng.IntN(20); {
	case k < 6 || len(m) == 0:
		stepCommit(t, rng, s, m)
	case k < 8:
		e := m.pick(rng)
		if err := s.Remove(e.entry.ID); err != nil {
			t.Fatal(err)
		}
		delete(m, e.entry.ID)
	default:
		stepUpdate(t, rng, s, m.pick(rng))
	}
}

func stepCommit(t *testing.T, rng *rand.Rand, s *Store, m model) {
	t.Helper()
	n := rng.IntN(2000)
	if rng.IntN(8) == 0 {
		n = maxInline + rng.IntN(2*maxInline)
	}
	state, reason := queue.Incoming, ""
	if rng.IntN(5) == 0 {
		state, reason = queue.Hold, "held"
	}
	b := body(rng.Uint64(), n)
	d, err := s.Begin(context.Background())
	if err == nil {
		_, err = d.Write(b)
	}
	if err != nil {
		t.Fatal(err)
	}
	rcpts := 1 + rng.IntN(30)
	e, err := d.Commit(context.Background(), envelope(rcpts), []byte(header), state, reason)
	if err != nil {
		t.Fatal(err)
	}
	rec := queue.Record{State: state, Reason: reason, Recipients: make([]queue.Progress, rcpts)}
	serial, _ := s.find(e.ID)
	m[e.ID] = &modelEntry{serial: serial, entry: e, rec: rec, disk: rec, text: append([]byte(header), b...)}
}

func stepUpdate(t *testing.T, rng *rand.Rand, s *Store, e *modelEntry) {
	t.Helper()
	r := e.rec
	r.Recipients = slices.Clone(r.Recipients)
	r.State = []queue.State{queue.Incoming, queue.Active, queue.Active, queue.Deferred, queue.Deferred, queue.Hold}[rng.IntN(6)]
	r.Due, r.Reason = time.Time{}, ""
	switch r.State {
	case queue.Deferred:
		r.Due = now0.Add(time.Duration(rng.IntN(50)) * time.Second)
	case queue.Hold:
		r.Reason = fmt.Sprint("reason ", rng.IntN(10))
	}
	r.Attempts += rng.IntN(2)
	r.Warned, r.Expire = rng.IntN(2) == 0, rng.IntN(2) == 0
	var changed []int
	for i := range r.Recipients {
		if rng.IntN(4) == 0 {
			changed = append(changed, i)
			r.Recipients[i] = queue.Progress{
				Outcome: queue.Outcome(rng.IntN(5)), Relay: "none", At: now0.Add(time.Duration(rng.IntN(1000))),
				Reply: status.Reply{Code: 450, Enhanced: "4.2.0", Text: fmt.Sprint("text ", rng.IntN(100))},
			}
		}
	}
	if err := s.Update(e.entry.ID, &r, changed); err != nil {
		t.Fatal(err)
	}
	if r.State == queue.Active {
		r.Due, r.Reason = e.disk.Due, e.disk.Reason
	} else {
		e.disk = r
	}
	e.rec = r
}

// compare fails the test unless the store holds what the model holds.
func compare(t *testing.T, s *Store, m model) {
	t.Helper()
	counts := map[queue.State]int{}
	for _, state := range []queue.State{queue.Incoming, queue.Active, queue.Deferred, queue.Hold, queue.Corrupt} {
		want := m.ids(state)
		counts[state] = len(want)
		if got := list(t, s, state); !slices.Equal(got, want) {
			t.Fatalf("%s: %v, want %v", state, got, want)
		}
	}
	if got := s.Counts(); !reflect.DeepEqual(got, counts) {
		t.Fatalf("counts %v, want %v", got, counts)
	}
	for id, e := range m {
		got, rec := mustLoad(t, s, id)
		if !reflect.DeepEqual(got, e.entry) || !reflect.DeepEqual(rec, &e.rec) {
			t.Fatalf("%s:\n got %+v %+v\nwant %+v %+v", id, got, rec, e.entry, e.rec)
		}
		if b, err := text(s, id); err != nil || !bytes.Equal(b, e.text) {
			t.Fatalf("%s: text of %d bytes, want %d; %v", id, len(b), len(e.text), err)
		}
	}
	compareDue(t, s, m)
	if got, err := s.Waiting("", 1<<20); err != nil || !slices.Equal(append([]string{}, got...), m.ids(queue.Incoming)) {
		t.Fatalf("waiting: %v, %v", got, err)
	}
}

func compareDue(t *testing.T, s *Store, m model) {
	t.Helper()
	all := m.ids(queue.Deferred)
	for _, at := range []time.Duration{-1, 0, 10 * time.Second, time.Hour} {
		for _, most := range []int{1, 3, 1 << 20} {
			now := now0.Add(at)
			n := 0
			for n < len(all) && n < most && !m[all[n]].rec.Due.After(now) {
				n++
			}
			var next time.Time
			if n < len(all) {
				next = m[all[n]].rec.Due
			}
			got, gotNext, err := s.Due(now, most)
			if err != nil || !slices.Equal(got, all[:n]) && n > 0 || len(got) != n || !gotNext.Equal(next) {
				t.Fatalf("Due(%v, %d) = %v, %v, %v; want %v, %v", at, most, got, gotNext, err, all[:n], next)
			}
		}
	}
}

func TestTheStoreIsWhatItsModelIs(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(seed, 7))
			fsys, m := vfs.NewMem(), model{}
			s := mustOpen(t, options(fsys))
			for i := range 500 {
				step(t, rng, s, m)
				if i%100 == 99 {
					compare(t, s, m)
				}
				if i%97 == 0 {
					if err := s.Close(); err != nil {
						t.Fatal(err)
					}
					m.restart()
					s = mustOpen(t, options(fsys))
					compare(t, s, m)
				}
			}
			for id := range m {
				if err := s.Remove(id); err != nil {
					t.Fatal(err)
				}
			}
			compare(t, s, model{})
			if keys := allKeys(t, s); len(keys) != 0 {
				t.Errorf("keys are left: %q", keys)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			noFiles(t, fsys)
		})
	}
}

// noFiles fails the test if a body file is there.
func noFiles(t *testing.T, fsys vfs.FS) {
	t.Helper()
	dirs, err := fsys.List("q/body")
	for _, dir := range append(dirs, "../tmp") {
		names, err2 := fsys.List(fsys.PathJoin("q/body", dir))
		if err = errors.Join(err, err2); len(names) > 0 {
			t.Errorf("files are left: %s %v", dir, names)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}
