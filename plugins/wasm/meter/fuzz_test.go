package meter

import (
	"context"
	"errors"
	"testing"

	"github.com/tetratelabs/wazero"
)

// FuzzRewrite: whatever comes in, there is an error that says where, or a module that the engine accepts if and only if
// it accepts the original, and that the rewriter's own reader understands.
func FuzzRewrite(f *testing.F) {
	for _, build := range bombs() {
		if wasm := built(build); len(wasm) < 1000 {
			f.Add(wasm, true, false)
		}
	}
	for _, g := range guests(f) {
		f.Add(g.wasm, true, true)
	}
	compile := compiler(f)
	f.Fuzz(func(t *testing.T, wasm []byte, exceptions, globals bool) {
		checkRewrite(t, compile, wasm, Options{Exceptions: exceptions, ExportGlobals: globals})
	})
}

// FuzzBody is FuzzRewrite for the code of one function, in a module that has some of everything.
func FuzzBody(f *testing.F) {
	for _, p := range []*program{everyIndex(), branches(), exceptions(), vectors(), tailCalls()} {
		for _, c := range p.codes {
			r := reader{b: c}
			r.u32() // size
			for range r.u32() {
				r.take(2) // locals, in the hand-made programs: few of one type
			}
			f.Add(r.b[r.pos : len(r.b)-1])
		}
	}
	compile := compiler(f)
	f.Fuzz(func(t *testing.T, code []byte) {
		p := everyIndex()
		p.tags = [][]byte{{0, 0}, {0, p.sig(valTypes(I32), nil)}}
		p.global(V128, 1, append([]byte{opSIMD, simdConst}, make([]byte, 16)...)...)
		p.fn("fuzz", 1, []byte{3, 2, byte(I32), 1, byte(V128), 1, byte(ExternRef)}, code)
		checkRewrite(t, compile, p.assemble(), Options{Exceptions: true})
	})
}

// compiler returns a function that says whether the engine accepts a module. It does not look into custom sections,
// which the rewriter drops: the engine refuses an empty one at the end of a module.
func compiler(f *testing.F) func([]byte) error {
	ctx := context.Background()
	r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter().
		WithCoreFeatures(features).WithDebugInfoEnabled(false))
	f.Cleanup(func() { r.Close(ctx) })
	return func(wasm []byte) error {
		m, err := r.CompileModule(ctx, wasm)
		if err == nil {
			err = m.Close(ctx)
		}
		return err
	}
}

func checkRewrite(t *testing.T, compile func([]byte) error, wasm []byte, o Options) {
	t.Helper()
	before := string(wasm)
	res, err := Rewrite(wasm, o)
	if before != string(wasm) {
		t.Fatal("input was changed")
	}
	if err != nil {
		var e *Error
		if !errors.As(err, &e) || e.Offset > len(wasm) || e.Detail == "" || e.Err == nil {
			t.Fatalf("error %#v says too little", err)
		}
		return
	}
	// Only what the rewriter let through is shown to the engine, whose decoder trusts the counts it reads.
	original, metered := compile(wasm), compile(res.Wasm)
	if (original == nil) != (metered == nil) {
		t.Fatalf("original: %v\nmetered: %v", original, metered)
	}
	if _, err := Inspect(res.Wasm); err != nil {
		t.Fatalf("metered module cannot be inspected: %v", err)
	}
}
