package build

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/mtad/mtad/core/table/index"
	"github.com/mtad/mtad/core/table/source"
)

func text(t *testing.T, s string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "map")
	if err := os.WriteFile(name, []byte(s), 0o640); err != nil {
		t.Fatal(err)
	}
	return name
}

func dump(t *testing.T, name string) string {
	t.Helper()
	var all []string
	if err := Dump(name, Options{}, func(k, v string) error { all = append(all, k+"="+v); return nil }); err != nil {
		t.Fatal(err)
	}
	return strings.Join(all, " ")
}

func TestMakeInsertDelete(t *testing.T) {
	name := text(t, "A one\nb two\na again\nlonely\n")
	if got := dump(t, name); got != "a=one b=two" {
		t.Fatalf("of the text: %s", got)
	}
	var warnings []string
	o := Options{Warn: func(s string) { warnings = append(warnings, s) }}
	if err := Make(name, o); err != nil {
		t.Fatal(err)
	}
	if got := dump(t, name); got != "a=one b=two" || len(warnings) != 2 || !strings.Contains(warnings[0], `line 3: duplicate entry: "a"`) {
		t.Fatalf("%s, %q", got, warnings)
	}
	if info, _ := os.Stat(name + index.Suffix); info.Mode().Perm() != 0o640 {
		t.Errorf("mode %v", info.Mode())
	}
	if err := Insert(name, strings.NewReader("c three\nB new\n"), Options{Twice: Replace}); err != nil {
		t.Fatal(err)
	}
	if got := dump(t, name); got != "a=one b=new c=three" {
		t.Fatalf("after Insert: %s", got)
	}
	if n, err := Delete(name, []string{"B", "zz"}); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	if n, err := Delete(name, []string{"b"}); n != 0 || err != nil {
		t.Fatal(n, err)
	}
	if got := dump(t, name); got != "a=one c=three" {
		t.Fatalf("after Delete: %s", got)
	}
}

func TestAliasesAndKeep(t *testing.T) {
	name := text(t, "Root: a, b\nroot: c\n")
	if err := Make(name, Options{Format: source.Aliases, Twice: Keep, Warn: func(s string) { t.Error(s) }}); err != nil {
		t.Fatal(err)
	}
	if got := dump(t, name); got != "root=a, b" {
		t.Fatal(got)
	}
}

func TestInsertMakesAnIndexAndDeleteDoesNot(t *testing.T) {
	name := filepath.Join(t.TempDir(), "map")
	if _, err := Delete(name, []string{"k"}); err == nil {
		t.Fatal("deleted from nothing")
	}
	if err := Insert(name, strings.NewReader("k v\n"), Options{}); err != nil || dump(t, name) != "k=v" {
		t.Fatal(err)
	}
}

func TestChangesAtOnceAllCount(t *testing.T) {
	name := filepath.Join(t.TempDir(), "map")
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			if err := Insert(name, strings.NewReader(fmt.Sprintf("k%d v\n", i)), Options{}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := strings.Fields(dump(t, name)); len(got) != 8 {
		t.Fatalf("got %v", got)
	}
}

func TestAFailureLeavesTheOldIndex(t *testing.T) {
	name := text(t, "a one\n")
	if err := Make(name, Options{}); err != nil {
		t.Fatal(err)
	}
	if err := Insert(name, strings.NewReader("b "+strings.Repeat("x", 2<<20)), Options{}); err == nil {
		t.Fatal("a line without end was taken")
	}
	if got := dump(t, name); got != "a=one" {
		t.Fatal(got)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(name), "*new*")); len(left) > 0 {
		t.Fatalf("left: %v", left)
	}
}
