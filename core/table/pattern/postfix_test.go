package pattern

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// mainCF makes postmap take keys as bytes, which is how headers and bodies are matched.
const mainCF = "compatibility_level = 3.6\nmyhostname = mail.example.org\ninet_interfaces = loopback-only\nsmtputf8_enable = no\n"

// postmap asks an installed Postfix for one key of a table.
func postmap(t *testing.T, dir, spec, key string) string {
	t.Helper()
	out, err := exec.Command("postmap", "-c", dir, "-q", key, spec).Output()
	var e *exec.ExitError
	if errors.As(err, &e) && e.ExitCode() == 1 && !strings.Contains(string(e.Stderr), "fatal") {
		return "-"
	}
	if err != nil {
		t.Fatalf("postmap: %v", err)
	}
	return strings.TrimSuffix(string(out), "\n")
}

// postfix returns a configuration directory for an installed Postfix. The pcre type is a package
// of its own.
func postfix(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "main.cf"), []byte(mainCF), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("postconf", "-c", dir, "-m").Output()
	if err == nil && strings.Contains("\n"+string(out), "\npcre\n") {
		return dir
	}
	if os.Getenv("MTAD_DEMAND_PEERS") == "1" {
		t.Fatalf("Debian's postfix and postfix-pcre are demanded: %v", err)
	}
	t.Skip("install Debian's postfix and postfix-pcre to compare with postmap")
	return ""
}

// A real postmap finds in each table of the dialogues what we find.
func TestPostmapFindsTheSame(t *testing.T) {
	dir := postfix(t)
	for i, d := range dialogues {
		file := filepath.Join(dir, strconv.Itoa(i))
		if err := os.WriteFile(file, []byte(d.table), 0o644); err != nil {
			t.Fatal(err)
		}
		spec := map[Dialect]string{POSIX: "regexp:", Perl: "pcre:"}[d.dialect] + file
		t.Run(d.name, func(t *testing.T) {
			for i, key := range d.keys {
				if got := postmap(t, dir, spec, key); got != d.want[i] {
					t.Errorf("postmap -q %q: %q, we say %q", key, got, d.want[i])
				}
			}
		})
	}
}
