package meter

import (
	"context"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// kernelSteps are the loops of testdata/kernels.c with sizes that take some tenths of a millisecond; 1/divide of that.
func kernelSteps(divide uint64) []step {
	return []step{
		do("fill", 60_000/divide), do("count", 600_000/divide), do("fnv", 300_000/divide), do("search", 200_000/divide),
		do("sieve", 16_000/divide), do("matrix", min(63, 300/divide)), do("fib", 22-divide/2), do("leaves", 300_000/divide),
		do("quicksort", 16_000/divide), do("interpret", 200_000/divide),
	}
}

func BenchmarkKernels(b *testing.B) {
	wasm := read(b, "kernels.wasm")
	for _, s := range kernelSteps(1) {
		for _, v := range []struct {
			name string
			wasm []byte
		}{{"original", wasm}, {"metered", rewrite(b, wasm).Wasm}} {
			b.Run(s.export+"/"+v.name, func(b *testing.B) {
				m := newHost(b, 1<<62).start(b, v.wasm)
				f := m.ExportedFunction(s.export)
				if g, ok := m.ExportedGlobal(DefaultFuelGlobal).(api.MutableGlobal); ok {
					g.Set(1 << 62)
				}
				b.ReportAllocs()
				for b.Loop() {
					if _, err := f.Call(context.Background(), s.args...); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func BenchmarkRewrite(b *testing.B) {
	wasm := read(b, "state.wasm")
	b.SetBytes(int64(len(wasm)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Rewrite(wasm, Options{}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkYield is what it costs to come out of a guest to its host, look at the fuel and go back.
func BenchmarkYield(b *testing.B) {
	p := &program{}
	p.fn("spin", p.sig(valTypes(I32), nil), nil, countdown(0))
	h := newHostOn(b, 1, wazero.NewRuntimeConfig())
	m := h.meterProgram(b, p)
	f := m.ExportedFunction("spin")
	if _, err := f.Call(context.Background(), uint64(b.N)); err != nil {
		b.Fatal(err)
	}
}
