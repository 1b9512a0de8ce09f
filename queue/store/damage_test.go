package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/mtad/mtad/queue"
	"github.com/mtad/mtad/queue/store/codec"
	"github.com/mtad/mtad/queue/store/ledger"
	"github.com/mtad/mtad/queue/store/qid"
)

// filled makes a queue of many messages in all states, closes it and returns the texts by id and
// the ids by state.
func filled(t *testing.T, fsys vfs.FS, flush bool) (texts map[string][]byte, states map[string]queue.State) {
	t.Helper()
	o := options(fsys)
	if !flush {
		o.tune = nil
	}
	s := mustOpen(t, o)
	texts, states = map[string][]byte{}, map[string]queue.State{}
	for i := range uint64(120) {
		b := body(i, 3000)
		e := mustCommit(t, s, b)
		texts[e.ID] = append([]byte(header), b...)
		states[e.ID] = []queue.State{queue.Incoming, queue.Deferred, queue.Hold}[i%3]
		if i%3 > 0 {
			mustUpdate(t, s, e.ID, queue.Record{State: states[e.ID], Due: now0.Add(time.Duration(i) * time.Second), Recipients: make([]queue.Progress, 1)}, 0)
		}
	}
	if flush {
		if err := s.ledger.Read(func(db *pebble.DB) error { return db.Flush() }); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return texts, states
}

// flip changes one bit of a file.
func flip(t *testing.T, fsys vfs.FS, name string, at int64) {
	t.Helper()
	f, err := fsys.OpenReadWrite(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	p := make([]byte, 1)
	if _, err := f.ReadAt(p, at); err != nil && err != io.EOF {
		t.Fatal(err)
	}
	p[0] ^= 0x10
	if _, err := f.WriteAt(p, at); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// files returns the files of a directory with this ending, and their sizes.
func files(t *testing.T, fsys vfs.FS, dir, ending string) (names []string, sizes []int64) {
	t.Helper()
	all, err := fsys.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(all)
	for _, name := range all {
		if !strings.HasSuffix(name, ending) {
			continue
		}
		info, err := fsys.Stat(fsys.PathJoin(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		names, sizes = append(names, fsys.PathJoin(dir, name)), append(sizes, info.Size())
	}
	return names, sizes
}

// readAll reads the whole queue until that meets no more damage that the store repairs.
func readAll(t *testing.T, s *Store) (listed map[string]queue.State) {
	t.Helper()
	for range 10 {
		listed = map[string]queue.State{}
		var err error
		for _, state := range indexedStates() {
			err = errors.Join(err, s.Each(context.Background(), state, "", func(e *queue.Entry, _ *queue.Record) bool {
				listed[e.ID] = state
				_, err2 := text(s, e.ID)
				if !errors.Is(err2, queue.ErrCorrupt) {
					err = errors.Join(err, err2)
				}
				return true
			}))
		}
		if err == nil {
			return listed
		}
		if err := s.ledger.Up(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	t.Fatal("the store finds ever more damage")
	return nil
}

// whole fails the test unless every message is there, in its state and readable, or corrupt. It
// returns how many are corrupt.
func whole(t *testing.T, s *Store, texts map[string][]byte, states map[string]queue.State) (corrupt int) {
	t.Helper()
	readAll(t, s)
	listed := readAll(t, s) // what turned out to be corrupt while reading is listed as such now
	for id, want := range texts {
		if serial, _ := s.find(id); listed[id] == 0 && listed[qid.Short(time.Unix(0, 0), serial)] == queue.Corrupt {
			continue // its id was lost with it, and its serial was not
		}
		switch listed[id] {
		case queue.Corrupt:
			corrupt++
			e, r, err := s.Load(id)
			if err != nil || e.ID != id || r.State != queue.Corrupt || r.Reason == "" {
				t.Fatalf("corrupt %s: %+v, %+v, %v", id, e, r, err)
			}
		case states[id]:
			if b, err := text(s, id); err != nil || !bytes.Equal(b, want) {
				t.Fatalf("%s: %d bytes, %v", id, len(b), err)
			}
		default:
			t.Fatalf("%s is %s, not %s", id, listed[id], states[id])
		}
		delete(listed, id)
	}
	for id, state := range listed {
		if state != queue.Corrupt {
			t.Fatalf("%s came from nowhere and is %s", id, state)
		}
		corrupt++
	}
	n := 0
	for _, k := range s.Counts() {
		n += k
	}
	if n != len(texts) || s.Counts()[queue.Corrupt] != corrupt {
		t.Fatalf("counts %v with %d messages", s.Counts(), len(texts))
	}
	return corrupt
}

func TestADamagedTableLosesOnlyWhatIsDamaged(t *testing.T) {
	mem := vfs.NewCrashableMem()
	texts, states := filled(t, mem, true)
	tables, sizes := files(t, mem, "q/db-1", ".sst")
	if len(tables) == 0 {
		t.Fatal("nothing was flushed")
	}
	rng := rand.New(rand.NewPCG(5, 6))
	most := 0
	for range 30 {
		clone := mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: rng})
		i := rng.IntN(len(tables))
		at := rng.Int64N(sizes[i] * 4 / 5) // what is behind tells where everything is; see below
		flip(t, clone, tables[i], at)
		s := mustOpen(t, options(clone))
		most = max(most, whole(t, s, texts, states))
		id := mustCommit(t, s, []byte("after")).ID
		wantText(t, s, id, []byte("after"))
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if most == 0 {
		t.Fatal("no flipped bit did any harm: the test tests nothing")
	}
}

func TestATableThatCannotBeReadAtAllIsSurvived(t *testing.T) {
	remove := func(t *testing.T, fsys vfs.FS, name string, _ int64) {
		if err := fsys.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
	for what, harm := range map[string]func(t *testing.T, fsys vfs.FS, name string, size int64){
		"removed": remove,
		"empty": func(t *testing.T, fsys vfs.FS, name string, size int64) {
			remove(t, fsys, name, size)
			if _, err := fsys.Create(name, vfs.WriteCategoryUnspecified); err != nil {
				t.Fatal(err)
			}
		},
		"footer": func(t *testing.T, fsys vfs.FS, name string, size int64) { flip(t, fsys, name, size-10) },
		"index":  func(t *testing.T, fsys vfs.FS, name string, size int64) { flip(t, fsys, name, size-500) },
	} {
		t.Run(what, func(t *testing.T) {
			fsys := vfs.NewMem()
			texts, states := filled(t, fsys, true)
			tables, sizes := files(t, fsys, "q/db-1", ".sst")
			harm(t, fsys, tables[0], sizes[0])
			s := mustOpen(t, options(fsys))
			readAll(t, s)
			for id, state := range readAll(t, s) {
				if state == queue.Corrupt {
					continue
				}
				if b, err := text(s, id); err != nil || !bytes.Equal(b, texts[id]) || state != states[id] {
					t.Errorf("%s is %s and has %d bytes, %v", id, state, len(b), err)
				}
			}
			wantText(t, s, mustCommit(t, s, []byte("after")).ID, []byte("after"))
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			names, err := fsys.List("q")
			if err != nil || !slices.Contains(names, "db-2") {
				t.Fatalf("there is no repaired database: %q, %v", names, err)
			}
			if err := mustOpen(t, options(fsys)).Close(); err != nil {
				t.Fatal(err)
			}
			if names, err := fsys.List("q"); err != nil || !slices.Contains(names, "damaged-db-1") {
				t.Fatalf("the damaged database was not kept: %q, %v", names, err)
			}
		})
	}
}

func TestADamagedLogLosesOnlyWhatIsDamaged(t *testing.T) {
	mem := vfs.NewCrashableMem()
	texts, states := filled(t, mem, false)
	logs, sizes := files(t, mem, "q/db-1", ".log")
	rng := rand.New(rand.NewPCG(7, 8))
	harmed := 0
	for range 40 {
		clone := mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: rng})
		i := slices.Index(sizes, slices.Max(sizes))
		at := rng.Int64N(sizes[i])
		flip(t, clone, logs[i], at)
		s := mustOpen(t, options(clone))
		listed := readAll(t, s)
		missing := 0
		for id, want := range texts {
			if listed[id] == 0 || listed[id] == queue.Corrupt {
				missing++
			} else if b, err := text(s, id); err != nil || !bytes.Equal(b, want) {
				t.Fatalf("%s: %d bytes, %v", id, len(b), err)
			} else if listed[id] != states[id] && listed[id] != queue.Incoming {
				t.Fatalf("%s is %s, not %s", id, listed[id], states[id])
			}
		}
		// A record holds one message; what is behind the last sync cannot be told from a cut.
		if missing > 1 && at < sizes[i]*9/10 {
			t.Fatalf("byte %d of %d took %d messages with it", at, sizes[i], missing)
		}
		names, err := clone.List("q")
		if kept := slices.ContainsFunc(names, func(n string) bool { return strings.HasPrefix(n, "damaged-") }); err != nil || missing > 0 && !kept && at < sizes[i]*9/10 {
			t.Fatalf("%d messages are lost and no log was kept: %q, %v", missing, names, err)
		}
		harmed += missing
		wantText(t, s, mustCommit(t, s, []byte("after")).ID, []byte("after"))
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if harmed == 0 {
		t.Fatal("no flipped bit did any harm: the test tests nothing")
	}
}

func TestADamagedManifestIsRefused(t *testing.T) {
	fsys := vfs.NewMem()
	filled(t, fsys, true)
	names, err := fsys.List("q/db-1")
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(names, func(n string) bool { return strings.HasPrefix(n, "marker.manifest.") })
	manifest := names[i][strings.LastIndexByte(names[i], '.')+1:]
	flip(t, fsys, "q/db-1/"+manifest, 20)
	s, err := Open(options(fsys))
	if !errors.Is(err, ledger.ErrManifest) || !strings.Contains(err.Error(), manifest) {
		if err == nil {
			_ = s.Close()
		}
		t.Fatalf("opened with %v", err)
	}
}

func TestADamagedBodyFileIsFoundWhileItIsRead(t *testing.T) {
	fsys := vfs.NewMem()
	s := mustOpen(t, options(fsys))
	for name, harm := range map[string]func(name string, size int64){
		"a flipped bit": func(name string, size int64) { flip(t, fsys, name, size/2) },
		"cut short": func(name string, size int64) {
			if err := fsys.Remove(name); err != nil {
				t.Fatal(err)
			}
			if f, err := fsys.Create(name, vfs.WriteCategoryUnspecified); err != nil || f.Close() != nil {
				t.Fatal(err)
			}
		},
		"removed": func(name string, size int64) {
			if err := fsys.Remove(name); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			e := mustCommit(t, s, body(1, 4*maxInline))
			good := mustCommit(t, s, body(2, 4*maxInline))
			mustUpdate(t, s, e.ID, queue.Record{State: queue.Active})
			serial, _ := s.find(e.ID)
			harm(fmt.Sprintf("q/body/%02x/%016x", serial&0xff, serial), 4*maxInline)
			got, err := text(s, e.ID)
			if !errors.Is(err, queue.ErrCorrupt) && !errors.Is(err, codec.ErrDamaged) {
				t.Fatalf("%d bytes, %v", len(got), err)
			}
			if want := append([]byte(header), body(1, 4*maxInline)...); !bytes.HasPrefix(want, got) {
				t.Fatal("wrong text was given out")
			}
			_, r := mustLoad(t, s, e.ID)
			if r.State != queue.Corrupt || r.Reason == "" || !slices.Contains(list(t, s, queue.Corrupt), e.ID) {
				t.Fatalf("record %+v", r)
			}
			if err := s.Update(e.ID, &queue.Record{State: queue.Deferred}, nil); !errors.Is(err, queue.ErrCorrupt) {
				t.Fatalf("it was updated: %v", err)
			}
			wantText(t, s, good.ID, body(2, 4*maxInline))
			if err := s.Remove(e.ID); err != nil {
				t.Fatal(err)
			}
			if n := s.Counts(); n[queue.Corrupt] != 0 || n[queue.Active] != 0 {
				t.Fatalf("counts %v", n)
			}
		})
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
