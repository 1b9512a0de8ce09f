package textdiff

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

func TestUnifiedIsWhatDiffWrites(t *testing.T) {
	ten := "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n"
	for _, c := range []struct{ name, a, b, want string }{
		{"equal texts", ten, ten, ""},
		{"two empty texts", "", "", ""},
		{"a line more at the end", "a\n", "a\nb\n", "@@ -1 +1,2 @@\n a\n+b\n"},
		{"everything new", "", "a\nb\n", "@@ -0,0 +1,2 @@\n+a\n+b\n"},
		{"everything gone", "a\n", "", "@@ -1 +0,0 @@\n-a\n"},
		{"a change in the middle", ten, strings.Replace(ten, "5", "five", 1), "@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n"},
		{"changes at both ends are two hunks", ten, "one\n2\n3\n4\n5\n6\n7\n8\n9\nten\n",
			"@@ -1,4 +1,4 @@\n-1\n+one\n 2\n 3\n 4\n@@ -7,4 +7,4 @@\n 7\n 8\n 9\n-10\n+ten\n"},
		{"what a terminal would obey", "a\n", "\x1b[2J\xff\u009b\tz\r\n", "@@ -1 +1 @@\n-a\n+\\x1b[2J\\xff\\xc2\\x9b\tz\n"},
		{"a line that is too long", "", strings.Repeat("x", 600) + "\n", "@@ -0,0 +1 @@\n+" + strings.Repeat("x", MaxLine) + "…\n"},
		{"CRLF instead of LF", "a\nb\n", "a\r\nb\n", "@@ -1,2 +1,2 @@\n-a\n+a\n b\n"},
	} {
		want := c.want
		if want != "" {
			want = "--- t\n+++ t\n" + want
		}
		if got := Unified("t", []byte(c.a), []byte(c.b)); got != want {
			t.Errorf("%s:\n%s\nwant\n%s", c.name, got, want)
		}
	}
}

// Applying the edits to the first text gives the second, however they differ.
func TestTheEditsLeadFromOneTextToTheOther(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for round := range 500 {
		a, b := random(r, r.IntN(40)), random(r, r.IntN(40))
		if round%50 == 0 {
			a, b = random(r, 900), random(r, 900) // beyond maxEdits
		}
		check(t, a, b)
	}
}

func random(r *rand.Rand, n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintln(r.IntN(5))
	}
	return all
}

func check(t *testing.T, a, b []string) {
	t.Helper()
	var first, second []string
	for _, e := range compare(a, b) {
		if e.op != '+' {
			if e.a != len(first) {
				t.Fatalf("edit %+v behind %d lines", e, len(first))
			}
			first = append(first, a[e.a])
		}
		if e.op != '-' {
			if e.b != len(second) {
				t.Fatalf("edit %+v behind %d lines of the second text", e, len(second))
			}
			second = append(second, b[e.b])
		}
	}
	if strings.Join(first, "") != strings.Join(a, "") || strings.Join(second, "") != strings.Join(b, "") {
		t.Fatalf("%q to %q gives %q and %q", a, b, first, second)
	}
}

func FuzzUnified(f *testing.F) {
	f.Add("a\nb\n", "a\nc\n")
	f.Add("", "x")
	f.Fuzz(func(t *testing.T, a, b string) {
		got := Unified("t", []byte(a), []byte(b))
		if a == b && got != "" {
			t.Fatalf("equal texts differ: %q", got)
		}
		for i := 0; i < len(got); i++ {
			if c := got[i]; c < ' ' && c != '\n' && c != '\t' || c == 0x7f {
				t.Fatalf("a control byte %#x in %q", c, got)
			}
		}
		check(t, lines([]byte(a)), lines([]byte(b)))
	})
}
