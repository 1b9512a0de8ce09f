package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestPostmapAndPostaliasAnswerAsPostfixDoes gives one session to both: what is printed and the
// exit codes are the same.
func TestPostmapAndPostaliasAnswerAsPostfixDoes(t *testing.T) {
	if !havePostfix() {
		if os.Getenv(demandPeers) == "1" {
			t.Fatal("Debian's postfix is demanded")
		}
		t.Skip("install Debian's postfix to compare with its postmap")
	}
	dir := t.TempDir()
	t.Setenv("MAIL_CONFIG", dir)
	files := map[string]string{
		"main.cf": "compatibility_level = 3.6\nmyhostname = h.example.com\ninet_interfaces = loopback-only\ndefault_database_type = hash\n",
		"map":     "Alice one\n  two\nbob three\nalice again\nlonely\n\"a b\" quoted\n",
		"aliases": "root: bob\nPostmaster: root,\n  admin\n\"quo ted\": x\n",
		"checks":  "if /^s/\n/two/ s $$\nendif\n/^(.)ody/ <$1>\n/^$/ e\n",
		"nets":    "10.0.0.0/8 a\n!192.0.2.0/24 b\n",
		"message": "From: x\nSubject: one\n two\n\nbody\n\nend\n",
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, c := range []struct{ stdin, line string }{
		{"", "postmap hash:" + at("map")}, {"", "postmap -q ALICE hash:" + at("map")}, {"", "postmap -q none hash:" + at("map")},
		{"", "postmap -q bob " + at("map")}, {"alice\nzed\nbob\n", "postmap -q - hash:" + at("map")}, {"zed\n", "postmap -q - hash:" + at("map")},
		{"new v\nbob w\n", "postmap -i hash:" + at("map")}, {"", "postmap -q new hash:" + at("map")}, {"", "postmap -q bob hash:" + at("map")},
		{"bob w\n", "postmap -r -i hash:" + at("map")}, {"", "postmap -q bob hash:" + at("map")}, {"", "postmap -d bob hash:" + at("map")},
		{"", "postmap -d bob hash:" + at("map")}, {"alice\nnone\n", "postmap -d - hash:" + at("map")}, {"none\n", "postmap -d - hash:" + at("map")},
		{"", "postmap -q \"c hash:" + at("map")},
		{files["message"], "postmap -h -q - regexp:" + at("checks")}, {files["message"], "postmap -b -q - regexp:" + at("checks")},
		{files["message"], "postmap -b -h -q - regexp:" + at("checks")}, {files["message"], "postmap -b -h -m -q - regexp:" + at("checks")},
		{"", "postmap -q 10.1.1.1 cidr:" + at("nets")}, {"", "postmap -q 192.0.2.1 cidr:" + at("nets")}, {"", "postmap -q 1.1.1.1 cidr:" + at("nets")},
		{"", "postmap -q k static:x"}, {"", "postmap -q k fail:x"}, {"", "postmap -q k inline:{k=v}"}, {"", "postmap -q a pipemap:{inline:{a=b},inline:{b=c}}"},
		{"", "postmap -q root unix:passwd.byname"}, {"", "postmap regexp:" + at("checks")}, {"", "postmap -s static:x"}, {"", "postmap -d k static:x"},
		{"", "postmap"}, {"", "postmap -q a -s hash:" + at("map")}, {"", "postmap -q k nis:x"}, {"", "postmap hash:" + at("none")},
		{"", "postalias hash:" + at("aliases")}, {"", "postalias -q postmaster hash:" + at("aliases")},
		{"", "postalias -q root hash:" + at("aliases")}, {"x: y\n", "postalias -i hash:" + at("aliases")}, {"", "postalias -q x hash:" + at("aliases")},
	} {
		words := strings.Fields(c.line)
		cmd := exec.Command(peerCommand(words[0]), words[1:]...)
		cmd.Stdin = strings.NewReader(c.stdin)
		want, err := cmd.Output()
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		var out, errOut bytes.Buffer
		code := run(words, strings.NewReader(c.stdin), &out, &errOut)
		if out.String() != string(want) || code != cmd.ProcessState.ExitCode() {
			t.Errorf("%s:\n%q, exit %d, %s\nPostfix:\n%q, exit %d", c.line, out.String(), code, errOut.String(), want, cmd.ProcessState.ExitCode())
		}
	}
}
