package wasm

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/tetratelabs/wazero/api"

	"github.com/mtad/mtad/plugins/sdk"
	"github.com/mtad/mtad/plugins/wasm/meter"
)

// fuel is how many units (about one machine instruction each) a guest runs at most between two looks at
// the clock: about a tenth of a millisecond. leastFuel is what it gets where that takes long: in pages that
// the kernel has to find and to clear, 200,000 units can be more than a millisecond. grownFuel is what it
// gets once its memory has grown: then a few units, the first touch of a page, can be a microsecond.
const (
	fuel      = 200_000
	leastFuel = fuel / 16
	grownFuel = 2500
)

// Between two looks at the clock should be more than often and less than seldom.
const (
	often  = 100 * time.Microsecond
	seldom = 200 * time.Microsecond
)

// stack is how many bytes a guest's calls may take in the engine's stack, about. The engine doubles that stack when it is
// full and copies it, up to 100 MiB: with this it stays below 3 MiB.
const stack = 1 << 20

// ticks is how many host calls a guest may make between two looks at the clock.
const ticks = 16

// moved is how many bytes host calls may move for a guest between two looks at the clock: 10 µs in pages
// that are there, ten times as much in new ones.
const moved = 64 << 10

// maxCalls is how many host calls one hook may make: enough to read 400 MiB in pieces of 4 KiB.
const maxCalls = 100_000

// ErrCalls says that a guest made too many host calls.
var ErrCalls = errors.New("too many host calls")

// ErrTime says that a guest ran into its time limit.
var ErrTime = errors.New("time limit exceeded")

// ErrDeep says that a guest called too deep: its stack was used up.
var ErrDeep = errors.New("recursion too deep")

// Failure is a failed call: what happened, and where in the guest.
type Failure struct {
	Cause error
	// Stack is the guest's stack, innermost first, empty when it was not running.
	Stack string
}

// Error returns the cause and the stack on one line.
func (f *Failure) Error() string {
	if f.Stack == "" {
		return f.Cause.Error()
	}
	return f.Cause.Error() + " at " + f.Stack
}

// Unwrap returns the cause.
func (f *Failure) Unwrap() error { return f.Cause }

// instance is one instance of a module. One call uses it at a time.
type instance struct {
	m       *Module
	mod     api.Module
	mem     api.Memory
	fuel    api.MutableGlobal
	stack   api.MutableGlobal // what is left of it
	globals []api.MutableGlobal
	hooks   [sdk.NumPoints]api.Function // cached: looking one up is dear

	ctx      callContext
	host     sdk.Host
	begun    time.Time // begun and deadline move on while the guest waits for a table or the DNS
	deadline time.Time
	calls    int
	unpaid   int           // bytes that host calls moved since the clock was looked at
	looked   time.Time     // when that was
	used     time.Duration // of the limit
	// Fuel: what the call may burn (0: no limit), what it burnt in the stretches before this one,
	// and what this one was given.
	budget, spent, granted int64
	portion                int64  // of the next stretch
	size                   uint32 // of the memory when the call began
	result                 [1]uint64
	out                    lineLog // standard output and error
}

// callContext brings the instance to the host functions without an allocation per call.
type callContext struct {
	context.Context
	in *instance
}

type instanceKey struct{}

// Value returns the instance for its key.
func (c *callContext) Value(key any) any {
	if key == (instanceKey{}) {
		return c.in
	}
	return c.Context.Value(key)
}

// hook returns the function of a point.
func (in *instance) hook(p sdk.Point) api.Function {
	if in.hooks[p] == nil {
		in.hooks[p] = in.mod.ExportedFunction("mtad_" + p.String())
	}
	return in.hooks[p]
}

// initTime limits what a guest does while it is loaded.
const initTime = 5 * time.Second

// renewed is a context whose deadline begins anew.
type renewed struct {
	context.Context
	until time.Time
}

// Deadline returns the new one.
func (r renewed) Deadline() (time.Time, bool) { return r.until, true }

// from is ctx with a deadline of now and limit.
func from(ctx context.Context, limit time.Duration) context.Context {
	return renewed{ctx, time.Now().Add(limit)}
}

// limitOf is the time that a guest has: until the deadline of a context, initTime without one.
func limitOf(ctx context.Context) time.Duration {
	if until, ok := ctx.Deadline(); ok {
		return time.Until(until)
	}
	return initTime
}

// run calls fn with h as its host and returns the result, 0 when it has none.
func (in *instance) run(fn api.Function, ctx context.Context, limit time.Duration, h sdk.Host) (uint64, error) {
	in.ctx.Context, in.host, in.calls, in.unpaid, in.used = ctx, h, 0, 0, 0
	in.begun = time.Now()
	in.looked, in.deadline = in.begun, in.begun.Add(limit)
	in.spent, in.portion, in.size = 0, fuel, in.mem.Size()
	in.refuel()
	in.stack.Set(stack)
	in.result[0] = 0
	err := fn.CallWithStack(&in.ctx, in.result[:])
	in.out.flush(h)
	in.host, in.ctx.Context = nil, nil
	if err != nil {
		return 0, failure(err)
	}
	return in.result[0], nil
}

