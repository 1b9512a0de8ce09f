package sdk

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// The table of hooks in docs/abi.md says which verdicts count where, and AllowedAt does the same.
func TestTheReferenceSaysWhichVerdictsCount(t *testing.T) {
	doc, err := os.ReadFile("../../docs/abi.md")
	if err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile("(?m)^\\| (\\d+) \\| `(\\w+)` \\| .* \\| ([^|]+) \\|$")
	var before map[string]bool
	seen := 0
	for _, m := range row.FindAllStringSubmatch(string(doc), -1) {
		p, ok := PointByName(m[2])
		if bit, _ := strconv.Atoi(m[1]); !ok || bit != int(p) {
			t.Errorf("bit %s is not the hook %s", m[1], m[2])
			continue
		}
		seen++
		said := map[string]bool{"continue": true}
		if m[3] == "the same" || strings.HasPrefix(m[3], "those and ") {
			for v := range before {
				said[v] = true
			}
		}
		for _, w := range strings.FieldsFunc(m[3], func(r rune) bool { return r == ' ' || r == ',' || r == '(' || r == ')' }) {
			said[w] = true
		}
		for a := range Action(numActions) {
			if a.AllowedAt(p) != said[a.String()] {
				t.Errorf("%s at %s: the reference says %v, AllowedAt %v", a, p, said[a.String()], a.AllowedAt(p))
			}
		}
		for _, a := range []Action{-1, Action(numActions), 77} {
			if a.AllowedAt(p) {
				t.Errorf("verdict %d is allowed at %s", a, p)
			}
		}
		before = said
	}
	if seen != NumPoints {
		t.Errorf("the reference has %d hooks of %d", seen, NumPoints)
	}
}
