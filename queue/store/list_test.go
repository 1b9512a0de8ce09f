package store

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/mtad/mtad/queue"
)

// deferAll commits n messages and defers them so that the last is due first; it returns the ids
// in the order of their due times.
func deferAll(t testing.TB, s *Store, n int) (ids []string) {
	t.Helper()
	for i := range n {
		e := mustCommit(t, s, nil)
		mustUpdate(t, s, e.ID, queue.Record{State: queue.Deferred, Due: now0.Add(time.Duration(n-i) * time.Second)})
		ids = append(ids, e.ID)
	}
	slices.Reverse(ids)
	return ids
}

// page lists at most n ids after one.
func page(t *testing.T, s *Store, state queue.State, after string, n int) (ids []string) {
	t.Helper()
	err := s.Each(context.Background(), state, after, func(e *queue.Entry, _ *queue.Record) bool {
		ids = append(ids, e.ID)
		return len(ids) < n
	})
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

func TestListingsGoOnWhereTheyEnded(t *testing.T) {
	s := newStore(t)
	n := 2*listChunk + 10
	deferred := deferAll(t, s, n)
	var incoming []string
	for range n {
		incoming = append(incoming, mustCommit(t, s, nil).ID)
	}
	active := incoming[:listChunk+5]
	for _, id := range active {
		mustUpdate(t, s, id, queue.Record{State: queue.Active})
	}
	for state, want := range map[queue.State][]string{
		queue.Deferred: deferred, queue.Incoming: incoming[len(active):], queue.Active: active, queue.Hold: nil,
	} {
		for _, size := range []int{1, listChunk - 1, listChunk, listChunk + 1, 2 * n} {
			if size == 1 {
				want = want[:min(len(want), 20)]
			}
			var got []string
			for more := ""; len(got) < len(want); more = got[len(got)-1] {
				got = append(got, page(t, s, state, more, size)...)
			}
			if !slices.Equal(got[:len(want)], want) {
				t.Errorf("%s in pages of %d: %v", state, size, got)
			}
		}
	}
}

func TestAListingGoesOnBehindWhatLeft(t *testing.T) {
	s := newStore(t)
	ids := deferAll(t, s, 10)
	first := page(t, s, queue.Deferred, "", 4)
	if !slices.Equal(first, ids[:4]) {
		t.Fatalf("first page %v", first)
	}
	if err := s.Remove(ids[3]); err != nil {
		t.Fatal(err)
	}
	if got := page(t, s, queue.Deferred, ids[3], 3); !slices.Equal(got, ids[4:7]) {
		t.Fatalf("behind a removed one: %v", got)
	}
	mustUpdate(t, s, ids[6], queue.Record{State: queue.Deferred, Due: now0.Add(time.Hour)})
	if got := page(t, s, queue.Deferred, ids[6], 10); !slices.Equal(got, append(slices.Clone(ids[7:]), ids[6])) {
		t.Fatalf("behind one that moved: %v", got)
	}
	if err := s.Remove(ids[8]); err != nil {
		t.Fatal(err)
	}
	err := s.Each(context.Background(), queue.Deferred, ids[8], func(*queue.Entry, *queue.Record) bool { return true })
	if !errors.Is(err, queue.ErrNotFound) {
		t.Fatalf("behind one that nobody remembers: %v", err)
	}
}

func TestWaitingGoesOnBehindWhatLeft(t *testing.T) {
	s := newStore(t)
	var ids []string
	for range 5 {
		ids = append(ids, mustCommit(t, s, nil).ID)
	}
	first, err := s.Waiting("", 2)
	if err != nil || !slices.Equal(first, ids[:2]) {
		t.Fatalf("%v, %v", first, err)
	}
	for _, id := range first {
		if err := s.Remove(id); err != nil {
			t.Fatal(err)
		}
	}
	mustUpdate(t, s, ids[3], queue.Record{State: queue.Active})
	got, err := s.Waiting(ids[1], 10)
	if err != nil || !slices.Equal(got, []string{ids[2], ids[4]}) {
		t.Fatalf("%v, %v", got, err)
	}
	if got, err := s.Waiting("nonsense", 1); !errors.Is(err, queue.ErrNotFound) {
		t.Fatalf("%v, %v", got, err)
	}
}

func TestAListingMayChangeWhatItShows(t *testing.T) {
	s := newStore(t)
	n := listChunk + 20
	ids := deferAll(t, s, n)
	var got []string
	err := s.Each(context.Background(), queue.Deferred, "", func(e *queue.Entry, r *queue.Record) bool {
		got = append(got, e.ID)
		if len(got)%2 == 0 {
			return s.Remove(e.ID) == nil
		}
		r.State = queue.Hold
		return s.Update(e.ID, r, nil) == nil
	})
	if err != nil || !slices.Equal(got, ids) || s.Counts()[queue.Hold] != n/2 || s.Counts()[queue.Deferred] != 0 {
		t.Fatalf("saw %d of %d, counts %v, %v", len(got), n, s.Counts(), err)
	}
}

func TestAListingEndsWithItsContext(t *testing.T) {
	s := newStore(t)
	deferAll(t, s, 2*listChunk)
	ctx, cancel := context.WithCancel(context.Background())
	n := 0
	err := s.Each(ctx, queue.Deferred, "", func(*queue.Entry, *queue.Record) bool {
		n++
		cancel()
		return true
	})
	if !errors.Is(err, context.Canceled) || n > listChunk {
		t.Fatalf("%d shown after the end, %v", n, err)
	}
}

func TestActiveEntriesAreNotDue(t *testing.T) {
	s := newStore(t)
	ids := deferAll(t, s, 5)
	late := now0.Add(time.Hour)
	for i, id := range ids[:3] {
		mustUpdate(t, s, id, queue.Record{State: queue.Active})
		got, _, err := s.Due(late, 10)
		if err != nil || !slices.Equal(got, ids[i+1:]) {
			t.Fatalf("with %d active: %v, %v", i+1, got, err)
		}
	}
	// One comes back with an earlier time than all the others.
	mustUpdate(t, s, ids[2], queue.Record{State: queue.Deferred, Due: now0.Add(-time.Hour)})
	got, _, err := s.Due(late, 10)
	if want := []string{ids[2], ids[3], ids[4]}; err != nil || !slices.Equal(got, want) {
		t.Fatalf("%v, want %v; %v", got, want, err)
	}
	// One comes back as it was.
	mustUpdate(t, s, ids[0], queue.Record{State: queue.Deferred, Due: now0.Add(time.Second)})
	got, _, err = s.Due(late, 10)
	if want := []string{ids[2], ids[0], ids[3], ids[4]}; err != nil || !slices.Equal(got, want) {
		t.Fatalf("%v, want %v; %v", got, want, err)
	}
}

func TestDueTakesTimesOfAllKinds(t *testing.T) {
	s := newStore(t)
	var ids []string
	for _, due := range []time.Time{{}, time.Unix(-5, 0), time.Unix(1, 1), time.Unix(1<<33, 0), time.Unix(1<<60, 0)} {
		e := mustCommit(t, s, nil)
		mustUpdate(t, s, e.ID, queue.Record{State: queue.Deferred, Due: due})
		ids = append(ids, e.ID)
		if _, r := mustLoad(t, s, e.ID); !r.Due.Equal(due) {
			t.Errorf("due %v came back as %v", due, r.Due)
		}
	}
	got, next, err := s.Due(time.Unix(1<<32, 0), 10)
	if err != nil || !slices.Equal(got, ids[:3]) || !next.Equal(time.Unix(1<<33, 0)) {
		t.Fatalf("%v, next %v, %v", got, next, err)
	}
}
