package workbench

import (
	"context"
	"runtime"
	"time"

	"github.com/mtad/mtad/pipeline/hook"
)

// Measured is what Measure found.
type Measured struct {
	// Messages is how many passed; Took is how long one took on average, the host's part included.
	Messages int           `json:"messages"`
	Took     time.Duration `json:"took_ns"`
	// Allocations and Bytes are those of mtad for one message, memory of the guest excluded.
	Allocations float64 `json:"allocations"`
	Bytes       float64 `json:"bytes"`
	// Plugin has calls, time, memory and fuel of each hook.
	Plugin hook.PluginStats `json:"plugin"`
}

// Measure passes a message n times, after some that do not count. The bench must be Quiet.
func (b *Bench) Measure(ctx context.Context, msg Message, n int) Measured {
	msg.Text = wire(msg.Text)
	for range min(n, 50) {
		b.Pass(ctx, msg)
	}
	before := b.Stats()
	var m0, m1 runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m0)
	begun := time.Now()
	for range n {
		b.Pass(ctx, msg)
	}
	took := time.Since(begun)
	runtime.ReadMemStats(&m1)
	return Measured{Messages: n, Took: took / time.Duration(n), Allocations: float64(m1.Mallocs-m0.Mallocs) / float64(n),
		Bytes: float64(m1.TotalAlloc-m0.TotalAlloc) / float64(n), Plugin: Since(b.Stats(), before)}
}

// Since is what a plugin did between two accounts.
func Since(now, before hook.PluginStats) hook.PluginStats {
	old := map[string]hook.HookStats{}
	for _, h := range before.Hooks {
		old[h.Hook] = h
	}
	hooks := now.Hooks
	now.Hooks = nil
	for _, h := range hooks {
		o := old[h.Hook]
		verdicts := map[string]uint64{}
		for v, n := range h.Verdicts {
			if n -= o.Verdicts[v]; n > 0 {
				verdicts[v] = n
			}
		}
		h.Verdicts = verdicts
		h.Calls, h.Failures, h.Skipped = h.Calls-o.Calls, h.Failures-o.Failures, h.Skipped-o.Skipped
		h.Time, h.Fuel = h.Time-o.Time, h.Fuel-o.Fuel
		now.Hooks = append(now.Hooks, h)
	}
	return now
}