// failure takes a wazero error apart: "cause\nwasm stack trace:\n\tframe\n\tframe…".
func failure(err error) *Failure {
	for _, limit := range []error{ErrTime, ErrCalls, ErrFuel, ErrDeep} {
		if errors.Is(err, limit) {
			return &Failure{Cause: limit, Stack: stackOf(err.Error())}
		}
	}
	text, _, _ := strings.Cut(err.Error(), "\nwasm stack trace:")
	text, _, _ = strings.Cut(text, "\n")
	return &Failure{Cause: errors.New(strings.TrimPrefix(strings.TrimSuffix(text, recovered), "wasm error: ")), Stack: stackOf(err.Error())}
}

// recovered is what the engine adds to the error of a host function.
const recovered = " (recovered by wazero)"

func stackOf(text string) string {
	_, trace, _ := strings.Cut(text, "wasm stack trace:")
	var frames []string
	for _, line := range strings.Split(trace, "\n") {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(strings.TrimPrefix(line, "."), meter.DefaultYieldModule+".") && len(frames) < 8 {
			frames = append(frames, strings.TrimPrefix(line, "."))
		}
	}
	s := strings.Join(frames, " < ")
	return s[:min(len(s), 500)]
}

// A guest that used less than a share of its limit when that is over was kept from running: by a
// machine with too much to do, or one that stood still. It may go on, until patience times the limit
// is over. Between two looks at the clock at most a stretch-th of the limit counts as used: what took
// longer was a stall.
const (
	share    = 4
	patience = 10
	stretch  = 20
)

// outOfTime looks at the clock and stops the guest when its time is over. The panic unwinds the guest;
// wazero makes it the error of the call. It returns the time since the last look.
func (in *instance) outOfTime() (took time.Duration) {
	now, limit := time.Now(), in.deadline.Sub(in.begun)
	took = now.Sub(in.looked)
	in.used += min(took, limit/stretch)
	in.looked, in.unpaid = now, 0
	if now.After(in.deadline) && (in.used >= limit/share || now.Sub(in.begun) > patience*limit) {
		panic(ErrTime)
	}
	return took
}

// yield is called by metered code when its fuel or its stack is used up.
func (in *instance) yield(mod api.Module) {
	left := in.stack
	if left == nil { // a start function
		left, _ = mod.ExportedGlobal(in.m.metered.StackGlobal).(api.MutableGlobal)
	}
	if left != nil && int32(left.Get()) < 0 {
		panic(ErrDeep)
	}
	if in.fuel == nil {
		panic(ErrTime) // a start function that uses up its initial fuel
	}
	took := in.outOfTime()
	in.spent = in.burnt()
	switch {
	case took > seldom:
		in.portion = max(in.portion/2, leastFuel)
	case took < often:
		in.portion = min(in.portion*2, fuel)
	}
	if in.mem.Size() > in.size {
		in.portion = grownFuel
	}
	in.refuel()
}

// tick counts a host call.
func (in *instance) tick() {
	if in.calls++; in.calls%ticks != 0 {
		return
	}
	in.outOfTime()
	if in.calls >= maxCalls {
		panic(ErrCalls)
	}
}

// pay counts bytes that a host call is about to move.
func (in *instance) pay(n int) {
	if n < payFrom {
		return
	}
	if in.unpaid += n; in.unpaid >= moved {
		in.outOfTime()
	}
}

// payFrom is the least number of bytes that counts: fewer are part of what a call costs.
const payFrom = 1 << 10

// snapshot is the state that instances are reset to.
type snapshot struct {
	memory  []byte
	globals []uint64
}

// snapshot copies the instance's state.
func (in *instance) snapshot() snapshot {
	view, _ := in.mem.Read(0, in.mem.Size())
	s := snapshot{memory: append([]byte(nil), view...)}
	for _, g := range in.globals {
		s.globals = append(s.globals, g.Get())
	}
	return s
}

// restore sets the instance to the snapshot. It reports false when the memory grew since: it
// cannot shrink, so the instance has to go.
func (in *instance) restore(s *snapshot) bool {
	if size := int(in.mem.Size()); size < len(s.memory) {
		if _, ok := in.mem.Grow(uint32((len(s.memory) - size) / pageSize)); !ok {
			return false
		}
	} else if size > len(s.memory) {
		return false
	}
	view, ok := in.mem.Read(0, uint32(len(s.memory)))
	if !ok {
		return false
	}
	copy(view, s.memory)
	for i, g := range in.globals {
		g.Set(s.globals[i])
	}
	return true
}
