package master_test

import (
	"os"
	"os/exec"
	"testing"
)

// demandVariable makes a test that misses a real peer fail; without it the test is skipped.
const demandVariable = "MTAD_DEMAND_PEERS"

// miss ends a test whose peer is not here: why is one line that says what to install.
func miss(t testing.TB, why string) {
	t.Helper()
	if os.Getenv(demandVariable) == "1" {
		t.Fatal(why)
	}
	t.Skip(why)
}

// need returns the path of a program of a Debian package.
func need(t testing.TB, program, debianPackage string) string {
	t.Helper()
	for _, name := range []string{program, "/usr/sbin/" + program} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	miss(t, "needs "+program+": apt-get install "+debianPackage)
	return ""
}

// needRoot skips a test that only root can run. What CI demands is peers, not root.
func needRoot(t testing.TB) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
}

// command runs a peer to its end and returns what it printed; it must succeed.
func command(t testing.TB, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return string(out)
}

// commandOutput is command for a peer that may fail.
func commandOutput(name string, args ...string) string {
	out, _ := exec.Command(name, args...).CombinedOutput()
	return string(out)
}
