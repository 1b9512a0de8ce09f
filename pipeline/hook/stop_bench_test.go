package hook

import (
	"context"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/plugins/wasm"
	"github.com/mtad/mtad/plugins/wasm/wasmtest"
)

// The promise: a guest that does not end is stopped at most 2 ms behind its limit (p99). Each guest of
// the hostile set that has to be stopped is called with a limit of 5 ms. late is by the clock, and noise
// on a machine that has other things to do; late-cpu is by the processor time that the call used.
func BenchmarkStop(b *testing.B) {
	for _, g := range wasmtest.Hostile() {
		if !strings.Contains(g.Fails, "time limit") {
			continue
		}
		b.Run(g.Name, func(b *testing.B) {
			const limit = 5 * time.Millisecond
			p := runaway(b, g)
			p.Time = limit
			var over, busy []float64
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			for b.Loop() {
				begun, used := time.Now(), threadTime()
				call(p)
				over = append(over, float64(time.Since(begun)-limit)/1e6)
				busy = append(busy, float64(threadTime()-used-limit)/1e6)
			}
			slices.Sort(over)
			slices.Sort(busy)
			b.ReportMetric(busy[len(busy)*99/100], "late-cpu-p99-ms")
			b.ReportMetric(over[len(over)/2], "late-p50-ms")
			b.ReportMetric(over[len(over)*99/100], "late-p99-ms")
			b.ReportMetric(over[len(over)-1], "late-max-ms")
		})
	}
}

// The promise: the garbage collector waits at most 5 ms (p99) for guests. While two guests run without
// end, limit after limit, collections are forced; what they stopped the world for is reported.
func BenchmarkCollectorPause(b *testing.B) {
	for _, name := range []string{"loop", "recursion", "fill", "copy"} {
		b.Run(name, func(b *testing.B) {
			i := slices.IndexFunc(wasmtest.Hostile(), func(g wasmtest.Guest) bool { return g.Name == name })
			p := runaway(b, wasmtest.Hostile()[i])
			p.Time = 50 * time.Millisecond
			stop, done := make(chan struct{}), make(chan struct{})
			for range 2 {
				go func() {
					defer func() { done <- struct{}{} }()
					for {
						select {
						case <-stop:
							return
						default:
							call(p)
						}
					}
				}()
			}
			var took []float64
			for b.Loop() {
				begun := time.Now()
				runtime.ReadMemStats(new(runtime.MemStats)) // stops the world
				took = append(took, float64(time.Since(begun))/1e6)
				time.Sleep(time.Millisecond)
			}
			close(stop)
			<-done
			<-done
			slices.Sort(took)
			b.ReportMetric(took[len(took)/2], "stop-p50-ms")
			b.ReportMetric(took[len(took)*99/100], "stop-p99-ms")
			var s debug.GCStats
			s.PauseQuantiles = make([]time.Duration, 101)
			debug.ReadGCStats(&s)
			b.ReportMetric(float64(s.PauseQuantiles[99])/1e6, "gc-pause-p99-ms")
		})
	}
}

func runaway(b *testing.B, g wasmtest.Guest) Plugin {
	b.Helper()
	m, err := wasm.Load(context.Background(), g.Wasm, wasm.Options{Name: g.Name, Config: g.Config, Allow: granted()})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { m.Close(context.Background()) })
	return Plugin{Module: m, Allow: granted(), OnError: FailContinue, Config: g.Config}
}

// filed is a NewText in a file, as that of a large message is.
type filed struct{ *os.File }

func newFiled() NewText {
	f, err := os.CreateTemp("", "newtext")
	if err != nil {
		panic(err)
	}
	return &filed{f}
}

// Content is wanted by nobody here: none of the guests comes to an end.
func (f *filed) Content() mail.Content { return mail.Bytes(nil) }

// Abort removes the file.
func (f *filed) Abort() {
	f.Close()
	os.Remove(f.Name())
}

// call runs the eom hook of p on a message; without a breaker, since the set is a new one.
func call(p Plugin) {
	origin := mail.Origin{Kind: mail.KindSMTP}
	m := NewSet([]Plugin{p}, Options{}).Session(&origin).Begin(&mail.Envelope{ID: "Q1"})
	n, _ := mail.Split([]byte(letter))
	m.EOM(context.Background(), Text{Header: mail.ParseHeader([]byte(letter[:n])), Rest: mail.Bytes(letter[n:]), BodyOff: 2,
		Fork: newFiled})
	m.discardText()
}
