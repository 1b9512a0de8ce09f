package hook

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/mtad/mtad/plugins/sdk"
)

// account is what a plugin did at one hook since it was loaded. A call costs four atomic operations.
type account struct {
	verdicts [numActions]atomic.Uint64
	failures atomic.Uint64
	skipped  atomic.Uint64 // calls that the breaker did not let happen
	busy     atomic.Int64  // nanoseconds, without what it waited for
	longest  atomic.Int64
}

const numActions = int(sdk.ActFound) + 1

func (a *account) note(action sdk.Action, err error, busy time.Duration) {
	if err != nil || !action.Valid() {
		a.failures.Add(1)
	} else {
		a.verdicts[action].Add(1)
	}
	a.busy.Add(int64(busy))
	if n := int64(busy); n > a.longest.Load() {
		a.longest.Store(n) // two calls at a time may leave the shorter one: it is a measure, not a proof
	}
}

// Metered is a module that knows what its calls used; package wasm has one.
type Metered interface {
	// Usage returns the most memory behind a call of the hook, in bytes, and the fuel of all its
	// calls (units of about one machine instruction).
	Usage(p sdk.Point) (memory int64, fuel uint64)
}

// Weighed is a module that knows what it uses besides its calls; package process has one.
type Weighed interface {
	// Footprint returns the memory that it has now, in bytes, and the processor time that it has
	// used since it was started.
	Footprint() (memory int64, processor time.Duration)
}

// HookStats is what a plugin did at one hook since it was loaded.
type HookStats struct {
	Hook string `json:"hook"`
	// Calls are those that were made, Failures those of them that failed; Skipped were not made
	// because of failures before.
	Calls    uint64 `json:"calls"`
	Failures uint64 `json:"failures"`
	Skipped  uint64 `json:"skipped"`
	// Verdicts counts them by name.
	Verdicts map[string]uint64 `json:"verdicts"`
	// Time is what the calls took, without what they waited for tables and the DNS; Longest is
	// the longest of them.
	Time    time.Duration `json:"time_ns"`
	Longest time.Duration `json:"longest_ns"`
	// Memory is the most bytes that an instance had behind a call, Fuel the work of all calls; 0
	// for plugins that are not metered.
	Memory int64  `json:"memory"`
	Fuel   uint64 `json:"fuel"`
}

// PluginStats is what a plugin did since it was loaded.
type PluginStats struct {
	Name string `json:"name"`
	Kind string `json:"kind"`
	// Shadow plugins change nothing; Paused ones are not called for now, because they failed too
	// often.
	Shadow bool      `json:"shadow"`
	Paused bool      `json:"paused"`
	Loaded time.Time `json:"loaded"`
	// Memory is what the plugin has now when it is a process, and otherwise the most of its hooks;
	// Processor is what its process used.
	Memory    int64         `json:"memory"`
	Processor time.Duration `json:"processor_ns"`
	Hooks     []HookStats   `json:"hooks"`
}

// Roster keeps account of the plugins of one generation, whichever sets they are in. A nil Roster
// keeps nothing. Safe for concurrent use.
type Roster struct {
	mu      sync.Mutex
	entries []rosterEntry
}

type rosterEntry struct {
	p      *plugin
	hooks  sdk.Points
	loaded time.Time
}

func (r *Roster) add(p *plugin, hooks sdk.Points) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.entries = append(r.entries, rosterEntry{p, hooks, time.Now()})
}

// Stats returns the accounts, in the order in which the plugins were loaded. Built-ins of several
// services appear once for each.
func (r *Roster) Stats() []PluginStats {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([]PluginStats, 0, len(r.entries))
	for _, e := range r.entries {
		s := PluginStats{Name: e.p.name, Kind: e.p.Module.Manifest().Kind, Shadow: e.p.Shadow, Paused: e.p.breaker.open(time.Now), Loaded: e.loaded}
		for pt := range sdk.Point(sdk.NumPoints) {
			if e.hooks.Has(pt) {
				s.Hooks = append(s.Hooks, e.p.stats(pt))
				s.Memory = max(s.Memory, s.Hooks[len(s.Hooks)-1].Memory)
			}
		}
		if m, ok := e.p.Module.(Weighed); ok {
			s.Memory, s.Processor = m.Footprint()
		}
		all = append(all, s)
	}
	return all
}

func (p *plugin) stats(pt sdk.Point) HookStats {
	a := &p.accounts[pt]
	s := HookStats{Hook: pt.String(), Failures: a.failures.Load(), Skipped: a.skipped.Load(), Verdicts: map[string]uint64{},
		Time: time.Duration(a.busy.Load()), Longest: time.Duration(a.longest.Load())}
	s.Calls = s.Failures
	for i := range a.verdicts {
		if n := a.verdicts[i].Load(); n > 0 {
			s.Verdicts[sdk.Action(i).String()] = n
			s.Calls += n
		}
	}
	if m, ok := p.Module.(Metered); ok {
		s.Memory, s.Fuel = m.Usage(pt)
	}
	return s
}
