package rehearse

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"

	"github.com/mtad/mtad/plugins/process"
	"github.com/mtad/mtad/plugins/sdk"
	"github.com/mtad/mtad/plugins/sdk/sdktest"
	"github.com/mtad/mtad/plugins/sdk/sdktest/conformance"
	"github.com/mtad/mtad/plugins/sdk/sdktest/toolchain"
	"github.com/mtad/mtad/plugins/sdk/serve"
	"github.com/mtad/mtad/plugins/wasm"
)

const scripts = "../../../plugins/sdk/sdktest/testdata/conformance/*.txt"

// TestMain makes the test binary the process that is the conformance plugin when it is started as one.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "conformance" {
		serve.Main(conformance.Plugin{}, serve.Needs(conformance.Needs()...))
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// subjects are the kinds of the conformance plugin in Go; languages_test.go has those in other languages.
func subjects() map[string]func(t *testing.T) sdktest.Subject {
	kinds := map[string]func(t *testing.T) sdktest.Subject{
		"linked": func(*testing.T) sdktest.Subject {
			return sdktest.Linked(func() sdk.Plugin { return conformance.Plugin{} }, conformance.Needs()...)
		},
		"process": processSubject,
	}
	if source := filepath.Join(toolchain.Root(), "plugins/sdk/sdktest/conformance/guest/main.go"); isPlayed(source) {
		kinds["wasm"] = func(t *testing.T) sdktest.Subject { return wasmSubject(t, toolchain.Build(t, source)) }
	}
	return kinds
}

// processSubject is this test binary, started again.
func processSubject(t *testing.T) sdktest.Subject {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return func(ctx context.Context, l sdktest.Load) (sdk.Module, error) {
		return process.Load(ctx, process.Options{Name: l.Name, Command: []string{self, "conformance"}, Allow: l.Allow, Config: l.Config, Log: l.Log, StartTime: time.Minute})
	}
}

// wasmSubject is a compiled module.
func wasmSubject(t *testing.T, code []byte) sdktest.Subject {
	cache := wazero.NewCompilationCache()
	t.Cleanup(func() { cache.Close(context.Background()) })
	return func(ctx context.Context, l sdktest.Load) (sdk.Module, error) {
		return wasm.Load(ctx, code, wasm.Options{Name: l.Name, Allow: l.Allow, Config: l.Config, Log: l.Log, Memory: 64 << 20, Cache: cache})
	}
}

func script(t *testing.T, file string) sdktest.Script {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	sc, err := sdktest.Parse(f)
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return sc
}

// Every kind of the conformance plugin passes every transcript: equal verdicts, replies, edits and
// log lines.
func TestEveryKindOfPluginConforms(t *testing.T) {
	files, err := filepath.Glob(scripts)
	if err != nil || len(files) < 8 {
		t.Fatalf("%d transcripts, %v", len(files), err)
	}
	for kind, make := range subjects() {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			subject := make(t)
			for _, file := range files {
				if err := sdktest.Play(t.Context(), subject, script(t, file), Options()).Err(filepath.Base(file)); err != nil {
					t.Errorf("\n%v", err)
				}
			}
		})
	}
}
