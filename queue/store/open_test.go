package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/queue"
	"github.com/mtad/mtad/queue/store/ledger"
)

// otherProcess is set in the environment of the test binary when it plays another process: to the
// directory it shall try to open.
const otherProcess = "MTAD_TEST_OPEN_QUEUE"

func TestMain(m *testing.M) {
	dir := os.Getenv(otherProcess)
	if dir == "" {
		os.Exit(m.Run())
	}
	s, err := Open(Options{Dir: dir})
	if err == nil {
		err = s.Close()
	}
	fmt.Println(err)
}

// openElsewhere opens the queue in another process and returns what that says.
func openElsewhere(t *testing.T, dir string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), otherProcess+"="+dir)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return strings.TrimSpace(string(out))
}

func TestOnlyOneProcessOpensAQueue(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "q")
	s := mustOpen(t, Options{Dir: dir})
	if said := openElsewhere(t, dir); !strings.Contains(said, "in use") || !strings.Contains(said, dir) {
		t.Errorf("another process says %q", said)
	}
	if _, err := Open(Options{Dir: dir}); !errors.Is(err, ledger.ErrInUse) {
		t.Errorf("the same process says %v", err)
	}
	e := mustCommit(t, s, []byte("x"))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if said := openElsewhere(t, dir); said != "<nil>" {
		t.Errorf("after the queue was closed, another process says %q", said)
	}
	s = mustOpen(t, Options{Dir: dir})
	wantText(t, s, e.ID, []byte("x"))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestAQueueOnARealDisk(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "deep", "q")
	s := mustOpen(t, Options{Dir: dir, LongIDs: true})
	small, large := mustCommit(t, s, body(1, 100)), mustCommit(t, s, body(2, 3*maxInline))
	if n, err := s.FreeBytes(); err != nil || n <= 0 {
		t.Errorf("%d bytes free, %v", n, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	s = mustOpen(t, Options{Dir: dir})
	wantText(t, s, small.ID, body(1, 100))
	wantText(t, s, large.ID, body(2, 3*maxInline))
	if err := s.Remove(large.ID); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(filepath.Join(dir, "body"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			t.Errorf("%s is left", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestAQueueOfANewerFormatIsRefused(t *testing.T) {
	for text, want := range map[string]error{
		"mtad-queue 2 db-1\n":                  ledger.ErrFormat,
		"mtad-queue 77 some thing else here\n": ledger.ErrFormat,
		"nonsense":                             nil,
		"":                                     nil,
		"mtad-queue 0 db-1\n":                  nil,
		"mtad-queue 1\n":                       nil,
	} {
		fsys := vfs.NewMem()
		if err := mustOpen(t, options(fsys)).Close(); err != nil {
			t.Fatal(err)
		}
		f, err := fsys.Create("q/VERSION", vfs.WriteCategoryUnspecified)
		if err == nil {
			_, err = f.Write([]byte(text))
		}
		if err != nil {
			t.Fatal(err)
		}
		before := fsys.String()
		_, err = Open(options(fsys))
		if err == nil || want != nil && !errors.Is(err, want) || !strings.Contains(err.Error(), "queue directory q") {
			t.Errorf("%q: %v", text, err)
		}
		if after := fsys.String(); after != before {
			t.Errorf("%q: the disk changed from\n%s\nto\n%s", text, before, after)
		}
	}
}

func TestAQueueThatLostItsVersionIsRefused(t *testing.T) {
	fsys := vfs.NewMem()
	if err := mustOpen(t, options(fsys)).Close(); err != nil {
		t.Fatal(err)
	}
	if err := fsys.Remove("q/VERSION"); err != nil {
		t.Fatal(err)
	}
	if s, err := Open(options(fsys)); err == nil {
		_ = s.Close()
		t.Fatal("the mail in it was hidden")
	}
}

func TestAFullDiskTakesNoMail(t *testing.T) {
	const gib = 1 << 30
	for _, c := range []struct {
		name                 string
		minFree, free, total uint64
		ok                   bool
		rule                 string
	}{
		{"there is room", 0, gib, 10 * gib, true, ""},
		{"less than the reserve", 0, 128<<20 - 1, 10 * gib, false, ""},
		{"just the reserve", 0, 128 << 20, 10 * gib, true, ""},
		{"a small file system has a small reserve", 0, 8 << 20, 64 << 20, true, ""},
		{"less than that", 0, 8<<20 - 1, 64 << 20, false, ""},
		{"less than queue_minfree", 2 * gib, 2*gib - 1, 10 * gib, false, "queue_minfree"},
		{"just queue_minfree", 2 * gib, 2 * gib, 10 * gib, true, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			fsys := vfs.NewMem()
			fsys.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: c.free, TotalBytes: c.total})
			o := options(fsys)
			o.MinFree = int64(c.minFree)
			s := mustOpen(t, o)
			d, err := s.Begin(context.Background())
			var e *status.Error
			switch {
			case c.ok && err != nil:
				t.Error(err)
			case c.ok:
				d.Abort()
			case !errors.As(err, &e) || e.Reply.Code != 452 || e.Reply.Enhanced != "4.3.1" || e.Rule != c.rule:
				t.Errorf("answer %v", err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestALargeMessageStopsWhenTheDiskIsFull(t *testing.T) {
	fsys := vfs.NewMem()
	fsys.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: 1 << 30, TotalBytes: 1 << 31})
	s := mustOpen(t, options(fsys))
	d, err := s.Begin(context.Background())
	if err == nil {
		_, err = d.Write(body(1, 2*maxInline))
	}
	if err != nil {
		t.Fatal(err)
	}
	fsys.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: 1 << 20, TotalBytes: 1 << 31})
	s.room.asked.Store(0)
	_, err = d.Write(body(2, 2*maxInline))
	var e *status.Error
	if !errors.As(err, &e) || e.Reply.Code != 452 {
		t.Fatalf("answer %v", err)
	}
	if _, err2 := d.Commit(context.Background(), envelope(1), nil, queue.Incoming, ""); !errors.Is(err2, err) && err2.Error() != err.Error() {
		t.Fatalf("the commit says %v", err2)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	noFiles(t, fsys)
}

func TestManyOldBodiesAreSweptAndNewOnesAreNot(t *testing.T) {
	fsys := vfs.NewMem()
	s := mustOpen(t, options(fsys))
	kept := mustCommit(t, s, body(1, 2*maxInline))
	lost := mustCommit(t, s, body(2, 2*maxInline))
	serial, _ := s.find(lost.ID)
	if err := s.ledger.Note(func(b *pebble.Batch) error {
		return deleteEntry(b, serial, &row{rec: queue.Record{State: queue.Incoming}}, nil)
	}, nil); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = mustOpen(t, options(fsys))
	fresh := mustCommit(t, s, body(3, 2*maxInline))
	s.tasks.Go(func() { s.sweep(context.Background(), s.serials.next.Load()) })
	s.stop()
	s.tasks.Wait()
	wantText(t, s, kept.ID, body(1, 2*maxInline))
	wantText(t, s, fresh.ID, body(3, 2*maxInline))
	if _, err := fsys.Stat(fmt.Sprintf("q/body/%02x/%016x", serial&0xff, serial)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the body without entry: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
