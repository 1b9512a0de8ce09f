package pattern

import (
	"context"
	"strings"
	"testing"
)

func FuzzParse(f *testing.F) {
	for _, d := range dialogues {
		f.Add(d.dialect == Perl, d.table, d.keys[0])
	}
	f.Add(false, "if /a/\nendif\nif !/b(/\n/c/ $1", "ac")
	f.Fuzz(func(t *testing.T, isPerl bool, table, key string) {
		o := Options{Dialect: POSIX}
		if isPerl {
			o.Dialect = Perl
		}
		if len(table) > 2000 || len(key) > 200 {
			return
		}
		tb, problems, err := Parse("f", []byte(table), o)
		if err != nil {
			return
		}
		for _, p := range problems {
			if p.Line < 1 || p.Text == "" {
				t.Fatalf("problem without place or text: %+v", p)
			}
		}
		with, ok, err := tb.Lookup(context.Background(), key)
		if err != nil {
			return
		}
		// Invariant: without its filter the table answers the same.
		tb.filter = newFilter(make([][]literals, len(tb.rules)))
		tb.plan()
		without, ok2, err := tb.Lookup(context.Background(), key)
		if err == nil && (with != without || ok != ok2) {
			t.Fatalf("%q in %q: %q %v with the filter, %q %v without", key, table, with, ok, without, ok2)
		}
	})
}

// FuzzTemplate: what is read is written back.
func FuzzTemplate(f *testing.F) {
	f.Add("a$1b${2}c$(3)$$")
	f.Fuzz(func(t *testing.T, s string) {
		tm, err := parseTemplate(s)
		if err != nil {
			return
		}
		if tm.groups == 0 && tm.expand(nil) != strings.ReplaceAll(s, "$$", "$") {
			t.Fatalf("%q became %q", s, tm.expand(nil))
		}
	})
}
