package postfixtest

import (
	"errors"
	"os/exec"
	"strings"
	"testing"
)

// Postconf returns the lines that `postconf -c dir args` prints.
func Postconf(t testing.TB, dir string, args ...string) []string {
	t.Helper()
	if _, err := exec.LookPath("postconf"); err != nil {
		t.Skip("install Debian's postfix to compare with its postconf")
	}
	out, err := exec.Command("postconf", append([]string{"-c", dir}, args...)...).Output()
	var failed *exec.ExitError
	if errors.As(err, &failed) && strings.Contains(string(failed.Stderr), "could not find any active network interfaces") {
		t.Skip("bring a network interface up to compare with Postfix's postconf")
	}
	if err != nil {
		t.Fatalf("postconf %q: %v", args, err)
	}
	return strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
}
