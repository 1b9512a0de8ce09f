package wasm

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"
)

// measured are the modules whose start is measured: a small one in C, and one that Go compiled.
func measured(b *testing.B) map[string][]byte {
	b.Helper()
	small, err := os.ReadFile("testdata/words.wasm")
	if err != nil {
		b.Fatal(err)
	}
	path := filepath.Join(b.TempDir(), "go.wasm")
	build := exec.Command("go", "build", "-trimpath", "-buildmode=c-shared", "-ldflags=-s -w", "-o", path, "../../wasm-examples/subject-filter")
	build.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	guest, err := os.ReadFile(path)
	if err != nil {
		b.Fatal(err)
	}
	return map[string][]byte{"small": small, "go": guest}
}

func startOptions(cache wazero.CompilationCache, instances int) Options {
	return Options{Name: "x", Memory: 64 << 20, Cache: cache, Instances: instances, Config: map[string]string{"words": "casino lottery"},
		Allow: map[string]bool{"edit": true, "kv": true, "map": true, "dns": true, "scan": true, "deliver": true}}
}

// The promise: with its machine code in the cache a small plugin is loaded in at most 5 ms, one in Go
// in at most 100 ms, up to its first instance.
func BenchmarkColdStart(b *testing.B) {
	for name, code := range measured(b) {
		b.Run(name, func(b *testing.B) {
			dir := b.TempDir()
			load := func() {
				cache, err := wazero.NewCompilationCacheWithDir(dir) // as a new process finds it
				if err != nil {
					b.Fatal(err)
				}
				m, err := Load(context.Background(), code, startOptions(cache, 1))
				if err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				m.Close(context.Background())
				cache.Close(context.Background())
				b.StartTimer()
			}
			begun := time.Now()
			load()
			first := time.Since(begun)
			for b.Loop() {
				load()
			}
			b.ReportMetric(float64(first)/1e6, "without-cache-ms")
		})
	}
}

// The promise: an instance that waits for its next call takes at most 150 KiB, one of a Go guest at
// most 5 MiB. What the module takes once, the snapshot and the code, is reported aside.
func BenchmarkIdleInstance(b *testing.B) {
	for name, code := range measured(b) {
		b.Run(name, func(b *testing.B) {
			const many = 20
			for b.Loop() {
				before := live()
				m, err := Load(context.Background(), code, startOptions(nil, many))
				if err != nil {
					b.Fatal(err)
				}
				one := live(m)
				for range many {
					in, err := m.fresh(context.Background())
					if err != nil {
						b.Fatal(err)
					}
					in.hook(8) // its handle, as a call leaves it
					m.pool.add(in)
				}
				b.ReportMetric(float64(live(m)-one)/many/1024, "KiB/instance")
				b.ReportMetric(float64(one-before)/1024, "KiB/module")
				m.Close(context.Background())
			}
		})
	}
}

// live is the bytes of live heap and of the instances' memories.
func live(of ...*Module) int64 {
	runtime.GC()
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	n := int64(s.HeapAlloc)
	for _, m := range of {
		for _, in := range m.pool.free {
			if len(m.memories.all) > 0 {
				n += int64(in.mem.Size())
			}
		}
	}
	return n
}
