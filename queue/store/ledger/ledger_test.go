package ledger

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// disk fails operations while fail returns an error for them.
type disk struct {
	fail atomic.Pointer[func(errorfs.Op) error]
}

func (d *disk) String() string { return "disk" }

func (d *disk) MaybeError(op errorfs.Op) error {
	if fail := d.fail.Load(); fail != nil {
		return (*fail)(op)
	}
	return nil
}

func (d *disk) set(fail func(errorfs.Op) error) {
	if fail == nil {
		d.fail.Store(nil)
		return
	}
	d.fail.Store(&fail)
}

// full fails everything that writes.
func full(op errorfs.Op) error {
	if op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
		return syscall.ENOSPC
	}
	return nil
}

func config(fsys vfs.FS) Config {
	return Config{
		FS: fsys, Dir: "q", Format: 1, Log: slog.New(slog.DiscardHandler),
		SyncAfter: time.Hour, RetryAfter: time.Millisecond, MemTable: 1 << 20,
		Ready:  func(*pebble.DB) error { return nil },
		Repair: func(from, to *pebble.DB) error { return copyAll(from, to) },
	}
}

func copyAll(from, to *pebble.DB) error {
	it, err := from.NewIter(nil)
	if err != nil {
		return err
	}
	for ok := it.First(); ok; ok = it.Next() {
		if err := to.Set(it.Key(), it.Value(), pebble.NoSync); err != nil {
			return err
		}
	}
	return errors.Join(it.Error(), it.Close())
}

