package addr_test

import (
	"slices"
	"testing"

	"github.com/mtad/mtad/core/addr"
)

func TestListsAreTakenApart(t *testing.T) {
	for text, want := range map[string][]string{
		"a@b.example":                                   {"a@b.example"},
		"A B <a@b.example>, c@d.example":                {"a@b.example", "c@d.example"},
		`"A, B" <a@b.example>`:                          {"a@b.example"},
		"a@b.example (comment, with (another)) , <c@d>": {"a@b.example", "c@d"},
		"group: a@b.example, c@d.example; e@f.example":  {"a@b.example", "c@d.example", "e@f.example"},
		"undisclosed-recipients:;":                      nil,
		"<@relay.example,@other.example:u@c.example>":   {"u@c.example"},
		`"a b"@c.example`:                               {`"a b"@c.example`},
		"u@[192.0.2.1]":                                 {"u@[192.0.2.1]"},
		"a b@c.example":                                 {"a", "b@c.example"},
		"":                                              nil,
	} {
		list, ok := addr.List(text)
		var got []string
		for _, m := range list {
			got = append(got, m.Address)
		}
		if !ok || !slices.Equal(got, want) {
			t.Errorf("%q: got %q, %v; want %q", text, got, ok, want)
		}
	}
	for _, text := range []string{")", "a) <b@c>", `"a`, "(a", "<a@b", "a@[b", `(\)`} {
		if list, ok := addr.List(text); ok {
			t.Errorf("%q is read as %v", text, list)
		}
	}
}

// A parenthesis that closes nothing was an atom of no length, again and again, without end.
func FuzzList(f *testing.F) {
	for _, s := range []string{`A "b" <@x,@y:u@c> (z), g: a@b;`, "\\", "<<>>", "a.b . c@ d"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		list, _ := addr.List(s)
		at := 0
		for _, m := range list {
			if m.Start < at || m.End < m.Start || m.End > len(s) {
				t.Fatalf("%q: %+v behind %d", s, m, at)
			}
			at = m.End
		}
	})
}
