package store

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/mtad/mtad/queue"
)

// spoilt changes a value in the database of an entry behind the store's back.
func spoilt(t *testing.T, s *Store, key []byte) {
	t.Helper()
	err := s.ledger.Note(func(b *pebble.Batch) error { return b.Set(key, []byte("\x01nonsense"), nil) }, nil)
	if err != nil {
		t.Fatal(err)
	}
}

func TestAValueWithAWrongChecksumMakesItsEntryCorrupt(t *testing.T) {
	for name, key := range map[string]func(serial uint64) []byte{
		"envelope": entryKey, "record": recordKey, "text": textKey,
		"progress": func(serial uint64) []byte { return progressKey(serial, 1) },
		"unknown":  func(serial uint64) []byte { return append(serialKey(prefixEntry, serial), 9) },
	} {
		for _, state := range []queue.State{queue.Incoming, queue.Deferred, queue.Hold} {
			for _, how := range []string{"load", "list", "open", "remove", "update"} {
				t.Run(fmt.Sprint(name, " ", state, " ", how), func(t *testing.T) {
					fsys := vfs.NewMem()
					s := mustOpen(t, options(fsys))
					e, err := commit(s, body(1, 10), queue.Incoming, envelope(3))
					if err != nil {
						t.Fatal(err)
					}
					other := mustCommit(t, s, body(2, 10))
					if state != queue.Incoming {
						r := queue.Record{State: state, Due: now0, Recipients: make([]queue.Progress, 3)}
						mustUpdate(t, s, e.ID, r, 0, 1, 2)
					}
					serial, _ := s.find(e.ID)
					spoilt(t, s, key(serial))
					if err := s.Close(); err != nil {
						t.Fatal(err)
					}
					s = mustOpen(t, options(fsys))
					meet(t, s, how, name, e.ID)
					wantText(t, s, other.ID, body(2, 10))
					if n := s.Counts()[queue.Incoming]; n != 1 {
						t.Errorf("%d incoming", n)
					}
					if err := s.Remove(e.ID); err != nil && how != "remove" {
						t.Fatal(err)
					}
					if err := s.Remove(other.ID); err != nil {
						t.Fatal(err)
					}
					for state, n := range s.Counts() {
						if n != 0 {
							t.Errorf("%d %s", n, state)
						}
					}
					if keys := allKeys(t, s); len(keys) > 0 {
						t.Errorf("left: %q", keys)
					}
					if err := s.Close(); err != nil {
						t.Fatal(err)
					}
				})
			}
		}
	}
}

// meet comes across the damage in one way or another, after which the entry must be corrupt, or
// removed.
func meet(t *testing.T, s *Store, how, part, id string) {
	t.Helper()
	var err error
	switch how {
	case "load":
		_, _, err = s.Load(id)
	case "open":
		_, err = s.Open(id)
	case "update":
		err = s.Update(id, &queue.Record{State: queue.Deferred}, nil)
	case "list":
		readAll(t, s)
		err = queue.ErrCorrupt
	case "remove":
		if err := s.Remove(id); err != nil {
			t.Fatal(err)
		}
		return
	}
	if part == "text" && (how == "load" || how == "update") {
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.Open(id) // only reading the text can tell
	}
	if !errors.Is(err, queue.ErrCorrupt) {
		t.Fatalf("%s: %v", how, err)
	}
	if got := list(t, s, queue.Corrupt); !slices.Equal(got, []string{id}) {
		t.Fatalf("corrupt are %v", got)
	}
	e, r := mustLoad(t, s, id)
	if e.ID != id || r.State != queue.Corrupt || !strings.Contains(r.Reason, "damaged") {
		t.Fatalf("%+v, %+v", e, r)
	}
}

