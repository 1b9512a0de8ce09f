package ledger

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

func TestNothingReachesTheDiskAfterAFailure(t *testing.T) {
	mem := vfs.NewMem()
	f := &fence{FS: mem}
	file, err := f.Create("file", vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.Write([]byte("before")); err != nil {
		t.Fatal(err)
	}
	f.fail(failure{err: syscall.EIO})
	f.drain()
	before := mem.String()
	for name, op := range map[string]func() error{
		"write":    func() error { _, err := file.Write([]byte("after")); return err },
		"write at": func() error { _, err := file.WriteAt([]byte("after"), 0); return err },
		"sync":     func() error { return errors.Join(file.Sync(), file.SyncData()) },
		"sync to":  func() error { _, err := file.SyncTo(1); return err },
		"room":     func() error { return file.Preallocate(0, 10) },
		"create": func() error {
			f, err := f.Create("other", vfs.WriteCategoryUnspecified)
			if err != nil {
				return err
			}
			_, err = f.Write([]byte("x"))
			_, err2 := f.Stat()
			return errors.Join(err, err2, f.Close())
		},
		"open to write": func() error { _, err := f.OpenReadWrite("other", vfs.WriteCategoryUnspecified); return err },
		"reuse":         func() error { _, err := f.ReuseForWrite("file", "other", vfs.WriteCategoryUnspecified); return err },
		"remove":        func() error { return errors.Join(f.Remove("file"), f.RemoveAll("file")) },
		"rename":        func() error { return f.Rename("file", "other") },
		"link":          func() error { return f.Link("file", "other") },
		"mkdir":         func() error { return f.MkdirAll("dir", 0o700) },
		"close":         file.Close,
	} {
		if err := op(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if after := mem.String(); after != before {
		t.Errorf("the disk changed from\n%s\nto\n%s", before, after)
	}
	in, err := f.Open("file")
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(in); string(b) != "before" || err != nil {
		t.Errorf("read %q, %v", b, err)
	}
}

// crowded is a disk that has no room for compactions.
type crowded struct {
	vfs.FS
	noRoom atomic.Bool
}

func (c *crowded) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if category != compactionWrites || !c.noRoom.Load() {
		return c.FS.Create(name, category)
	}
	if strings.HasSuffix(name, "0.sst") || strings.HasSuffix(name, "5.sst") {
		return nil, syscall.ENOSPC
	}
	f, err := c.FS.Create(name, category)
	return &crowdedFile{f}, err
}

type crowdedFile struct{ vfs.File }

func (crowdedFile) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

// said is a log to look into.
type said struct {
	mu   sync.Mutex // guards text
	text strings.Builder
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *said) has(text string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Contains(s.text.String(), text)
}

func TestACompactionWithoutRoomHarmsNobody(t *testing.T) {
	disk := &crowded{FS: vfs.NewMem()}
	disk.noRoom.Store(true)
	log := &said{}
	cfg := config(disk)
	cfg.Log = slog.New(slog.NewTextHandler(log, nil))
	cfg.Tune = func(o *pebble.Options) {
		o.MemTableSize = 64 << 10
		o.L0CompactionThreshold = 1
	}
	l := open(t, cfg)
	big := func(key string) func(*pebble.Batch) error {
		return func(b *pebble.Batch) error { return b.Set([]byte(key), make([]byte, 5000), nil) }
	}
	n := 0
	for ; !log.has("cannot tidy up"); n++ {
		if n > 10_000 {
			t.Fatal("no compaction was tried")
		}
		key := fmt.Sprint(n % 100)
		if err := l.Add(big(key), del(key), nil); err != nil {
			t.Fatalf("change %d: %v", n, err)
		}
	}
	if log.has("failed, mail is put off") {
		t.Error("the instance was given up")
	}
	for i := range min(n, 100) {
		if !has(t, l, fmt.Sprint(i)) {
			t.Errorf("%d is lost", i)
		}
	}
	disk.noRoom.Store(false)
	closed(t, l) // does not wait for the end of the pause
	l = open(t, cfg)
	for i := range min(n, 100) {
		if !has(t, l, fmt.Sprint(i)) {
			t.Errorf("%d is lost", i)
		}
	}
	closed(t, l)
}

func TestTablesThatNothingSpeaksOfAreRemoved(t *testing.T) {
	mem := vfs.NewMem()
	f := &fence{FS: mem}
	write := func(name string, finish bool) {
		t.Helper()
		file, err := f.Create(name, "pebble-memtable-flush")
		if err == nil {
			_, err = file.Write([]byte("x"))
		}
		if err == nil && finish {
			err = file.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	write("000001.sst", true)
	write("000002.sst", false)
	write("MANIFEST-000003", true)
	write("000004.sst", true)
	write("000005.sst", true)
	if err := f.Remove("000005.sst"); err != nil {
		t.Fatal(err)
	}
	f.fail(failure{err: syscall.ENOSPC})
	f.drain()
	f.removeUnlisted()
	names, err := mem.List("/")
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	if got := fmt.Sprint(names); got != "[000001.sst MANIFEST-000003]" {
		t.Errorf("left are %s", got)
	}
}
