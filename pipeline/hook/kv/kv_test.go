package kv

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/mtad/mtad/plugins/sdk"
)

// world is a store on a memory disk with a clock of its own.
type world struct {
	t     *testing.T
	fs    *vfs.MemFS
	now   time.Time
	quota int64
	s     *Store
}

func open(t *testing.T, quota int64) *world {
	w := &world{t: t, fs: vfs.NewMem(), now: time.Unix(1e9, 0), quota: quota}
	w.open()
	t.Cleanup(func() { w.s.Close() })
	return w
}

func (w *world) open() {
	w.t.Helper()
	var err error
	if w.s, err = Open(Options{Dir: "kv", FS: w.fs, Quota: w.quota, Clock: func() time.Time { return w.now }}); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) space(name string) *Space {
	w.t.Helper()
	sp, err := w.s.Space(name)
	if err != nil {
		w.t.Fatal(err)
	}
	return sp
}

func (w *world) want(sp *Space, key, value string) {
	w.t.Helper()
	v, e := sp.Get(key)
	if value == "" && e != sdk.ErrNotFound || value != "" && (e != sdk.OK || string(v) != value) {
		w.t.Fatalf("%s is %q, %v; want %q", key, v, e, value)
	}
}

func TestValuesLiveAsLongAsTheyAreMeantTo(t *testing.T) {
	w := open(t, 0)
	sp := w.space("p")
	sp.Set("ever", []byte("1"), 0)
	sp.Set("short", []byte("2"), 10)
	w.want(sp, "short", "2")
	w.now = w.now.Add(10 * time.Second)
	w.want(sp, "short", "")
	w.want(sp, "ever", "1")
	sp.Del("ever")
	w.want(sp, "ever", "")
	if e := sp.Del("ever"); e != sdk.OK {
		t.Fatalf("forgetting nothing is %v", e)
	}
}

func TestASpaceIsThePluginsOwn(t *testing.T) {
	w := open(t, 0)
	a, ab := w.space("a"), w.space("ab")
	a.Set("k", []byte("of a"), 0)
	w.want(ab, "k", "")
	ab.Set("k", []byte("of ab"), 0)
	w.want(a, "k", "of a")
}

func TestValuesAndQuotaSurviveARestart(t *testing.T) {
	w := open(t, 100)
	sp := w.space("p")
	if e := sp.Set("key", []byte(strings.Repeat("x", 80)), 0); e != sdk.OK {
		t.Fatal(e)
	}
	if err := w.s.Close(); err != nil {
		t.Fatal(err)
	}
	w.open()
	sp = w.space("p")
	w.want(sp, "key", strings.Repeat("x", 80))
	if e := sp.Set("more", []byte(strings.Repeat("x", 80)), 0); e != sdk.ErrLimit {
		t.Fatalf("over the quota: %v", e)
	}
}

func TestTheQuotaCountsWhatIsThere(t *testing.T) {
	w := open(t, 100)
	sp := w.space("p")
	big := []byte(strings.Repeat("x", 60))
	for _, c := range []struct {
		name string
		do   func() sdk.Errno
		want sdk.Errno
	}{
		{"the first fits", func() sdk.Errno { return sp.Set("a", big, 5) }, sdk.OK},
		{"the same again takes its place", func() sdk.Errno { return sp.Set("a", big, 5) }, sdk.OK},
		{"a second is too much", func() sdk.Errno { return sp.Set("b", big, 0) }, sdk.ErrLimit},
		{"when the first has expired there is room", func() sdk.Errno {
			w.now = w.now.Add(time.Minute)
			return sp.Set("b", big, 0)
		}, sdk.OK},
		{"a count needs room too", func() sdk.Errno { _, e := sp.Incr(strings.Repeat("c", 50), 1, 0); return e }, sdk.ErrLimit},
		{"what is forgotten makes room", func() sdk.Errno { sp.Del("b"); return sp.Set("c", big, 0) }, sdk.OK},
	} {
		if e := c.do(); e != c.want {
			t.Fatalf("%s: %v, want %v", c.name, e, c.want)
		}
	}
	if sp.used != int64(len("c")+len(big)) {
		t.Fatalf("%d bytes are counted, want 61", sp.used)
	}
}

func TestCountsAreAtomicAndEndWithTheirTime(t *testing.T) {
	w := open(t, 0)
	sp := w.space("p")
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			for range 100 {
				sp.Incr("n", 1, 60)
			}
		})
	}
	wg.Wait()
	if n, e := sp.Incr("n", 0, 60); n != 1000 || e != sdk.OK {
		t.Fatalf("%d, %v after 1000 increases", n, e)
	}
	w.now = w.now.Add(59 * time.Second)
	sp.Incr("n", 1, 60)
	w.now = w.now.Add(time.Second)
	if n, _ := sp.Incr("n", 1, 60); n != 1 {
		t.Fatalf("%d: later increases must not make a count live longer", n)
	}
	if n, _ := sp.Incr("n", -5, 0); n != 0 {
		t.Fatalf("%d: a count does not fall below 0", n)
	}
	sp.Set("text", []byte("abc"), 0)
	if _, e := sp.Incr("text", 1, 0); e != sdk.ErrInvalid {
		t.Fatalf("a text was counted: %v", e)
	}
}

