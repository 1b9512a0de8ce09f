package rehearse

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mtad/mtad/plugins/sdk/sdktest"
	"github.com/mtad/mtad/plugins/sdk/sdktest/toolchain"
)

const examples = "../../../wasm-examples"

// Every example builds, and passes its transcripts: those of ordinary mail and of hostile mail.
func TestEveryExamplePassesItsTranscripts(t *testing.T) {
	dirs, err := filepath.Glob(filepath.Join(examples, "*", "README.md"))
	if err != nil || len(dirs) == 0 {
		t.Fatalf("%d examples, %v", len(dirs), err)
	}
	for _, readme := range dirs {
		dir := filepath.Dir(readme)
		if !isPlayed(sourceOf(t, dir)) {
			continue
		}
		t.Run(filepath.Base(dir), func(t *testing.T) {
			t.Parallel()
			for _, want := range []string{"test.txt", "hostile.txt"} {
				if _, err := os.Stat(filepath.Join(dir, want)); err != nil {
					t.Error(err)
				}
			}
			subject := wasmSubject(t, toolchain.Build(t, sourceOf(t, dir)))
			scripts, _ := filepath.Glob(filepath.Join(dir, "*.txt"))
			for _, file := range scripts {
				if !isScript(file) {
					continue
				}
				if err := sdktest.Play(t.Context(), subject, script(t, file), Options()).Err(filepath.Base(file)); err != nil {
					t.Errorf("\n%v", err)
				}
			}
		})
	}
}

// isScript reports whether a text is a transcript: what examples bake in is not.
func isScript(file string) bool { return !strings.HasSuffix(file, "table.txt") }

// sourceOf finds the source of an example.
func sourceOf(t *testing.T, dir string) string {
	t.Helper()
	for _, name := range []string{"main.go", "filter.c", "filter.cc", "filter.rs", "filter.ts", "filter.zig"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			return filepath.Join(dir, name)
		}
	}
	t.Fatalf("%s has no source", dir)
	return ""
}

// Each example says what it is, how it is configured and how it is built, and is in the table.
func TestEveryExampleIsDescribed(t *testing.T) {
	table, err := os.ReadFile(filepath.Join(examples, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	dirs, _ := os.ReadDir(examples)
	for _, d := range dirs {
		if !d.IsDir() {
			continue
		}
		if !strings.Contains(string(table), "("+d.Name()+"/") {
			t.Errorf("wasm-examples/README.md does not have %s", d.Name())
		}
		readme, err := os.ReadFile(filepath.Join(examples, d.Name(), "README.md"))
		if err != nil {
			t.Error(err)
			continue
		}
		for _, want := range []string{"[[plugin]]", "## Options", "## Verdicts", "bin/" + d.Name() + ".wasm"} {
			if !strings.Contains(string(readme), want) {
				t.Errorf("%s/README.md lacks %s", d.Name(), want)
			}
		}
	}
}
