package hook

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// Every property and answer of this host stands in the reference.
func TestReferenceHasEveryProperty(t *testing.T) {
	abi, err := os.ReadFile("../../docs/abi.md")
	if err != nil {
		t.Fatal(err)
	}
	known := 0
	for _, file := range []string{"property.go", "event.go", "ask.go"} {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?:case|key ==) "([a-z]+\.[a-z]+)"`).FindAllStringSubmatch(string(b), -1) {
			if known++; !strings.Contains(string(abi), "`"+m[1]+"`") {
				t.Errorf("docs/abi.md does not have %s, which %s answers", m[1], file)
			}
		}
	}
	if known < 30 {
		t.Fatalf("only %d properties were found in the source", known)
	}
}
