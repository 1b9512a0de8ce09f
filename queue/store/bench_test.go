package store

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/mtad/mtad/queue"
)

// meter measures what a benchmark costs the processor and the disk.
type meter struct {
	b     *testing.B
	cpu   time.Duration
	syncs atomic.Int64
}

func (m *meter) String() string { return "meter" }

func (m *meter) MaybeError(op errorfs.Op) error {
	if op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData {
		m.syncs.Add(1)
	}
	return nil
}

func cpuTime() time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return 0
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

func (m *meter) start() {
	m.b.ReportAllocs()
	m.b.ResetTimer()
	m.syncs.Store(0)
	m.cpu = cpuTime()
}

func (m *meter) stop() {
	m.b.StopTimer()
	n := float64(m.b.N)
	m.b.ReportMetric(float64((cpuTime()-m.cpu).Nanoseconds())/1000/n, "cpu-µs/op")
	m.b.ReportMetric(float64(m.syncs.Load())/n, "syncs/op")
	m.b.ReportMetric(n/m.b.Elapsed().Seconds(), "op/s")
}

// benchStore opens a store on the real disk.
func benchStore(b *testing.B) (*Store, *meter) {
	b.Helper()
	m := &meter{b: b}
	s := mustOpen(b, Options{Dir: filepath.Join(b.TempDir(), "q"), FS: errorfs.Wrap(vfs.Default, m)})
	b.Cleanup(func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	})
	return s, m
}

// mailText is text as compressible as mail is.
func mailText(n int) []byte {
	line := []byte("Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod.\r\n")
	noise := body(1, n)
	text := make([]byte, n)
	for i := range text {
		text[i] = line[i%len(line)]
		if i%len(line) < 20 {
			text[i] = 'a' + noise[i]%26
		}
	}
	return text
}

func benchCommit(s *Store, text []byte) (*queue.Entry, error) {
	d, err := s.Begin(context.Background())
	if err != nil {
		return nil, err
	}
	defer d.Abort()
	if _, err := d.Write(text); err != nil {
		return nil, err
	}
	return d.Commit(context.Background(), envelope(1), []byte(header), queue.Incoming, "")
}

