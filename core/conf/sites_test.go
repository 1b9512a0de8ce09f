package conf_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/mtad/mtad/core/conf"
	"github.com/mtad/mtad/core/conf/conftest"
	"github.com/mtad/mtad/core/conf/postfixtest"
)

// TestSitesStartUnchanged reads configurations of the kinds that are in the field. Each is one that the
// daemon starts with, no name in it is unknown, and what is not supported is said so: it is among
// those that the file lists, which only get fewer.
func TestSitesStartUnchanged(t *testing.T) {
	files, err := filepath.Glob("testdata/sites/*.txtar")
	if err != nil || len(files) < 15 {
		t.Fatalf("%d sites, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			c := conftest.LoadDir(t, siteDir(t, archive))
			_, list, _ := strings.Cut(string(archive.Comment), "unsupported:")
			known := strings.Fields(list)
			for _, f := range c.Check() {
				switch {
				case f.Status == conf.StatusUnknown:
					t.Errorf("unknown: %s", f)
				case f.Status == conf.StatusUnsupported && (!slices.Contains(known, f.Parameter) || f.Note == ""):
					t.Errorf("not in the list: %s", f)
				}
			}
		})
	}
}

// siteDir makes the directory of a site, with its /etc/mailname beside main.cf.
func siteDir(t *testing.T, archive *txtar.Archive) string {
	t.Helper()
	dir := conftest.Dir(t, map[string]string{"mailname": "mail.example.com\n"})
	for _, f := range archive.Files {
		text := strings.ReplaceAll(string(f.Data), "/etc/mailname", dir+"/mailname")
		if err := os.WriteFile(filepath.Join(dir, f.Name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestOddFilesAreShownAsPostfixDoes compares postconf -n and -nx on all the sites and on odd files.
func TestOddFilesAreShownAsPostfixDoes(t *testing.T) {
	odd, err := txtar.ParseFile("testdata/odd.txtar")
	if err != nil {
		t.Fatal(err)
	}
	sites, err := filepath.Glob("testdata/sites/*.txtar")
	if err != nil || len(sites)+len(odd.Files) < 30 {
		t.Fatalf("%d files, %v", len(sites)+len(odd.Files), err)
	}
	var cases []*shownCase
	compare := func(name string, archive *txtar.Archive) {
		dir := siteDir(t, archive)
		cases = append(cases, &shownCase{name: name, dir: dir, option: "-n", query: conf.Query{NonDefault: true}},
			&shownCase{name: name, dir: dir, option: "-nx", query: conf.Query{NonDefault: true, Expand: true}})
	}
	ours := slices.Clip([]byte("data_directory = /var/lib/postfix\nmail_name = Postfix\n")) // whose defaults differ
	for _, f := range odd.Files {
		compare(f.Name, &txtar.Archive{Files: []txtar.File{{Name: "main.cf", Data: append(ours, f.Data...)}, {Name: "master.cf", Data: []byte("slow unix - - n - - smtp\nsmtp unix - - n - - smtp\nlocal unix - n n - - local\n")}}})
	}
	for _, file := range sites {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		archive.Files[0].Data = append(ours, archive.Files[0].Data...)
		if len(archive.Files) == 1 {
			archive.Files = append(archive.Files, txtar.File{Name: "master.cf"})
		}
		compare(filepath.Base(file), archive)
	}
	postfixtest.Postconf(t, cases[0].dir, "-n") // which skips without Postfix
	// Postfix asks the DNS for its own name, which takes its time: all are asked at once.
	var wg sync.WaitGroup
	places := make(chan bool, 16)
	for _, c := range cases {
		wg.Go(func() {
			places <- true
			defer func() { <-places }()
			c.out, c.err = exec.Command("postconf", "-c", c.dir, c.option).Output()
		})
	}
	wg.Wait()
	for _, c := range cases {
		t.Run(c.name+" "+c.option, c.compare)
	}
}

// shownCase is a directory, and what Postfix's postconf shows of it.
type shownCase struct {
	name, dir, option string
	query             conf.Query
	out               []byte
	err               error
}

// compare looks for lines that only one of the two has.
func (s *shownCase) compare(t *testing.T) {
	if s.err != nil {
		t.Fatal(s.err)
	}
	want := slices.DeleteFunc(strings.Split(strings.TrimSuffix(string(s.out), "\n"), "\n"), hasProcess)
	got, _ := conftest.ReadDir(t, s.dir).Postconf(s.query)
	got = slices.DeleteFunc(got, hasProcess)
	for _, line := range got {
		if !slices.Contains(want, line) && !newer(line) {
			t.Errorf("mtad has %q", line)
		}
	}
	for _, line := range want {
		if !slices.Contains(got, line) {
			t.Errorf("Postfix has %q", line)
		}
	}
}

// hasProcess reports whether a value has the number of the process that shows it.
func hasProcess(line string) bool { return strings.HasPrefix(line, "debugger_command =") }

// newer reports whether a parameter came after Debian's Postfix 3.7.
func newer(line string) bool {
	for _, prefix := range []string{"postscreen_bare_newline_", "smtpd_forbid_bare_newline"} {
		if strings.HasPrefix(line, prefix) {
			return true
		}
	}
	return false
}
