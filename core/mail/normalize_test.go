package mail

import (
	"bytes"
	"testing"
)

func TestNormalizerBringsTextToWireForm(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"a\nb\r\nc", "a\r\nb\r\nc\r\n"},
		{"a\rb\r\r\nc\r", "a b \r\nc\r\n"},
		{"", ""}, {"\n", "\r\n"}, {"\r", "\r\n"}, {".\r\n", ".\r\n"},
	} {
		for step := 1; step <= len(c.in)+1; step++ {
			var out bytes.Buffer
			n := NewNormalizer(&out)
			for in := []byte(c.in); len(in) > 0; in = in[min(step, len(in)):] {
				n.Write(in[:min(step, len(in))])
			}
			if n.Close(); out.String() != c.want {
				t.Errorf("%q by %d became %q, want %q", c.in, step, out.String(), c.want)
			}
		}
	}
}
