package wasm

import (
	"context"
	"testing"

	"github.com/mtad/mtad/plugins/sdk"
	"github.com/mtad/mtad/plugins/wasm/wasmtest"
)

// A Go guest was initialised by a host whose monotonic clock began in 1970 and called by one whose
// clock began with the daemon: its garbage collector found that time went back, and ended it.
func TestTheMonotonicClockOfWASIIsTheModulesOwn(t *testing.T) {
	m := wasmtest.Plugin(1)
	clock := m.Import("wasi_snapshot_preview1", "clock_time_get", []byte{wasmtest.I32, wasmtest.I64, wasmtest.I32}, []byte{wasmtest.I32})
	m.Hook("connect",
		wasmtest.Const(wasmtest.I32, 1), wasmtest.Const(wasmtest.I64, 0), wasmtest.Const(wasmtest.I32, 0), wasmtest.Call(clock),
		[]byte{0x1a},                                        // drop
		wasmtest.Const(wasmtest.I32, 0), []byte{0x29, 3, 0}, // i64.load
		wasmtest.Const(wasmtest.I64, 1<<60), []byte{0x55}, // i64.gt_s: the clock of initHost is beyond that
	)
	p, err := Load(context.Background(), m.Encode(), Options{Name: "clock"})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close(context.Background())
	if a, err := p.Call(context.Background(), sdk.PointConnect, &initHost{m: p}); a != sdk.ActContinue || err != nil {
		t.Fatalf("%v, %v", a, err)
	}
}
