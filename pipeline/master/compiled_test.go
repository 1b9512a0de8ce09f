package master

import (
	"os"
	"path/filepath"
	"testing"
)

func TestCompiledModulesAreKeptWhileTheyAreInUse(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "plugins")
	var c compiled
	open := func(code string) func() {
		t.Helper()
		cache, done, err := c.open(dir, []byte(code))
		if err != nil || cache == nil {
			t.Fatal(err)
		}
		return done
	}
	kept := func(want int) {
		t.Helper()
		if err := c.prune(dir); err != nil {
			t.Fatal(err)
		}
		list, err := os.ReadDir(dir)
		if err != nil || len(list) != want {
			t.Fatalf("%d entries are kept, %v, want %d", len(list), err, want)
		}
	}
	if err := c.prune(dir); err != nil {
		t.Fatalf("without a directory: %v", err)
	}
	first, again, second := open("first"), open("first"), open("second")
	kept(2)
	first()
	kept(2)
	again()
	kept(1)
	// What is not ours stays.
	if err := os.WriteFile(filepath.Join(dir, "README"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	second()
	kept(1)
	if len(c.inUse) != 0 {
		t.Errorf("%d are in use", len(c.inUse))
	}
}
