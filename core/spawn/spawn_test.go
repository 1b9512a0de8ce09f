package spawn_test

import (
	"io"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/mtad/mtad/core/spawn"
)

// output runs a command to its end.
func output(t *testing.T, c *spawn.Command) (string, syscall.WaitStatus) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	c.Output = w
	p, err := spawn.Start(c)
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	end, err := p.Wait()
	if err != nil {
		t.Fatal(err)
	}
	return string(b), end
}

func shell(script string) *spawn.Command {
	return &spawn.Command{Path: "/bin/sh", Argv: []string{"sh", "-c", script}, Env: []string{"PATH=/usr/bin:/bin"}}
}

func TestAProgramHasWhatItIsGivenAndNoMore(t *testing.T) {
	t.Setenv("SECRET", "x")
	c := shell(`pwd; umask; echo "$SECRET|$ASKED"; cat; exit 7`)
	c.Directory, c.Env = "/usr", append(c.Env, "ASKED=yes")
	got, end := output(t, c)
	if want := "/usr\n0077\n|yes\n"; got != want || end.ExitStatus() != 7 {
		t.Errorf("it said %q and ended with %d, want %q and 7", got, end.ExitStatus(), want)
	}
}

func TestAConfinedProgramCannotGainRights(t *testing.T) {
	if _, err := os.Stat("/proc/self/status"); err != nil {
		t.Skip("no /proc/PID/status on this system")
	}
	c := shell(`grep NoNewPrivs /proc/self/status; grep CapBnd /proc/self/status`)
	c.Confined = true
	got, _ := output(t, c)
	if !strings.Contains(got, "NoNewPrivs:\t1\n") {
		t.Errorf("it says %q", got)
	}
	if os.Geteuid() == 0 && !strings.Contains(got, "CapBnd:\t0000000000000000\n") {
		t.Errorf("its bounding set is %q", got)
	}
}

func TestRightsAreTakenOnWhole(t *testing.T) {
	if os.Geteuid() != 0 {
		c := shell("true")
		c.Rights = &spawn.Rights{UID: 0, GID: 0}
		if _, err := spawn.Start(c); err == nil {
			t.Error("a program became root")
		}
		return
	}
	c := shell(`id -u; id -g; id -G`)
	c.Rights = &spawn.Rights{UID: 12345, GID: 23456, Groups: []uint32{23456, 34567}}
	if got, _ := output(t, c); got != "12345\n23456\n23456 34567\n" {
		t.Errorf("it is %q", got)
	}
	c.Rights.Groups = nil
	if got, _ := output(t, c); got != "12345\n23456\n23456\n" {
		t.Errorf("without groups it is %q", got)
	}
}

func TestKillEndsTheWholeGroupAndNothingLater(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	c := shell(`sleep 600 & echo up; wait`)
	c.Output = w
	p, err := spawn.Start(c)
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 3)
	if _, err := io.ReadFull(r, b); err != nil {
		t.Fatal(err)
	}
	p.Kill()
	if _, err := io.ReadAll(r); err != nil { // ends when the last holder of the pipe is gone
		t.Fatal(err)
	}
	end, err := p.Wait()
	if err != nil || end.Signal() != syscall.SIGKILL {
		t.Errorf("it ended with %v, %v", end, err)
	}
	p.Kill() // of nobody
}

func TestWhatCannotRunSaysWhy(t *testing.T) {
	if _, err := spawn.Start(&spawn.Command{Path: "/nonexistent/program", Argv: []string{"x"}}); !os.IsNotExist(err) {
		t.Errorf("got %v", err)
	}
	if path, err := spawn.Find("sh"); err != nil || !strings.HasSuffix(path, "/sh") {
		t.Errorf("sh is %q, %v", path, err)
	}
	if _, err := spawn.Find("no-such-program-here"); err == nil {
		t.Error("it was found")
	}
	if path, err := spawn.Find("dir/prog"); err != nil || path != "dir/prog" {
		t.Errorf("a path became %q, %v", path, err)
	}
}
