package dkimsign_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// opendkim returns the path of a Debian program.
func opendkim(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("opendkim")
	if err != nil {
		const why = "opendkim is not here; Debian has it in the package opendkim"
		if os.Getenv("MTAD_DEMAND_PEERS") == "1" {
			t.Fatal(why)
		}
		t.Skip(why)
	}
	return path
}

// judge lets opendkim verify a message and returns what it says.
func judge(t *testing.T, program string, k *keyring, text string) string {
	t.Helper()
	var records strings.Builder
	for name, r := range k.records {
		records.WriteString(name + " " + r + "\n")
	}
	// It reads files with line feeds and verifies them with CRLF.
	for name, s := range map[string]string{"mail": strings.ReplaceAll(text, "\r\n", "\n"), "keys": records.String(),
		"conf": "Domain here.example\nMode v\nTestPublicKeys " + filepath.Join(k.dir, "keys") + "\n"} {
		if err := os.WriteFile(filepath.Join(k.dir, name), []byte(s), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, err := exec.Command(program, "-t", filepath.Join(k.dir, "mail"), "-x", filepath.Join(k.dir, "conf"), "-v").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return string(out)
}

func TestOpendkimVerifiesOurSignatures(t *testing.T) {
	program := opendkim(t)
	k := newKeyring(t)
	file := k.add(t, "s", "b.example", rsaKey())
	for _, c := range []string{"relaxed/relaxed", "simple/simple", "relaxed/simple", "simple/relaxed"} {
		got, e := pass(t, map[string]string{"domain": "b.example", "selector": "s", "key": file, "canonicalization": c}, nil, trusted, message)
		if e != nil {
			t.Fatal(e)
		}
		if said := judge(t, program, k, got); !strings.Contains(said, "d=b.example, 2048-bit key) succeeded") {
			t.Fatalf("%s: %s", c, said)
		}
		if c != "relaxed/relaxed" {
			continue
		}
		if said := judge(t, program, k, strings.Replace(got, "body  text", "body  next", 1)); strings.Contains(said, "succeeded") || !strings.Contains(said, "failed") {
			t.Fatalf("%s, with another body: %s", c, said)
		}
	}
}
