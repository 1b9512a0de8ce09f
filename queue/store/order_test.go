package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/mtad/mtad/queue"
)

func bodyName(s *Store, id string) string {
	serial, _ := s.find(id)
	return fmt.Sprintf("q/body/%02x/%016x", serial&0xff, serial)
}

// TestABodyOutlivesItsEntryUntilThatIsSynced: were it removed at once, a power cut could bring the
// entry back without it.
func TestABodyOutlivesItsEntryUntilThatIsSynced(t *testing.T) {
	fsys := vfs.NewMem()
	o := options(fsys)
	o.SyncAfter = time.Hour
	s := mustOpen(t, o)
	e := mustCommit(t, s, body(1, 2*maxInline))
	name := bodyName(s, e.ID)
	if err := s.Remove(e.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := fsys.Stat(name); err != nil {
		t.Errorf("before the sync: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := fsys.Stat(name); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("after the sync: %v", err)
	}
}

// TestABodyBeforeItsEntryIsNotSwept: between the placing of its body and its commit, a message has
// a body file and no entry.
func TestABodyBeforeItsEntryIsNotSwept(t *testing.T) {
	fsys := vfs.NewMem()
	s := mustOpen(t, options(fsys))
	first := s.serials.next.Load()
	begun, err := s.Begin(context.Background())
	if err == nil {
		_, err = begun.Write(body(1, 2*maxInline))
	}
	if err != nil {
		t.Fatal(err)
	}
	d := begun.(*draft)
	if err := d.place(); err != nil {
		t.Fatal(err)
	}
	s.sweep(context.Background(), first)
	if _, err := fsys.Stat(bodyName(s, d.id)); err != nil {
		t.Errorf("swept: %v", err)
	}
	d.release()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = mustOpen(t, options(fsys))
	if err := s.Close(); err != nil { // waits for the sweep, or stops it
		t.Fatal(err)
	}
	s = mustOpen(t, options(fsys))
	s.sweep(context.Background(), s.serials.next.Load())
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	noFiles(t, fsys)
}

// gate holds up the syncs of logs while it is shut.
type gate struct {
	shut    atomic.Bool
	waiting chan struct{}
	open    chan struct{}
}

func (g *gate) String() string { return "gate" }

func (g *gate) MaybeError(op errorfs.Op) error {
	if op.Kind == errorfs.OpFileSyncData && strings.HasSuffix(op.Path, ".log") && g.shut.CompareAndSwap(true, false) {
		close(g.waiting)
		<-g.open
	}
	return nil
}

// TestNobodySeesAnEntryBeforeItIsSafe: Pebble shows what is written before it is synced.
func TestNobodySeesAnEntryBeforeItIsSafe(t *testing.T) {
	g := &gate{waiting: make(chan struct{}), open: make(chan struct{})}
	s := mustOpen(t, options(errorfs.Wrap(vfs.NewMem(), g)))
	d, err := s.Begin(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	g.shut.Store(true)
	done := make(chan error)
	go func() {
		_, err := d.Commit(context.Background(), envelope(1), []byte(header), queue.Incoming, "")
		done <- err
	}()
	<-g.waiting
	for written := false; !written; runtime.Gosched() {
		err := s.scanIndex(family(prefixIncoming), func(_, _ []byte) bool { written = true; return false })
		if err != nil {
			t.Fatal(err)
		}
	}
	if ids, err := s.Waiting("", 10); err != nil || len(ids) != 0 {
		t.Errorf("waiting: %v, %v", ids, err)
	}
	if ids := list(t, s, queue.Incoming); len(ids) != 0 || s.Counts()[queue.Incoming] != 0 {
		t.Errorf("listed: %v, counts %v", ids, s.Counts())
	}
	if _, _, err := s.Load(d.ID()); !errors.Is(err, queue.ErrNotFound) {
		t.Errorf("load: %v", err)
	}
	if _, err := s.Open(d.ID()); !errors.Is(err, queue.ErrNotFound) {
		t.Errorf("open: %v", err)
	}
	close(g.open)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if ids, err := s.Waiting("", 10); err != nil || len(ids) != 1 || ids[0] != d.ID() {
		t.Errorf("waiting afterwards: %v, %v", ids, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestCommitsAtTheSameTimeShareASync: while one sync is under way, all that is committed waits for
// the next one.
func TestCommitsAtTheSameTimeShareASync(t *testing.T) {
	const n = 20
	g := &gate{waiting: make(chan struct{}), open: make(chan struct{})}
	var syncs atomic.Int64
	counter := errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpFileSyncData && strings.HasSuffix(op.Path, ".log") {
			syncs.Add(1)
		}
		return g.MaybeError(op)
	})
	s := mustOpen(t, options(errorfs.Wrap(vfs.NewMem(), counter)))
	syncs.Store(0)
	g.shut.Store(true)
	done := make(chan error)
	one := func() {
		_, err := commit(s, nil, queue.Incoming, envelope(1))
		done <- err
	}
	go one()
	<-g.waiting
	for range n {
		go one()
	}
	for written := 0; written <= n; runtime.Gosched() {
		written = 0
		if err := s.ledger.Read(func(db *pebble.DB) error {
			return eachKey(db, prefixIncoming, func([]byte) { written++ })
		}); err != nil {
			t.Fatal(err)
		}
	}
	close(g.open)
	for range n + 1 {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	if got := syncs.Load(); got != 2 {
		t.Errorf("%d commits took %d syncs", n+1, got)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
