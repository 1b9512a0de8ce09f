package mtad

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/mtad/mtad/core/conf"
	"github.com/mtad/mtad/core/conf/usage"
)

// Every sample configuration is one that mtad would start with, and every parameter in it has an
// effect.
func TestSamplesLoad(t *testing.T) {
	files, err := filepath.Glob("configs/*/main.cf")
	if err != nil || len(files) == 0 {
		t.Fatal("no samples", err)
	}
	for _, f := range files {
		dir := filepath.Dir(f)
		t.Run(dir, func(t *testing.T) {
			c, err := conf.Load(dir, conf.WithEnviron(nil))
			if err != nil {
				t.Fatal(err)
			}
			for _, w := range c.Warnings() {
				t.Error(w)
			}
		})
	}
}

// The parameter reference is what the registry says. "make gen" writes it.
func TestReferenceIsUpToDate(t *testing.T) {
	var want bytes.Buffer
	if err := conf.Reference(&want); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("configs/reference.md")
	if err != nil || !bytes.Equal(got, want.Bytes()) {
		t.Fatalf("configs/reference.md is not what the registry says (%v): run make gen", err)
	}
}

// The page about existing configurations is what the registry says. "make gen" writes it.
func TestCompatibilityIsUpToDate(t *testing.T) {
	var want bytes.Buffer
	if err := usage.Compatibility(&want); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("docs/compatibility.md")
	if err != nil || !bytes.Equal(got, want.Bytes()) {
		t.Fatalf("docs/compatibility.md is not what the registry says (%v): go run ./cmd/mtad dev compatibility > docs/compatibility.md", err)
	}
}

// The filter in the README compiles to a plugin.
func TestReadmeFilterCompiles(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile("(?s)```go\n(.*?)```").FindSubmatch(text)
	if m == nil {
		t.Fatal("README.md has no Go example")
	}
	dir, err := os.MkdirTemp("wasm-examples", "readme-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := os.WriteFile(filepath.Join(dir, "main.go"), m[1], 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("go", "build", "-buildmode=c-shared", "-o", filepath.Join(t.TempDir(), "ceo.wasm"), "./"+dir)
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if n := bytes.Count(text, []byte("\n")); n > 150 {
		t.Errorf("README.md has %d lines, at most 150", n)
	}
}

// What README and documentation link to is there.
func TestDocumentationLinksResolve(t *testing.T) {
	files, err := filepath.Glob("docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	link := regexp.MustCompile(`\]\(([^)#:]+)(#[^)]*)?\)`)
	for _, f := range append(files, "README.md") {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(f), strings.TrimSpace(m[1]))); err != nil {
				t.Errorf("%s links to %s: %v", f, m[1], err)
			}
		}
	}
}
