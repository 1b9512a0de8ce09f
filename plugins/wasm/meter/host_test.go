package meter

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"reflect"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
)

// features are all that the rewriter decodes.
const features = api.CoreFeaturesV2 | experimental.CoreFeaturesTailCall |
	experimental.CoreFeaturesExceptionHandling | experimental.CoreFeaturesExtendedConst

var (
	errSpent = errors.New("guest has used up its fuel")
	errDeep  = errors.New("guest has used up its stack")
)

// host runs guests and gives them fuel: slice units at each yield, total in all.
type host struct {
	wazero.Runtime
	slice, total int64
	yields       int
	used         int64 // by yields so far
	stop         func() error
}

// newHost returns a host whose guests never run out.
func newHost(t testing.TB, slice int64) *host {
	t.Helper()
	return newHostOn(t, slice, wazero.NewRuntimeConfig())
}

func newHostOn(t testing.TB, slice int64, cfg wazero.RuntimeConfig) *host {
	t.Helper()
	ctx := context.Background()
	h := &host{Runtime: wazero.NewRuntimeWithConfig(ctx, cfg.WithCoreFeatures(features)), slice: slice, total: 1 << 62}
	t.Cleanup(func() { h.Close(ctx) })
	_, err := h.NewHostModuleBuilder(DefaultYieldModule).NewFunctionBuilder().
		WithGoModuleFunction(api.GoModuleFunc(h.yield), nil, nil).Export(DefaultYieldName).Instantiate(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *host) yield(_ context.Context, m api.Module, _ []uint64) {
	if int32(stackOf(m).Get()) < 0 {
		panic(errDeep)
	}
	h.yields++
	fuel := fuelOf(m)
	h.used += h.slice - int64(fuel.Get())
	if h.used >= h.total {
		panic(errSpent)
	}
	if h.stop != nil && h.stop() != nil {
		panic(h.stop())
	}
	fuel.Set(uint64(h.slice))
}

func fuelOf(m api.Module) api.MutableGlobal {
	return m.ExportedGlobal(DefaultFuelGlobal).(api.MutableGlobal)
}

func stackOf(m api.Module) api.MutableGlobal {
	return m.ExportedGlobal(DefaultStackGlobal).(api.MutableGlobal)
}

// run calls an export with a full stack and a full slice and returns what it consumed.
func (h *host) run(t testing.TB, m api.Module, name string, args ...uint64) (results []uint64, used int64, err error) {
	t.Helper()
	f := m.ExportedFunction(name)
	if f == nil {
		t.Fatalf("no export %s", name)
	}
	h.used, h.yields = 0, 0
	fuel := fuelOf(m)
	fuel.Set(uint64(h.slice))
	stackOf(m).Set(DefaultStack)
	results, err = f.Call(context.Background(), args...)
	return results, h.used + h.slice - int64(fuel.Get()), err
}

func (h *host) start(t testing.TB, wasm []byte) api.Module {
	t.Helper()
	m, err := h.InstantiateWithConfig(context.Background(), wasm, wazero.NewModuleConfig().WithName(""))
	if err != nil {
		t.Fatalf("metered module does not start: %v", err)
	}
	return m
}

// rewrite meters a guest that has to be good.
func rewrite(t testing.TB, wasm []byte) *Result {
	t.Helper()
	res, err := Rewrite(wasm, Options{Exceptions: true})
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// meterProgram meters and starts a hand-made module.
func (h *host) meterProgram(t testing.TB, p *program) api.Module {
	t.Helper()
	return h.start(t, rewrite(t, p.assemble()).Wasm)
}

// trap is the first line of an error: behind it comes the stack trace.
func trap(err error) string {
	if err == nil {
		return ""
	}
	first, _, _ := strings.Cut(err.Error(), "\n")
	return first
}

// memoryOf sums up a module's memory: its size, and a checksum while it is small.
func memoryOf(m api.Module) string {
	mem := m.Memory()
	if mem == nil || reflect.ValueOf(mem).IsNil() {
		return "no memory"
	}
	if mem.Size() > 4<<20 {
		return fmt.Sprintf("%d bytes", mem.Size())
	}
	b, _ := mem.Read(0, mem.Size())
	return fmt.Sprintf("%d bytes, %08x", len(b), crc32.ChecksumIEEE(b))
}
