package confine_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mtad/mtad/core/confine"
)

// role makes the test binary the process that is confined.
const role = "MTAD_CONFINE_TEST"

func TestMain(m *testing.M) {
	dir := os.Getenv(role)
	if dir == "" {
		os.Exit(m.Run())
	}
	r, err := confine.Process(confine.Paths{ReadOnly: []string{dir + "/read", dir + "/missing"}, ReadWrite: []string{dir + "/write"},
		Files: []string{dir + "/one"}, WriteFiles: []string{dir + "/log"}})
	fmt.Println("abi", r.ABI > 0, r.String() != "", err)
	fmt.Println("hide", confine.Hide())
	try := func(what string, err error) { fmt.Println(what, !errors.Is(err, fs.ErrPermission)) }
	_, err = os.ReadFile(dir + "/read/f")
	try("read in read", err)
	try("write in read", os.WriteFile(dir+"/read/g", nil, 0o600))
	try("write in write", os.WriteFile(dir+"/write/a/f", nil, 0o600))
	try("move in write", os.Rename(dir+"/write/a/f", dir+"/write/b/f"))
	_, err = os.ReadFile(dir + "/one")
	try("read the one file", err)
	_, err = os.ReadFile(dir + "/other")
	try("read another", err)
	try("append to the log", os.WriteFile(dir+"/log", nil, 0o600))
	_, err = os.ReadDir(dir)
	try("list above", err)
	done := make(chan error)
	go func() { _, err := os.ReadFile(dir + "/other"); done <- err }()
	try("read another in another goroutine", <-done)
	os.Exit(0)
}

func TestAConfinedProcessReachesWhatItNamedAndNoMore(t *testing.T) {
	dir := t.TempDir()
	for _, d := range []string{"read", "write/a", "write/b"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range []string{"read/f", "one", "other", "log"} {
		if err := os.WriteFile(filepath.Join(dir, f), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), role+"="+dir)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	got := string(out)
	if !strings.HasPrefix(got, "abi true") {
		if !strings.HasPrefix(got, "abi false true <nil>") {
			t.Fatalf("it says %s", got)
		}
		t.Log("this kernel has no Landlock: nothing to confine with")
		return
	}
	want := `abi true true <nil>
hide <nil>
read in read true
write in read false
write in write true
move in write true
read the one file true
read another false
append to the log true
list above false
read another in another goroutine false
`
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}