// inParallel runs fn b.N times in all, writers at a time.
func inParallel(b *testing.B, writers int, fn func() error) {
	b.SetParallelism((writers + runtime.GOMAXPROCS(0) - 1) / runtime.GOMAXPROCS(0))
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := fn(); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

func BenchmarkCommit(b *testing.B) {
	for _, writers := range []int{1, 20, 100} {
		b.Run(fmt.Sprint(writers), func(b *testing.B) {
			s, m := benchStore(b)
			text := mailText(4 << 10)
			m.start()
			inParallel(b, writers, func() error {
				_, err := benchCommit(s, text)
				return err
			})
			m.stop()
		})
	}
}

// BenchmarkLarge commits messages of 1 MiB, and removes them lest the disk fill.
func BenchmarkLarge(b *testing.B) {
	for _, writers := range []int{1, 20} {
		b.Run(fmt.Sprint(writers), func(b *testing.B) {
			s, m := benchStore(b)
			text := mailText(1 << 20)
			m.start()
			inParallel(b, writers, func() error {
				e, err := benchCommit(s, text)
				if err != nil {
					return err
				}
				return s.Remove(e.ID)
			})
			m.stop()
		})
	}
}

// BenchmarkPassage is what the store does for a message that is delivered at once.
func BenchmarkPassage(b *testing.B) {
	for _, writers := range []int{20, 100} {
		b.Run(fmt.Sprint(writers), func(b *testing.B) {
			s, m := benchStore(b)
			text := mailText(4 << 10)
			m.start()
			inParallel(b, writers, func() error { return passage(s, text) })
			m.stop()
		})
	}
}

func passage(s *Store, text []byte) error {
	e, err := benchCommit(s, text)
	if err != nil {
		return err
	}
	_, r, err := s.Load(e.ID)
	if err != nil {
		return err
	}
	r.State = queue.Active
	if err := s.Update(e.ID, r, nil); err != nil {
		return err
	}
	c, err := s.Open(e.ID)
	if err != nil {
		return err
	}
	p := make([]byte, 8<<10)
	if _, err := c.ReadAt(p[:c.Size()], 0); err != nil {
		return err
	}
	if err := c.Close(); err != nil {
		return err
	}
	return s.Remove(e.ID)
}

func BenchmarkRemove(b *testing.B) {
	s, m := benchStore(b)
	text := mailText(4 << 10)
	ids := make(chan string, b.N)
	inParallel(b, 50, func() error {
		e, err := benchCommit(s, text)
		if err == nil {
			ids <- e.ID
		}
		return err
	})
	m.start()
	for range b.N {
		if err := s.Remove(<-ids); err != nil {
			b.Fatal(err)
		}
	}
	m.stop()
}

func BenchmarkDefer(b *testing.B) {
	s, m := benchStore(b)
	ids := make(chan string, b.N)
	inParallel(b, 50, func() error {
		e, err := benchCommit(s, nil)
		if err == nil {
			ids <- e.ID
		}
		return err
	})
	r := &queue.Record{State: queue.Deferred, Due: now0, Recipients: make([]queue.Progress, 1)}
	m.start()
	for range b.N {
		if err := s.Update(<-ids, r, []int{0}); err != nil {
			b.Fatal(err)
		}
	}
	m.stop()
}

// backlog fills a store with n deferred entries whose texts have size bytes.
func backlog(b testing.TB, s *Store, n, size int) {
	b.Helper()
	text := mailText(size)
	errs := make(chan error)
	const writers = 50
	for w := range writers {
		go func() {
			for i := w; i < n; i += writers {
				e, err := benchCommit(s, text)
				if err == nil {
					r := &queue.Record{State: queue.Deferred, Due: now0.Add(time.Duration(i) * time.Second), Recipients: make([]queue.Progress, 1)}
					err = s.Update(e.ID, r, []int{0})
				}
				if err != nil {
					errs <- err
					return
				}
			}
			errs <- nil
		}()
	}
	for range writers {
		if err := <-errs; err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDue(b *testing.B) {
	const n = 100_000
	s, m := benchStore(b)
	backlog(b, s, n, 100)
	late := now0.Add(n * time.Second)
	m.start()
	for i := range b.N {
		// As a manager does: take what is due, try it, put it off.
		ids, _, err := s.Due(late, 1)
		if err != nil || len(ids) != 1 {
			b.Fatal(ids, err)
		}
		r := &queue.Record{State: queue.Deferred, Due: late.Add(time.Duration(i) * time.Second), Recipients: make([]queue.Progress, 1)}
		if i >= n {
			r.Due = now0
		}
		if err := s.Update(ids[0], r, nil); err != nil {
			b.Fatal(err)
		}
	}
	m.stop()
}

func BenchmarkList(b *testing.B) {
	const n = 100_000
	s, m := benchStore(b)
	backlog(b, s, n, 100)
	m.start()
	last := ""
	for i := 0; i < b.N; {
		err := s.Each(context.Background(), queue.Deferred, last, func(e *queue.Entry, _ *queue.Record) bool {
			i++
			last = e.ID
			return i < b.N
		})
		if err != nil {
			b.Fatal(err)
		}
		if i < b.N {
			last = ""
		}
	}
	m.stop()
}

// BenchmarkMillion is a queue of a million deferred messages: what opening it takes, and memory. It
// wants half a minute and two gigabytes, so it runs only when MTAD_BENCH_MILLION is set.
func BenchmarkMillion(b *testing.B) {
	if os.Getenv("MTAD_BENCH_MILLION") == "" {
		b.Skip("set MTAD_BENCH_MILLION to run it")
	}
	const n = 1_000_000
	o := Options{Dir: filepath.Join(b.TempDir(), "q")}
	s := mustOpen(b, o)
	begun, cpu := time.Now(), cpuTime()
	backlog(b, s, n, 1000)
	filled, filledCPU, full := time.Since(begun).Seconds(), float64((cpuTime()-cpu).Microseconds())/n, resident(b)
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	runtime.GC()
	b.ResetTimer()
	for range b.N {
		s = mustOpen(b, o)
		if got := s.Counts()[queue.Deferred]; got != n {
			b.Fatalf("%d deferred", got)
		}
		b.StopTimer()
		b.ReportMetric(resident(b), "open-MiB")
		begun := time.Now()
		if ids, _, err := s.Due(now0.Add(n*time.Second), 100); err != nil || len(ids) != 100 {
			b.Fatal(ids, err)
		}
		b.ReportMetric(float64(time.Since(begun).Microseconds()), "due-100-µs")
		e := mustCommit(b, s, nil)
		mustLoad(b, s, e.ID)
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
	b.StopTimer()
	b.ReportMetric(filled, "fill-s")
	b.ReportMetric(filledCPU, "fill-cpu-µs/msg")
	b.ReportMetric(full, "full-MiB")
}

// resident is the memory of the process, in MiB.
func resident(b *testing.B) float64 {
	b.Helper()
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		b.Skip(err)
	}
	var size, pages float64
	if _, err := fmt.Sscan(string(text), &size, &pages); err != nil {
		b.Fatal(err)
	}
	return pages * float64(os.Getpagesize()) / (1 << 20)
}
