package meter_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/mtad/mtad/plugins/wasm/meter"
)

// A host that gives each call a total of ten million units, a hundred thousand at a time.
func Example() {
	wasm, err := os.ReadFile("testdata/kernels.wasm")
	if err != nil {
		panic(err)
	}
	res, err := meter.Rewrite(wasm, meter.Options{})
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	runtime := wazero.NewRuntime(ctx)
	defer runtime.Close(ctx)

	const slice, total = 100_000, 10_000_000
	errTooLong := errors.New("takes too long")
	var used int64
	yield := func(_ context.Context, guest api.Module) {
		fuel := guest.ExportedGlobal(res.FuelGlobal).(api.MutableGlobal)
		if used += slice - int64(fuel.Get()); used >= total {
			panic(errTooLong)
		}
		fuel.Set(slice)
	}
	_, err = runtime.NewHostModuleBuilder(res.YieldModule).NewFunctionBuilder().WithFunc(yield).Export(res.YieldName).Instantiate(ctx)
	if err != nil {
		panic(err)
	}
	guest, err := runtime.Instantiate(ctx, res.Wasm)
	if err != nil {
		panic(err)
	}
	for _, n := range []uint64{20, 60} {
		used = 0
		guest.ExportedGlobal(res.FuelGlobal).(api.MutableGlobal).Set(slice)
		result, err := guest.ExportedFunction("fib").Call(ctx, n)
		if err != nil {
			reason, _, _ := strings.Cut(err.Error(), "\n")
			fmt.Println(n, reason, errors.Is(err, errTooLong))
			continue
		}
		fmt.Println(n, result[0])
	}
	// Output:
	// 20 6765
	// 60 takes too long (recovered by wazero) true
}