// TestRepairKnowsWhoIsActive: the manager goes on with its entries after a repair, but not with
// those that it made corrupt.
func TestRepairKnowsWhoIsActive(t *testing.T) {
	s := newStore(t)
	var ids []string
	for i := range 3 {
		e := mustCommit(t, s, nil)
		if i > 0 {
			mustUpdate(t, s, e.ID, queue.Record{State: queue.Deferred, Due: now0})
		}
		mustUpdate(t, s, e.ID, queue.Record{State: queue.Active})
		ids = append(ids, e.ID)
	}
	serial, _ := s.find(ids[1])
	old, _ := s.rows.get(serial)
	now := &row{id: ids[1], rec: queue.Record{State: queue.Corrupt, Reason: "repaired"}}
	err := s.ledger.Note(func(b *pebble.Batch) error { return putCorrupt(b, serial, old, now) }, nil)
	if err == nil {
		err = s.ledger.Read(s.ready)
	}
	if err != nil {
		t.Fatal(err)
	}
	if n := s.Counts(); n[queue.Active] != 2 || n[queue.Corrupt] != 1 || n[queue.Incoming]+n[queue.Deferred] != 0 {
		t.Errorf("counts %v", n)
	}
	if err := s.Update(ids[1], &queue.Record{State: queue.Deferred}, nil); !errors.Is(err, queue.ErrCorrupt) {
		t.Errorf("the corrupt one was updated: %v", err)
	}
	for _, id := range []string{ids[0], ids[2]} {
		mustUpdate(t, s, id, queue.Record{State: queue.Deferred, Due: now0})
	}
	if got := list(t, s, queue.Deferred); len(got) != 2 {
		t.Errorf("deferred: %v", got)
	}
}

// TestAnUpdateFromBeforeARepairDoesNotUndoIt: what was not synced is written again after a repair,
// which may have found the same entry to be corrupt.
func TestAnUpdateFromBeforeARepairDoesNotUndoIt(t *testing.T) {
	fsys := vfs.NewMem()
	s := mustOpen(t, options(fsys))
	e := mustCommit(t, s, nil)
	serial, _ := s.find(e.ID)
	before, _ := s.rows.get(serial)
	err := s.ledger.Note(func(b *pebble.Batch) error {
		return putCorrupt(b, serial, before, &row{id: e.ID, rec: queue.Record{State: queue.Corrupt, Reason: "repaired"}})
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	mustUpdate(t, s, e.ID, queue.Record{State: queue.Deferred, Due: now0, Attempts: 3})
	for range 2 {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = mustOpen(t, options(fsys))
		if _, r := mustLoad(t, s, e.ID); r.State != queue.Corrupt || r.Reason == "" || r.Attempts != 3 {
			t.Errorf("record %+v", r)
		}
		if n := s.Counts(); n[queue.Corrupt] != 1 || n[queue.Deferred] != 0 || len(list(t, s, queue.Deferred)) != 0 {
			t.Errorf("counts %v", n)
		}
	}
	if err := s.Remove(e.ID); err != nil {
		t.Fatal(err)
	}
	if keys := allKeys(t, s); len(keys) > 0 {
		t.Errorf("left: %q", keys)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestReadOnlyDamageIsToldAndStays(t *testing.T) {
	fsys := vfs.NewMem()
	s := mustOpen(t, options(fsys))
	bad, good := mustCommit(t, s, nil), mustCommit(t, s, nil)
	serial, _ := s.find(bad.ID)
	spoilt(t, s, entryKey(serial))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	o := options(fsys)
	o.ReadOnly = true
	s = mustOpen(t, o)
	if _, _, err := s.Load(bad.ID); !errors.Is(err, queue.ErrCorrupt) {
		t.Errorf("load: %v", err)
	}
	if _, err := s.Open(bad.ID); !errors.Is(err, queue.ErrCorrupt) {
		t.Errorf("open: %v", err)
	}
	if err := s.Remove(bad.ID); err == nil {
		t.Error("removed")
	}
	if ids := list(t, s, queue.Incoming); !slices.Equal(ids, []string{good.ID}) {
		t.Errorf("listed %v", ids)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
