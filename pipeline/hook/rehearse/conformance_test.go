package rehearse

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/tetratelabs/wazero"

	"github.com/mtad/mtad/plugins/sdk"
	"github.com/mtad/mtad/plugins/sdk/sdktest"
	"github.com/mtad/mtad/plugins/sdk/sdktest/conformance"
	"github.com/mtad/mtad/plugins/wasm"
)

const scripts = "../../../plugins/sdk/sdktest/testdata/conformance/*.txt"

// subjects are the kinds of the conformance plugin in Go.
func subjects(t *testing.T) map[string]sdktest.Subject {
	return map[string]sdktest.Subject{
		"linked": sdktest.Linked(func() sdk.Plugin { return conformance.Plugin{} }, conformance.Needs()...),
		"wasm":   wasmSubject(t, goModule(t, "../../../plugins/sdk/sdktest/conformance/guest")),
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

// goModule compiles a Go package to WebAssembly.
func goModule(t *testing.T, dir string) []byte {
	t.Helper()
	out := filepath.Join(t.TempDir(), "guest.wasm")
	cmd := exec.Command("go", "build", "-trimpath", "-buildmode=c-shared", "-ldflags=-s -w", "-o", out, ".")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0", "GOFLAGS=")
	if msg, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", dir, err, msg)
	}
	code, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return code
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
	for kind, subject := range subjects(t) {
		for _, file := range files {
			t.Run(kind+"/"+filepath.Base(file), func(t *testing.T) {
				if err := sdktest.Play(t.Context(), subject, script(t, file), Options()).Err(filepath.Base(file)); err != nil {
					t.Errorf("\n%v", err)
				}
			})
		}
	}
}
