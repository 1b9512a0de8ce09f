package wasm

import (
	"strings"
	"testing"
)

// section writes a custom section.
func section(name, body string) string {
	body = string(rune(len(name))) + name + body
	return "\x00" + string(rune(len(body))) + body
}

const magic = "\x00asm\x01\x00\x00\x00"

func TestProducers(t *testing.T) {
	said := "\x02\x08language\x01\x02Go\x041.26\x0cprocessed-by\x02\x0bGo cmd/link\x00\x02\x1b[\x01\x07"
	for _, c := range []struct{ name, module, want string }{
		{"a language and two tools", magic + section("producers", said), "Go 1.26; Go cmd/link; ?[ ?"},
		{"another section before", magic + "\x01\x01\x00" + section("name", "xyz") + section("producers", said), "Go 1.26; Go cmd/link; ?[ ?"},
		{"nothing said", magic + section("name", "x"), ""},
		{"no module", "junk", ""},
		{"a section that is cut", magic + "\x00\x70producers", ""},
		{"fields that are cut", magic + section("producers", "\x02\x08langu"), ""},
		{"a count that is too large", magic + section("producers", "\xff\xff\xff\xff\x0f"), ""},
	} {
		if got := strings.Join(Producers([]byte(c.module)), "; "); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func FuzzProducers(f *testing.F) {
	f.Add([]byte(magic + section("producers", "\x01\x08language\x01\x01C\x00")))
	f.Fuzz(func(t *testing.T, module []byte) {
		all := Producers(module)
		if len(all) > maxProducers {
			t.Fatalf("%d producers", len(all))
		}
		for _, s := range all {
			if len(s) > 201 || strings.ContainsAny(s, "\r\n\x1b\x00") {
				t.Fatalf("%q", s)
			}
		}
	})
}