func open(t *testing.T, cfg Config) *Ledger {
	t.Helper()
	l, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func closed(t *testing.T, l *Ledger) {
	t.Helper()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

func up(t *testing.T, l *Ledger) {
	t.Helper()
	if err := l.Up(context.Background()); err != nil {
		t.Fatal(err)
	}
}

func set(key string) func(*pebble.Batch) error {
	return func(b *pebble.Batch) error { return b.Set([]byte(key), []byte("value of "+key), nil) }
}

func del(key string) func(*pebble.Batch) error {
	return func(b *pebble.Batch) error { return b.Delete([]byte(key), nil) }
}

// has says whether a key is there.
func has(t *testing.T, l *Ledger, key string) bool {
	t.Helper()
	there := false
	err := l.Read(func(db *pebble.DB) error {
		_, closer, err := db.Get([]byte(key))
		if errors.Is(err, pebble.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		there = true
		return closer.Close()
	})
	if err != nil {
		t.Fatal(err)
	}
	return there
}

func want(t *testing.T, l *Ledger, keys map[string]bool) {
	t.Helper()
	for key, want := range keys {
		if got := has(t, l, key); got != want {
			t.Errorf("%q is there: %v, want %v", key, got, want)
		}
	}
}

func TestAddIsAllOrNothing(t *testing.T) {
	d := &disk{}
	fsys := errorfs.Wrap(vfs.NewMem(), d)
	l := open(t, config(fsys))
	undone := 0
	if err := l.Add(set("good"), del("good"), func() { undone++ }); err != nil || undone != 0 {
		t.Fatalf("%v, undone %d times", err, undone)
	}
	d.set(full)
	err := l.Add(set("bad"), del("bad"), func() { undone++ })
	if !errors.Is(err, ErrDown) || !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("a full disk: %v", err)
	}
	err = l.Add(set("late"), del("late"), func() { undone += 10 })
	if !errors.Is(err, ErrDown) || undone != 10 {
		t.Fatalf("no database: %v, undone %d", err, undone)
	}
	d.set(nil)
	up(t, l)
	want(t, l, map[string]bool{"good": true, "bad": false, "late": false})
	closed(t, l)
	if undone != 11 {
		t.Errorf("undone was called wrongly: %d", undone)
	}
	l = open(t, config(fsys))
	want(t, l, map[string]bool{"good": true, "bad": false, "late": false})
	closed(t, l)
}

func TestWhatNoteTookIsThereAfterwards(t *testing.T) {
	d := &disk{}
	fsys := errorfs.Wrap(vfs.NewMem(), d)
	l := open(t, config(fsys))
	var settled atomic.Int32
	note := func(key string, build func(*pebble.Batch) error) {
		t.Helper()
		if err := l.Note(build, func() { settled.Add(1) }); err != nil {
			t.Fatalf("%s: %v", key, err)
		}
	}
	note("before", set("before"))
	note("twice", set("twice"))
	d.set(full)
	if err := l.Sync(); !errors.Is(err, ErrDown) {
		t.Fatalf("sync: %v", err)
	}
	note("while", set("while"))
	note("twice", del("twice"))
	if settled.Load() != 0 {
		t.Error("settled too early")
	}
	d.set(nil)
	up(t, l)
	keys := map[string]bool{"before": true, "while": true, "twice": false}
	want(t, l, keys)
	closed(t, l)
	if settled.Load() != 4 {
		t.Errorf("%d of 4 settled", settled.Load())
	}
	l = open(t, config(fsys))
	want(t, l, keys)
	closed(t, l)
}

// TestFatalEndsTheInstanceNotTheProcess: Pebble ends the process from its logger, in whatever
// goroutine finds the trouble.
func TestFatalEndsTheInstanceNotTheProcess(t *testing.T) {
	l := open(t, config(vfs.NewMem()))
	if err := l.Add(set("x"), del("x"), nil); err != nil {
		t.Fatal(err)
	}
	l.mu.RLock()
	(&pebbleLog{log: l.cfg.Log, fence: l.in.fence}).Fatalf("MANIFEST %s failed", "flush")
	l.mu.RUnlock()
	if err := l.Writable(); err != nil && !strings.Contains(err.Error(), "MANIFEST flush failed") {
		t.Errorf("why: %v", err)
	}
	up(t, l)
	want(t, l, map[string]bool{"x": true})
	closed(t, l)
}

// TestADiskThatCannotBeReadIsGivenUpAtLast: a place of a table that stays unreadable would have
// every compaction fail for ever.
func TestADiskThatCannotBeReadIsGivenUpAtLast(t *testing.T) {
	l := open(t, config(vfs.NewMem()))
	repaired := false
	l.cfg.Repair = func(from, to *pebble.DB) error { repaired = true; return copyAll(from, to) }
	if err := l.Add(set("x"), del("x"), nil); err != nil {
		t.Fatal(err)
	}
	for i := range readTries {
		if repaired {
			t.Fatalf("repaired after %d failures", i)
		}
		l.mu.RLock()
		back := l.back
		(&pebbleLog{log: l.cfg.Log, fence: l.in.fence}).backgroundError(syscall.EIO)
		l.mu.RUnlock()
		<-back
	}
	if !repaired {
		t.Error("not repaired")
	}
	want(t, l, map[string]bool{"x": true})
	closed(t, l)
}

func TestNoReplacementIsTriedWithoutRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &disk{}
		mem := vfs.NewMem()
		cfg := config(errorfs.Wrap(mem, d))
		mem.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: uint64(cfg.MemTable), TotalBytes: 1 << 30})
		l := open(t, cfg)
		d.set(full)
		if err := l.Add(set("x"), del("x"), nil); err == nil {
			t.Fatal("no failure")
		}
		d.set(nil)
		time.Sleep(10 * longestRetry)
		if err := l.Writable(); !errors.Is(err, ErrDown) {
			t.Errorf("without room: %v", err)
		}
		mem.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: uint64(2 * cfg.MemTable), TotalBytes: 1 << 30})
		begun := time.Now()
		up(t, l)
		if waited := time.Since(begun); waited > longestRetry {
			t.Errorf("noticed after %v", waited)
		}
		closed(t, l)
	})
}

func TestOpeningOnADiskThatFailsSaysSo(t *testing.T) {
	for n := int64(0); ; n++ {
		d := &disk{}
		var ops atomic.Int64
		d.set(func(op errorfs.Op) error {
			if op.Kind.ReadOrWrite() == errorfs.OpIsRead || op.Kind == errorfs.OpFilePreallocate {
				return nil
			}
			if ops.Add(1) <= n {
				return nil
			}
			return syscall.EDQUOT // and stays so: opening must not try for ever
		})
		mem := vfs.NewMem()
		l, err := Open(config(errorfs.Wrap(mem, d)))
		if err == nil {
			d.set(nil)
			closed(t, l)
			if n < 20 {
				t.Fatalf("only %d operations", n)
			}
			return
		}
		if ops.Load() <= n || !errors.Is(err, syscall.EDQUOT) {
			t.Fatalf("operation %d failed, the answer was %v", n, err)
		}
		d.set(nil)
		l = open(t, config(mem))
		if err := l.Add(set("x"), del("x"), nil); err != nil {
			t.Fatal(err)
		}
		closed(t, l)
	}
}
