package mtad

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	testName   = regexp.MustCompile(`\bTest[A-Z]\w*`)
	testFunc   = regexp.MustCompile(`(?m)^func (Test[A-Z]\w*)\(`)
	scriptName = regexp.MustCompile(`\b[a-z]+\.txtar\b`)
)

// docs/rows.md promises that a test shows each row: the tests that it names exist.
func TestRowsNameTestsThatExist(t *testing.T) {
	text, err := os.ReadFile("docs/rows.md")
	if err != nil {
		t.Fatal(err)
	}
	known := testsOfTheTree(t)
	for _, name := range testName.FindAllString(string(text), -1) {
		if !known[name] {
			t.Errorf("docs/rows.md names %s, which no package has", name)
		}
	}
	for _, name := range scriptName.FindAllString(string(text), -1) {
		if _, err := os.Stat("cmd/mtad/testdata/script/" + name); err != nil && name != "x.txtar" {
			t.Errorf("docs/rows.md names %s, which is not in cmd/mtad/testdata/script", name)
		}
	}
}

// testsOfTheTree returns the names of all test functions.
func testsOfTheTree(t *testing.T) map[string]bool {
	t.Helper()
	known := map[string]bool{}
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, m := range testFunc.FindAllSubmatch(text, -1) {
			known[string(m[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return known
}
