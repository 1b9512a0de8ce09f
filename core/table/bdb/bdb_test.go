package bdb

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// sample reads a file that Postfix 3.7's postmap wrote of the entries that want returns.
func sample(t testing.TB, name string) []byte {
	t.Helper()
	f, err := os.Open("testdata/" + name + ".db.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// want is the table of the samples: many short entries, and one that needs overflow pages.
func want() map[string]string {
	m := map[string]string{"long": strings.Repeat("0123456789", 2000)}
	for i := range 500 {
		m[fmt.Sprintf("user%d@example.org", i)] = fmt.Sprintf("box%d", i)
	}
	return m
}

func entries(t testing.TB, data []byte) map[string]string {
	t.Helper()
	m := map[string]string{}
	if err := Parse(data, func(k, v string) error { m[k] = v; return nil }); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestSamplesOfPostmap(t *testing.T) {
	for _, kind := range []string{"hash", "btree"} {
		t.Run(kind, func(t *testing.T) {
			if got := entries(t, sample(t, kind)); !maps.Equal(got, want()) {
				t.Fatalf("%d entries, want %d", len(got), len(want()))
			}
		})
	}
}

func TestWhatPostmapWritesNow(t *testing.T) {
	if _, err := exec.LookPath("postmap"); err != nil {
		if os.Getenv("MTAD_DEMAND_PEERS") == "1" {
			t.Fatal("Debian's postfix is demanded")
		}
		t.Skip("install Debian's postfix to read what its postmap writes")
	}
	dir := t.TempDir()
	os.WriteFile(filepath.Join(dir, "main.cf"), []byte("compatibility_level = 3.6\nmyhostname = mail.example.org\ninet_interfaces = loopback-only\n"), 0o644)
	var text strings.Builder
	for k, v := range want() {
		fmt.Fprintf(&text, "%s %s\n", k, v)
	}
	for _, kind := range []string{"hash", "btree"} {
		file := filepath.Join(dir, kind)
		os.WriteFile(file, []byte(text.String()), 0o644)
		if out, err := exec.Command("postmap", "-c", dir, kind+":"+file).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		got := map[string]string{}
		if err := Read(file+Suffix, func(k, v string) error { got[k] = v; return nil }); err != nil {
			t.Fatal(err)
		}
		if !maps.Equal(got, want()) {
			t.Errorf("%s: %d entries, want %d", kind, len(got), len(want()))
		}
	}
}

func TestWhatIsNoDatabaseIsRefused(t *testing.T) {
	hash := sample(t, "hash")
	for name, data := range map[string][]byte{
		"nothing": nil, "text": []byte(strings.Repeat("a b\n", 400)), "half a page": hash[:4096+100],
	} {
		if err := Parse(data, func(string, string) error { return nil }); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(sample(f, "hash")[:3*4096])
	f.Add(sample(f, "btree")[:3*4096])
	f.Fuzz(func(t *testing.T, data []byte) {
		total := 0
		_ = Parse(data, func(k, v string) error {
			total += len(k) + len(v)
			return nil
		})
		// Items of one page may overlap in a hostile file, but not without bound: at most all
		// pairs of a page point at the whole page.
		if total > (len(data)+1)*65536 {
			t.Fatalf("%d bytes of %d", total, len(data))
		}
	})
}
