package hook

import (
	"testing"

	"github.com/mtad/mtad/core/readdress"
)

// What the built-ins take for an address that may be answered, the host takes: an answer that it
// refuses counts as a failure of the plugin, and a stranger could choose it.
func FuzzUsable(f *testing.F) {
	for _, s := range []string{"a@b.example", `"a b"@c`, "a,b@c", "u@[IPv6:::1]", `"\"`, "[", "a\x7f@b", `"a[b"@c;d`, `a]\b`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if readdress.Usable(s) && !(plausible(s) && alone(s)) {
			t.Fatalf("%q is refused by the host", s)
		}
	})
}
