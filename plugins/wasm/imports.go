package wasm

import (
	"context"
	"strings"
	"time"
	"unsafe"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/mtad/mtad/plugins/sdk"
	"github.com/mtad/mtad/plugins/wasm/meter"
)

// function is one host function of the ABI. types are those of its parameters and its result,
// one letter each: i is i32, l is i64; the result stands behind ">" ("ii>i").
type function struct {
	module, name, types string
	// call gets its arguments as arg says and returns the result.
	call func(g *guest) int64
}

// modules are the import modules of ABI 1, without WASI.
func modules() [][]function { return [][]function{base, edit, maps, kv, names, scan, transport} }

// provided are all modules that a guest can import from.
func provided() [][]function { return append(modules(), wasi()) }

// Import is a function that a guest can import: its module, its name, and its type with a letter for
// each parameter and, behind ">", for the result: i is i32, l is i64.
type Import struct{ Module, Name, Types string }

// Imports lists all functions that guests can import, those of WASI included.
func Imports() []Import {
	var all []Import
	for _, list := range provided() {
		for _, f := range list {
			all = append(all, Import{f.module, f.name, f.types})
		}
	}
	return all
}

// findFunction returns a function of the ABI, or nil.
func findFunction(module, name string) *function {
	for _, list := range provided() {
		for i := range list {
			if f := &list[i]; f.module == module && f.name == name {
				return f
			}
		}
	}
	return nil
}

// signature writes the function's type as the meter does.
func (f *function) signature() string {
	params, result, _ := strings.Cut(f.types, ">")
	return "(" + typeNames(params) + ") -> (" + typeNames(result) + ")"
}

func typeNames(letters string) string {
	var names []string
	for _, c := range letters {
		names = append(names, map[rune]string{'i': "i32", 'l': "i64"}[c])
	}
	return strings.Join(names, " ")
}

func valueTypes(letters string) []api.ValueType {
	var types []api.ValueType
	for _, c := range letters {
		types = append(types, map[rune]api.ValueType{'i': api.ValueTypeI32, 'l': api.ValueTypeI64}[c])
	}
	return types
}

// provide gives the runtime the ABI's modules and the meter's yield.
func provide(ctx context.Context, rt wazero.Runtime, m *meter.Result) error {
	for _, list := range provided() {
		b := rt.NewHostModuleBuilder(list[0].module)
		for i := range list {
			f := &list[i]
			params, result, _ := strings.Cut(f.types, ">")
			b.NewFunctionBuilder().WithGoModuleFunction(f.wrap(params, result), valueTypes(params), valueTypes(result)).Export(f.name)
		}
		if _, err := b.Instantiate(ctx); err != nil {
			return err
		}
	}
	yield := api.GoModuleFunc(func(ctx context.Context, mod api.Module, _ []uint64) { instanceOf(ctx).yield(mod) })
	_, err := rt.NewHostModuleBuilder(m.YieldModule).NewFunctionBuilder().
		WithGoModuleFunction(yield, nil, nil).Export(m.YieldName).Instantiate(ctx)
	return err
}

func instanceOf(ctx context.Context) *instance { return ctx.Value(instanceKey{}).(*instance) }

// wrap is the one place where the guest's words become arguments: the upper half of a word that
// holds an i32 is garbage and is masked by the signature.
func (f *function) wrap(params, result string) api.GoModuleFunc {
	call := f.call
	switch f.module {
	case maps[0].module, names[0].module:
		call = waits(call)
	case kv[0].module, scan[0].module:
		call = dear(call)
	}
	return func(ctx context.Context, mod api.Module, stack []uint64) {
		in := instanceOf(ctx)
		in.tick()
		g := guest{in: in, mem: mod.Memory(), host: in.host}
		for i := range len(params) {
			if g.arg[i] = int64(stack[i]); params[i] == 'i' {
				g.arg[i] = int64(uint32(stack[i]))
			}
		}
		v := call(&g)
		switch {
		case result == "":
		case result == "i":
			stack[0] = uint64(uint32(int32(v)))
		default:
			stack[0] = uint64(v)
		}
	}
}

// waits is a host function that waits for others: the guest's time stands still meanwhile. How long
// it may wait is the host's to say.
func waits(call func(g *guest) int64) func(g *guest) int64 {
	return func(g *guest) int64 {
		begun := time.Now()
		v := call(g)
		waited := time.Since(begun)
		g.in.begun, g.in.deadline, g.in.looked = g.in.begun.Add(waited), g.in.deadline.Add(waited), g.in.looked.Add(waited)
		return v
	}
}

// dear is a host function that may take long for one call: the clock is looked at each time.
func dear(call func(g *guest) int64) func(g *guest) int64 {
	return func(g *guest) int64 {
		v := call(g)
		g.in.outOfTime()
		return v
	}
}

// guest is one host call: the guest's memory and the arguments. i32 arguments are unsigned;
// signed ones are read by i32.
type guest struct {
	in   *instance
	mem  api.Memory
	host sdk.Host
	arg  [9]int64
}

// i32 returns argument i as a signed number.
func (g *guest) i32(i int) int { return int(int32(uint32(g.arg[i]))) }

// bytes returns the guest's memory that arguments i (pointer) and i+1 (length) name. The view is
// valid during the call.
func (g *guest) bytes(i int) ([]byte, bool) {
	b, ok := g.mem.Read(uint32(g.arg[i]), uint32(g.arg[i+1]))
	g.in.pay(len(b))
	return b, ok
}

// str is bytes as a string, which shares the guest's memory: valid during the call.
func (g *guest) str(i int) (string, bool) {
	b, ok := g.bytes(i)
	if !ok || len(b) == 0 {
		return "", ok
	}
	return unsafe.String(&b[0], len(b)), true
}

// answer writes v to the buffer that arguments i and i+1 name and returns its full length: a
// buffer that is too small gets the begin.
func (g *guest) answer(i int, v []byte) int64 {
	n := min(int64(len(v)), g.arg[i+1])
	if n > 0 {
		dst, ok := g.mem.Read(uint32(g.arg[i]), uint32(n))
		if !ok {
			return int64(sdk.ErrInvalid)
		}
		g.in.pay(len(dst))
		copy(dst, v)
	}
	return int64(len(v))
}

func (g *guest) answerString(i int, v string, e sdk.Errno) int64 {
	if e != sdk.OK {
		return int64(e)
	}
	if v == "" {
		return 0
	}
	return g.answer(i, unsafe.Slice(unsafe.StringData(v), len(v)))
}

const bad = int64(sdk.ErrInvalid)
