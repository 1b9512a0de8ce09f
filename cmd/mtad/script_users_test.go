package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// userCommands are what scripts have that run programs as others. Only root can.
func userCommands() map[string]func(*testscript.TestScript, bool, []string) {
	return map[string]func(*testscript.TestScript, bool, []string){
		"reachable": scriptReachable, "nobody": scriptNobody,
	}
}

// scriptReachable is "reachable PROGRAM FILE...": everybody may get to the files and run the programs of
// mtad, whose folder PROGRAMS is. Temporary directories are their maker's alone.
func scriptReachable(ts *testscript.TestScript, _ bool, args []string) {
	for i, name := range args {
		path := ts.MkAbs(name)
		if i == 0 {
			for dir := range strings.SplitSeq(ts.Getenv("PATH"), ":") {
				if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
					path = filepath.Join(dir, name)
					break
				}
			}
			ts.Setenv("PROGRAMS", filepath.Dir(path))
		}
		for dir := filepath.Dir(path); len(dir) > len(os.TempDir()); dir = filepath.Dir(dir) {
			ts.Check(os.Chmod(dir, 0o755))
		}
	}
}

// scriptNobody is "nobody COMMAND...": exec as the user nobody.
func scriptNobody(ts *testscript.TestScript, neg bool, args []string) {
	program, err := exec.LookPath("setpriv")
	ts.Check(err)
	err = ts.Exec(program, append([]string{"--reuid=65534", "--regid=65534", "--clear-groups"}, args...)...)
	if neg == (err == nil) {
		ts.Fatalf("nobody %s: %v (failure wanted: %v)", strings.Join(args, " "), err, neg)
	}
}
