package ledger

import (
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

func TestNoteIsSyncedByTheNextAdd(t *testing.T) {
	mem := vfs.NewCrashableMem()
	l := open(t, config(mem))
	done := make(chan struct{})
	if err := l.Note(set("noted"), func() { close(done) }); err != nil {
		t.Fatal(err)
	}
	if err := l.Add(set("added"), del("added"), nil); err != nil {
		t.Fatal(err)
	}
	<-done
	after := open(t, config(mem.CrashClone(vfs.CrashCloneCfg{})))
	want(t, after, map[string]bool{"noted": true, "added": true})
	closed(t, after)
	closed(t, l)
}

func TestNoteIsSyncedInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem := vfs.NewCrashableMem()
		cfg := config(mem)
		cfg.SyncAfter = time.Minute
		l := open(t, cfg)
		for range 3 {
			done := make(chan struct{})
			begun := time.Now()
			if err := l.Note(set("noted"), func() { close(done) }); err != nil {
				t.Fatal(err)
			}
			<-done
			if waited := time.Since(begun); waited > 2*cfg.SyncAfter {
				t.Errorf("synced only after %v", waited)
			}
		}
		closed(t, l)
	})
}

func TestALongListOfNotesIsSynced(t *testing.T) {
	l := open(t, config(vfs.NewMem()))
	var settled atomic.Int32
	for i := range redoChanges + 1 {
		if err := l.Note(set(fmt.Sprint(i)), func() { settled.Add(1) }); err != nil {
			t.Fatal(err)
		}
	}
	if n := l.redo.pending(); n != 0 {
		t.Errorf("%d changes wait", n)
	}
	closed(t, l)
	if settled.Load() != redoChanges+1 {
		t.Errorf("%d settled", settled.Load())
	}
}

func TestWithoutDiskNoteTakesOnlySoMuch(t *testing.T) {
	d := &disk{}
	l := open(t, config(errorfs.Wrap(vfs.NewMem(), d)))
	d.set(full)
	if err := l.Add(set("x"), del("x"), nil); err == nil {
		t.Fatal("no failure")
	}
	big := func(b *pebble.Batch) error { return b.Set([]byte("big"), make([]byte, redoDownBytes/4), nil) }
	n := 0
	for l.Note(big, nil) == nil {
		if n++; n > 10 {
			t.Fatal("there is no limit")
		}
	}
	if n != 4 {
		t.Errorf("took %d", n)
	}
	d.set(nil)
	up(t, l)
	want(t, l, map[string]bool{"big": true})
	closed(t, l)
}

func TestClosingTriesOnceMoreToWrite(t *testing.T) {
	d := &disk{}
	fsys := errorfs.Wrap(vfs.NewMem(), d)
	cfg := config(fsys)
	cfg.RetryAfter = time.Hour
	l := open(t, cfg)
	d.set(full)
	if err := l.Add(set("bad"), del("bad"), nil); err == nil {
		t.Fatal("no failure")
	}
	if err := l.Note(set("noted"), nil); err != nil {
		t.Fatal(err)
	}
	d.set(nil)
	closed(t, l)
	l = open(t, cfg)
	want(t, l, map[string]bool{"noted": true, "bad": false})
	closed(t, l)
}

func TestWhatALedgerTookIsLostLoudlyWhenTheDiskNeverComesBack(t *testing.T) {
	d := &disk{}
	var said strings.Builder
	cfg := config(errorfs.Wrap(vfs.NewMem(), d))
	cfg.Log = slog.New(slog.NewTextHandler(&said, nil))
	l := open(t, cfg)
	d.set(full)
	if err := l.Add(set("x"), del("x"), nil); err == nil {
		t.Fatal("no failure")
	}
	if err := l.Note(set("y"), nil); err != nil {
		t.Fatal(err)
	}
	_ = l.Close() // may say that there is no disk
	if !strings.Contains(said.String(), "changes of the queue are lost") || !strings.Contains(said.String(), "changes=1") {
		t.Errorf("said %s", said.String())
	}
}