func TestWhatIsTooLargeOrOddIsRefused(t *testing.T) {
	sp := open(t, 0).space("p")
	for _, c := range []struct {
		name string
		got  sdk.Errno
		want sdk.Errno
	}{
		{"no key", sp.Set("", nil, 0), sdk.ErrInvalid},
		{"a long key", sp.Set(strings.Repeat("k", MaxKey+1), nil, 0), sdk.ErrLimit},
		{"a long value", sp.Set("k", make([]byte, MaxValue+1), 0), sdk.ErrLimit},
		{"a negative time to live", sp.Set("k", nil, -1), sdk.ErrInvalid},
		{"the largest", sp.Set(strings.Repeat("k", MaxKey), make([]byte, MaxValue), 0), sdk.OK},
	} {
		if c.got != c.want {
			t.Errorf("%s: %v, want %v", c.name, c.got, c.want)
		}
	}
}

func TestTheSweepRemovesWhatHasExpired(t *testing.T) {
	w := open(t, 0)
	sp := w.space("p")
	for _, k := range []string{"a", "b", "c"} {
		sp.Set(k, []byte("x"), 1)
	}
	sp.Set("d", []byte("x"), 0)
	w.now = w.now.Add(time.Minute)
	w.s.sweep()
	if sp.used != 2 {
		t.Fatalf("%d bytes are left, want 2", sp.used)
	}
}

// failing is a disk whose writes fail after some.
type failing struct {
	vfs.FS
	left *int
}

func (f failing) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if *f.left--; *f.left < 0 {
		return nil, errors.New("no space")
	}
	file, err := f.FS.Create(name, c)
	return failingFile{file, f.left}, err
}

type failingFile struct {
	vfs.File
	left *int
}

func (f failingFile) Write(p []byte) (int, error) {
	if *f.left--; *f.left < 0 {
		n, _ := f.File.Write(p[:len(p)/2])
		return n, errors.New("no space")
	}
	return f.File.Write(p)
}

// For every n, the n-th write fails, half of it done: the change at hand is refused, all others are
// there afterwards, and when the disk has room again the store goes on.
func TestAFailingDiskCostsTheChangeAtHandOnly(t *testing.T) {
	for n := 2; n < 12; n++ {
		mem, left := vfs.NewMem(), n
		s, err := Open(Options{Dir: "kv", FS: failing{mem, &left}})
		if err != nil {
			t.Fatal(err)
		}
		sp, err := s.Space("p")
		if err != nil {
			t.Fatal(err)
		}
		kept := map[string]bool{}
		for _, k := range []string{"a", "b", "c", "d", "e", "f"} {
			kept[k] = sp.Set(k, []byte(k), 0) == sdk.OK
		}
		left = 1000
		kept["z"] = sp.Set("z", []byte("z"), 0) == sdk.OK
		if !kept["z"] {
			t.Fatalf("n = %d: with room again nothing can be stored", n)
		}
		s.Close()
		if s, err = Open(Options{Dir: "kv", FS: mem}); err != nil {
			t.Fatal(err)
		}
		if sp, err = s.Space("p"); err != nil {
			t.Fatal(err)
		}
		for k, want := range kept {
			if _, e := sp.Get(k); (e == sdk.OK) != want {
				t.Fatalf("n = %d: %s is there: %v, was stored: %v", n, k, e == sdk.OK, want)
			}
		}
		s.Close()
	}
}

func TestAJournalDoesNotGrowForEver(t *testing.T) {
	w := open(t, 0)
	sp := w.space("p")
	for range 200 {
		sp.Set("k", make([]byte, 32<<10), 0)
	}
	if sp.size > slack+3*sp.used+MaxValue {
		t.Fatalf("the journal has %d bytes for %d", sp.size, sp.used)
	}
	w.s.Close()
	w.open()
	if v, e := w.space("p").Get("k"); len(v) != 32<<10 || e != sdk.OK {
		t.Fatalf("%d bytes, %v", len(v), e)
	}
}

func FuzzReplay(f *testing.F) {
	f.Add(appendRecord(appendRecord(nil, "k", row{value: []byte("v"), expires: 5}), "k", forgotten))
	f.Add(appendRecord(nil, "key", row{value: []byte("value")})[:20])
	f.Fuzz(func(t *testing.T, b []byte) {
		sp := &Space{s: &Store{o: Options{FS: vfs.NewMem(), Log: slog.New(slog.DiscardHandler)}}, rows: map[string]row{}}
		sp.replay(b)
		used := int64(0)
		for k, r := range sp.rows {
			used += int64(len(k) + len(r.value))
			key, again, rest, ok := cutRecord(appendRecord(nil, k, r))
			if !ok || key != k || len(rest) != 0 || !bytes.Equal(again.value, r.value) || again.expires != r.expires {
				t.Fatalf("%q: %v does not come back: %v", k, r, again)
			}
		}
		if used != sp.used {
			t.Fatalf("%d bytes are counted, there are %d", sp.used, used)
		}
	})
}
