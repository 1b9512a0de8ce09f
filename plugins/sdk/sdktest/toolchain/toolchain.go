package toolchain

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/mtad/mtad/plugins"
)

// patience is how long a compiler may take on a machine with much to do.
const patience = 5 * time.Minute

// missing is the exit status of a recipe whose toolchain is not there.
const missing = 3

// recipes are the folders below plugins/sdk whose build script makes a module of a source, by the
// end of its name.
func recipes() map[string]string {
	return map[string]string{".go": "guest", ".c": "c", ".cc": "c", ".rs": "rust", ".ts": "assemblyscript", ".zig": "zig"}
}

// Root is the folder of the project's sources.
func Root() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "../../../..")
}

// Build makes a module of a source file: main.go, filter.c, filter.cc, filter.rs, filter.ts or
// filter.zig. The test is skipped when the toolchain is missing.
func Build(t testing.TB, source string) []byte {
	t.Helper()
	dir, ok := recipes()[filepath.Ext(source)]
	if !ok {
		t.Fatalf("%s: no language has this ending", source)
	}
	return With(t, filepath.Join(Root(), "plugins/sdk", dir, "build"), source)
}

// With is Build with a recipe of another place.
func With(t testing.TB, recipe, source string) []byte {
	t.Helper()
	out := filepath.Join(t.TempDir(), "filter.wasm")
	code, err := build(t.Context(), recipe, source, out)
	switch {
	case errors.Is(err, errMissing) && os.Getenv("MTAD_DEMAND_PEERS") != "1":
		t.Skip(err)
	case err != nil:
		t.Fatal(err)
	}
	return code
}

var errMissing = errors.New("the toolchain is missing")

// build makes a module, or takes the one that the same toolchain made of the same files before.
func build(ctx context.Context, recipe, source, out string) ([]byte, error) {
	version, err := run(ctx, recipe, "-n", source)
	if err != nil {
		return nil, err
	}
	known, err := kept(version, recipe, source)
	if err != nil {
		return nil, err
	}
	if code, err := os.ReadFile(known); known != "" && err == nil {
		return code, nil
	}
	if _, err := run(ctx, recipe, source, out); err != nil {
		return nil, err
	}
	code, err := os.ReadFile(out)
	if err == nil && known != "" {
		keep(known, code)
	}
	return code, err
}

// run runs a recipe. The compilers of npm are found in .tools.
func run(ctx context.Context, recipe string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, recipe, args...)
	cmd.Env = append(os.Environ(), "MTAD_TOOLS="+filepath.Join(Root(), ".tools/node_modules/.bin"))
	text, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit) && exit.ExitCode() == missing:
		return "", fmt.Errorf("%w: %s", errMissing, strings.TrimSpace(string(text)))
	case err != nil:
		return "", fmt.Errorf("%s: %w\n%s", strings.Join(args, " "), err, text)
	}
	return string(text), nil
}

// Folder writes the folder that "mtad plugin new" makes for a language, below the test's temporary
// folder, and returns its name. Its recipe is sdk/build.
func Folder(t testing.TB, lang string) string {
	t.Helper()
	files, err := plugins.Starter(lang)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, f := range files {
		name := filepath.Join(dir, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, f.Data, f.Mode); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
