package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// scriptCommands are what scripts have beside testscript's own.
func scriptCommands() map[string]func(*testscript.TestScript, bool, []string) {
	return map[string]func(*testscript.TestScript, bool, []string){
		"code": scriptCode, "setqueue": scriptSetQueue, "drop": scriptDrop, "nodrop": scriptNoDrop,
	}
}

// scriptCode is "code N COMMAND...": exec, and the exit code must be N.
func scriptCode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N command...")
	}
	err := ts.Exec(args[1], args[2:]...)
	var exit *exec.ExitError
	got := 0
	switch {
	case errors.As(err, &exit):
		got = exit.ExitCode()
	case err != nil:
		ts.Fatalf("%v", err)
	}
	if fmt.Sprint(got) != args[0] {
		ts.Fatalf("exit code %d, want %s", got, args[0])
	}
}

// scriptSetQueue puts queue_directory into the configurations, now that its name is known.
func scriptSetQueue(ts *testscript.TestScript, _ bool, _ []string) {
	files, err := filepath.Glob(ts.MkAbs("*/main.cf"))
	ts.Check(err)
	for _, f := range files {
		data, err := os.ReadFile(f)
		ts.Check(err)
		ts.Check(os.WriteFile(f, append(data, "queue_directory = "+ts.MkAbs("queue")+"\n"...), 0o644))
	}
}

var arrived = regexp.MustCompile(`(?m)^arrived \d+$`)

// scriptDrop is "drop FILE": the maildrop directory has one file, with the content of FILE but for
// the time. It is taken away.
func scriptDrop(ts *testscript.TestScript, _ bool, args []string) {
	names := drops(ts)
	if len(names) != 1 || len(args) != 1 {
		ts.Fatalf("%d files in maildrop", len(names))
	}
	data, err := os.ReadFile(names[0])
	ts.Check(err)
	got := arrived.ReplaceAllString(string(data), "arrived N")
	if want := ts.ReadFile(args[0]); strings.ReplaceAll(got, "\r", "") != want {
		ts.Fatalf("maildrop has\n%s\nwant\n%s", got, want)
	}
	ts.Check(os.Remove(names[0]))
}

// scriptNoDrop is "nodrop": the maildrop directory is empty.
func scriptNoDrop(ts *testscript.TestScript, _ bool, _ []string) {
	if names := drops(ts); len(names) > 0 {
		ts.Fatalf("maildrop has %v", names)
	}
}

func drops(ts *testscript.TestScript) []string {
	names, err := filepath.Glob(ts.MkAbs("queue/maildrop/*"))
	ts.Check(err)
	return names
}
