package wasm

import (
	"errors"
	"sync/atomic"

	"github.com/mtad/mtad/plugins/sdk"
)

// ErrFuel says that a guest used up its fuel (Options.Fuel).
var ErrFuel = errors.New("fuel limit exceeded")

// usage is what the calls of one hook used. It costs two atomic operations a call.
type usage struct {
	fuel   atomic.Uint64
	memory atomic.Int64 // the most that an instance had after a call
}

func (u *usage) note(in *instance) {
	if in.mod.IsClosed() {
		return // it ended itself, and what it had is gone
	}
	u.fuel.Add(uint64(max(in.burnt(), 0)))
	if n := int64(in.mem.Size()); n > u.memory.Load() {
		u.memory.Store(n) // two calls at a time may leave the smaller one; the next call mends it
	}
}

// Usage returns what the calls of a hook used since the module was loaded: the most memory that an
// instance had behind a call, in bytes, and the fuel of all calls. A unit of fuel is about one
// machine instruction of the guest; what the host does for it is not counted.
func (m *Module) Usage(p sdk.Point) (memory int64, fuel uint64) {
	u := &m.used[p]
	return u.memory.Load(), u.fuel.Load()
}

// refuel hands out fuel for the next stretch: what is left of the budget at most.
func (in *instance) refuel() {
	in.granted = in.portion
	if budget := in.budget; budget > 0 {
		if in.spent >= budget {
			in.granted = 0
			in.fuel.Set(0)
			panic(ErrFuel)
		}
		in.granted = min(in.portion, budget-in.spent)
	}
	in.fuel.Set(uint64(in.granted))
}

// burnt is the fuel that the call used so far.
func (in *instance) burnt() int64 { return in.spent + in.granted - int64(in.fuel.Get()) }

// InstanceSize returns the memory of an instance that waits for a call, in bytes; 0 when each call
// takes a new one.
func (m *Module) InstanceSize() int64 { return int64(len(m.image.memory)) }
