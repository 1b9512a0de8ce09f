package store

import (
	"context"
	"errors"
	"io"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/queue"
)

func TestAMessageComesBackAsItWasCommitted(t *testing.T) {
	fsys := vfs.NewMem()
	s := mustOpen(t, options(fsys))
	sizes := []int{0, 1, 4096, smallLen, smallLen + 1, maxInline - 1, maxInline, maxInline + 1, 3*maxInline + 5}
	var entries []*queue.Entry
	for i, n := range sizes {
		entries = append(entries, mustCommit(t, s, body(uint64(i), n)))
	}
	for range 2 { // again after a restart
		for i, n := range sizes {
			got, rec := mustLoad(t, s, entries[i].ID)
			if !reflect.DeepEqual(got, entries[i]) || got.Size != int64(n+len(header)) {
				t.Fatalf("loaded %+v, committed %+v", got, entries[i])
			}
			if want := (&queue.Record{State: queue.Incoming, Recipients: make([]queue.Progress, 1)}); !reflect.DeepEqual(rec, want) {
				t.Fatalf("record %+v", rec)
			}
			wantText(t, s, got.ID, body(uint64(i), n))
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = mustOpen(t, options(fsys))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestHeldAtTheDoor(t *testing.T) {
	fsys := vfs.NewMem()
	s := mustOpen(t, options(fsys))
	d, err := s.Begin(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	e, err := d.Commit(context.Background(), envelope(2), []byte(header), queue.Hold, "policy")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, r := mustLoad(t, s, e.ID); r.State != queue.Hold || r.Reason != "policy" || len(r.Recipients) != 2 {
			t.Fatalf("record %+v", r)
		}
		if got := list(t, s, queue.Hold); !slices.Equal(got, []string{e.ID}) {
			t.Fatalf("on hold: %v", got)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = mustOpen(t, options(fsys))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestUnknownIDs(t *testing.T) {
	s := newStore(t)
	e := mustCommit(t, s, nil)
	other := "00000" + e.ID[5:] // the serial is right, the time is not
	if other == e.ID {
		other = "00001" + e.ID[5:]
	}
	for _, id := range []string{"", "x", "../q", other, "000001", e.ID + "0"} {
		_, _, err1 := s.Load(id)
		_, err2 := s.Open(id)
		err3 := s.Update(id, &queue.Record{State: queue.Hold}, nil)
		err4 := s.Remove(id)
		for i, err := range []error{err1, err2, err3, err4} {
			if !errors.Is(err, queue.ErrNotFound) {
				t.Errorf("call %d with %q: %v", i, id, err)
			}
		}
	}
	wantText(t, s, e.ID, nil)
}

func TestARemovedTextStaysReadableUntilItIsClosed(t *testing.T) {
	s := newStore(t)
	for _, n := range []int{100, 3 * maxInline} {
		e := mustCommit(t, s, body(1, n))
		c, err := s.Open(e.ID)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Remove(e.ID); err != nil {
			t.Fatal(err)
		}
		if err := s.ledger.Sync(); err != nil {
			t.Fatal(err)
		}
		mustCommit(t, s, body(2, n)) // takes over buffers that were given back too early
		got, err := io.ReadAll(mail.Reader(c))
		if want := append([]byte(header), body(1, n)...); err != nil || !slices.Equal(got, want) {
			t.Fatalf("%d bytes, %v", len(got), err)
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Open(e.ID); !errors.Is(err, queue.ErrNotFound) {
			t.Fatalf("it is still there: %v", err)
		}
	}
}

func TestIDsNeverComeAgain(t *testing.T) {
	fsys := vfs.NewMem()
	ids := map[string]bool{}
	o := options(fsys)
	for i := range 6 {
		o.LongIDs = i%2 == 1
		o.Now = func() time.Time { return time.Unix(1700000000, 42000) } // a clock that stands still
		s := mustOpen(t, o)
		for range 100 {
			d, err := s.Begin(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			if id := d.ID(); ids[id] || len(id) < 10 {
				t.Fatalf("id %s", id)
			}
			ids[d.ID()] = true
			d.Abort()
		}
		e := mustCommit(t, s, nil)
		ids[e.ID] = true
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	s := mustOpen(t, o)
	if got := list(t, s, queue.Incoming); len(got) != 6 {
		t.Fatalf("queue of both kinds of ids: %v", got)
	}
	if next := s.serials.next.Load(); next != firstSerial+6*101 {
		t.Fatalf("serials were wasted: next is %#x", next)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestSerialsGoOnBehindTheirBlock(t *testing.T) {
	s := newStore(t)
	s.serials.next.Store(s.serials.limit.Load() - 1)
	for range 3 {
		mustCommit(t, s, nil)
	}
	if next, limit := s.serials.next.Load(), s.serials.limit.Load(); limit < next {
		t.Fatalf("serial %d was given out, %d reserved", next, limit)
	}
}

func TestReadOnly(t *testing.T) {
	fsys := vfs.NewMem()
	o := options(fsys)
	o.ReadOnly = true
	if s, err := Open(o); err == nil {
		_ = s.Close()
		t.Fatal("opened a queue that is not there")
	}
	s := mustOpen(t, options(fsys))
	e := mustCommit(t, s, body(1, 2*maxInline))
	small := mustCommit(t, s, body(2, 100))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	before := fsys.String()
	s = mustOpen(t, o)
	wantText(t, s, e.ID, body(1, 2*maxInline))
	wantText(t, s, small.ID, body(2, 100))
	if got := s.Counts()[queue.Incoming]; got != 2 {
		t.Errorf("%d entries", got)
	}
	if _, err := s.Begin(context.Background()); err == nil {
		t.Error("a draft was begun")
	}
	if err := s.Update(e.ID, &queue.Record{State: queue.Hold}, nil); err == nil {
		t.Error("an entry was changed")
	}
	if err := s.Remove(e.ID); err == nil {
		t.Error("an entry was removed")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if after := fsys.String(); after != before {
		t.Errorf("the disk changed from\n%s\nto\n%s", before, after)
	}
}

func TestManyRecipients(t *testing.T) {
	const n = 10_000
	fsys := vfs.NewMem()
	s := mustOpen(t, options(fsys))
	e, err := commit(s, body(1, 100), queue.Incoming, envelope(n))
	if err != nil {
		t.Fatal(err)
	}
	r := queue.Record{State: queue.Deferred, Due: time.Unix(1700001000, 0), Attempts: 1, Recipients: make([]queue.Progress, n)}
	want := queue.Progress{Outcome: queue.Sent, Reply: status.Reply{Code: 250, Enhanced: "2.0.0", Text: "ok"}, Relay: "mx[192.0.2.1]:25", At: time.Unix(1700000500, 0)}
	for _, i := range []int{0, 4999, n - 1} {
		r.Recipients[i] = want
		mustUpdate(t, s, e.ID, r, i)
	}
	for range 2 {
		got, rec := mustLoad(t, s, e.ID)
		if len(got.Recipients) != n || got.Recipients[4999].Address != "r4999@example.net" || len(rec.Pending()) != n-3 || rec.Recipients[4999] != want || rec.Attempts != 1 {
			t.Fatalf("%d recipients, %d pending", len(got.Recipients), len(rec.Pending()))
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = mustOpen(t, options(fsys))
	}
	if err := s.Remove(e.ID); err != nil {
		t.Fatal(err)
	}
	if keys := allKeys(t, s); len(keys) != 0 {
		t.Fatalf("%d keys are left, the first is %q", len(keys), keys[0])
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestAnUpdateOfUnknownRecipientsIsRefused(t *testing.T) {
	s := newStore(t)
	e := mustCommit(t, s, nil)
	for _, i := range []int{-1, 1, 1 << 40} {
		if err := s.Update(e.ID, &queue.Record{State: queue.Deferred, Recipients: make([]queue.Progress, 2)}, []int{i}); err == nil {
			t.Errorf("recipient %d was updated", i)
		}
	}
	if err := s.Update(e.ID, &queue.Record{}, nil); err == nil {
		t.Error("an entry without state")
	}
	if got := list(t, s, queue.Incoming); len(got) != 1 {
		t.Errorf("incoming: %v", got)
	}
}
