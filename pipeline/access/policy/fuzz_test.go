package policy

import (
	"bufio"
	"strings"
	"testing"
)

func FuzzAnswer(f *testing.F) {
	f.Add("action=DUNNO\n\n")
	f.Add("x=y\r\naction = 450 later\r\n\r\n")
	f.Add("action=\n")
	f.Fuzz(func(t *testing.T, s string) {
		action, err := readAction(bufio.NewReader(strings.NewReader(s)))
		if err == nil && (strings.ContainsAny(action, "\n") || !strings.Contains(s, "action")) {
			t.Fatalf("%q has the action %q", s, action)
		}
	})
}
