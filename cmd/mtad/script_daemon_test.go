package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/mtad/mtad/core/porttest"
	"github.com/mtad/mtad/pipeline/ctl"
)

// daemonCommands are what scripts have that run the daemon.
func daemonCommands() map[string]func(*testscript.TestScript, bool, []string) {
	return map[string]func(*testscript.TestScript, bool, []string){
		"freeport": scriptFreePort, "subst": scriptSubst, "await": scriptAwait, "queueid": scriptQueueID,
		"env-to-file": scriptEnvToFile, "listens": scriptListens, "syslogd": syslogd,
	}
}

// awaitTime bounds what a script waits for.
const awaitTime = 60 * time.Second

// scriptFreePort is "freeport NAME...": each variable is a port that is this script's alone.
func scriptFreePort(ts *testscript.TestScript, _ bool, names []string) {
	for _, name := range names {
		port, release, err := porttest.Reserve()
		ts.Check(err)
		ts.Defer(release)
		ts.Setenv(name, strconv.Itoa(port))
	}
}

var variable = regexp.MustCompile(`@[A-Z]+@`)

// scriptSubst is "subst FILE...": @NAME@ becomes the value of the variable.
func scriptSubst(ts *testscript.TestScript, _ bool, files []string) {
	for _, f := range files {
		text := variable.ReplaceAllStringFunc(ts.ReadFile(f), func(v string) string { return ts.Getenv(strings.Trim(v, "@")) })
		ts.Check(os.WriteFile(ts.MkAbs(f), []byte(text), 0o644))
	}
}

// scriptAwait is "await REGEXP COMMAND...": the command is run until its output has REGEXP, or with
// "! await" until it has it no more.
func scriptAwait(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: await regexp command...")
	}
	want := regexp.MustCompile("(?m)" + args[0])
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(awaitTime); ; <-tick.C {
		err := ts.Exec(args[1], args[2:]...)
		out := ts.ReadFile("stdout")
		if err == nil && want.MatchString(out) != neg {
			return
		}
		if time.Now().After(end) {
			ts.Fatalf("%q was awaited (not: %v) and did not come: %v\n%s", args[0], neg, err, out)
		}
	}
}

// scriptQueueID is "queueid NAME [TEXT]": the variable is the id of the only message in the queue
// whose line of postqueue -j has TEXT.
func scriptQueueID(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(ts.Exec("postqueue", "-j"))
	var found []string
	in := bufio.NewScanner(strings.NewReader(ts.ReadFile("stdout")))
	for in.Scan() {
		var it ctl.Item
		ts.Check(json.Unmarshal(in.Bytes(), &it))
		if len(args) < 2 || strings.Contains(in.Text(), args[1]) {
			found = append(found, it.ID)
		}
	}
	if len(found) != 1 {
		ts.Fatalf("%d messages instead of one: %v", len(found), found)
	}
	ts.Setenv(args[0], found[0])
}

// scriptEnvToFile is "env-to-file FILE TEXT...": the file has the texts, one a line.
func scriptEnvToFile(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.Join(args[1:], "\n")+"\n"), 0o644))
}

// scriptListens is "listens PORT": waits until someone does.
func scriptListens(ts *testscript.TestScript, _ bool, args []string) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(awaitTime); ; <-tick.C {
		c, err := net.Dial("tcp", "127.0.0.1:"+args[0])
		if err == nil {
			ts.Check(c.Close())
			return
		}
		if time.Now().After(end) {
			ts.Fatalf("nobody listens: %v", err)
		}
	}
}

// killDaemon ends the daemon of a script that failed.
func killDaemon(queue string) error {
	b, err := os.ReadFile(filepath.Join(queue, "pid", "master.pid"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // it ended in an orderly way
	}
	if err != nil {
		return err
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		return fmt.Errorf("pid file: %w", err)
	}
	// The number may be another process's by now.
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil || !strings.Contains(string(line), filepath.Dir(queue)) {
		return nil
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return err
	}
	return nil
}
