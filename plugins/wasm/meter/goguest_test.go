package meter

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
)

func buildGoGuest(t *testing.T) []byte {
	t.Helper()
	goTool, err := exec.LookPath("go")
	if err != nil {
		t.Skip("needs the go command")
	}
	out := filepath.Join(t.TempDir(), "goguest.wasm")
	cmd := exec.Command(goTool, "build", "-buildmode=c-shared", "-ldflags=-s -w", "-o", out, "./testdata/goguest")
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0", "GOFLAGS=")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	wasm, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return wasm
}

func TestGoGuestDoesNotNoticeTheMeter(t *testing.T) {
	wasm := buildGoGuest(t)
	res, err := Rewrite(wasm, Options{ExportGlobals: true})
	if err != nil {
		t.Fatal(err)
	}
	h := newHost(t, 1_000_000)
	if _, err := wasi_snapshot_preview1.Instantiate(context.Background(), h); err != nil {
		t.Fatal(err)
	}
	compile := func(wasm []byte) wazero.CompiledModule {
		c, err := h.CompileModule(context.Background(), wasm)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	start := func(c wazero.CompiledModule) api.Module {
		m, err := h.InstantiateModule(context.Background(), c,
			wazero.NewModuleConfig().WithName("").WithStartFunctions("_initialize"))
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	code := compile(res.Wasm)
	original, metered := start(compile(wasm)), start(code)
	if h.yields == 0 {
		t.Error("no yield while the Go runtime started")
	}
	for _, n := range []uint64{0, 1, 1000, 20_000} {
		want, err := original.ExportedFunction("sum").Call(context.Background(), n)
		if err != nil {
			t.Fatal(err)
		}
		got, used, err := h.run(t, metered, "sum", n)
		if err != nil || got[0] != want[0] {
			t.Errorf("sum(%d) = %v, %v, want %v", n, got, err, want)
		}
		if used < int64(n)*50 {
			t.Errorf("sum(%d) used %d units", n, used)
		}
	}
	h.total = 50_000_000
	if _, _, err := h.run(t, metered, "spin"); !errors.Is(err, errSpent) {
		t.Errorf("spin ends with %v, want it stopped", err)
	}
	h.total = 1 << 62
	metered = start(code)
	_, want := original.ExportedFunction("boom").Call(context.Background())
	_, _, got := h.run(t, metered, "boom")
	if want == nil || trap(got) != trap(want) {
		t.Errorf("boom ends with %v, want %v", got, want)
	}
}
