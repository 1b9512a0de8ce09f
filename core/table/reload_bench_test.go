package table

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/mtad/mtad/core/table/build"
	"github.com/mtad/mtad/core/table/index"
)

// rows writes a table of a million rows whose values end with state, in the place of the one before.
func rows(b *testing.B, name, state string) {
	b.Helper()
	f, err := os.Create(name + ".new")
	if err != nil {
		b.Fatal(err)
	}
	w := bufio.NewWriterSize(f, 1<<20)
	for i := range 1_000_000 {
		fmt.Fprintf(w, "user%d@example.com box%d/%s\n", i, i, state)
	}
	if err := w.Flush(); err != nil {
		b.Fatal(err)
	}
	if err := f.Close(); err != nil {
		b.Fatal(err)
	}
	if err := os.Rename(name+".new", name); err != nil {
		b.Fatal(err)
	}
}

// The promise: a table of a million rows is loaded anew without a session waiting for it. Each round puts
// a new index in the place of the old one, as postmap does, which is another program, and looks keys up all
// the while, until the new rows are seen; what the lookups took is reported. calm-longest is the longest of
// as many while nothing is loaded: what the machine does to everybody.
func BenchmarkReloadOfAMillionRows(b *testing.B) {
	name, fresh := filepath.Join(b.TempDir(), "users"), filepath.Join(b.TempDir(), "users")
	prepare := func(state string) {
		rows(b, fresh, state)
		if err := build.Make(fresh, build.Options{}); err != nil {
			b.Fatal(err)
		}
		runtime.GC() // the builder's garbage is not the daemon's
	}
	change := func() {
		if err := os.Rename(fresh+index.Suffix, name+index.Suffix); err != nil {
			b.Error(err)
		}
	}
	prepare("0")
	change()
	t, err := Open("hash:"+name, Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer Close(t)
	var took []time.Duration
	for round := 1; b.Loop(); round++ {
		b.StopTimer()
		prepare(fmt.Sprint(round))
		b.StartTimer()
		change()
		took = append(took, reloaded(b, t, fmt.Sprint(round))...)
	}
	slices.Sort(took)
	for name, at := range map[string]int{"p50-µs": len(took) / 2, "p99.9-µs": len(took) * 999 / 1000, "longest-µs": len(took) - 1} {
		b.ReportMetric(float64(took[at])/1e3, name)
	}
	calm := time.Duration(0)
	for i := range took {
		calm = max(calm, timed(b, t, i))
	}
	b.ReportMetric(float64(calm)/1e3, "calm-longest-µs")
}

// reloaded looks keys up until they have the new state. It returns what the lookups took.
func reloaded(b *testing.B, t Table, state string) (took []time.Duration) {
	b.Helper()
	want := "box77/" + state
	for i := 0; ; i++ {
		took = append(took, timed(b, t, i))
		if i%1000 == 0 {
			if v, _, _ := t.Lookup(context.Background(), "user77@example.com"); v == want {
				return took
			}
		}
	}
}

// timed looks one of the keys up.
func timed(b *testing.B, t Table, i int) time.Duration {
	key := fmt.Sprintf("user%d@example.com", i*7919%1_000_000)
	begun := time.Now()
	_, ok, err := t.Lookup(context.Background(), key)
	took := time.Since(begun)
	if !ok || err != nil {
		b.Fatalf("%s: %v %v", key, ok, err)
	}
	return took
}
