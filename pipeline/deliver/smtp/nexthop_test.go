package smtp

import (
	"fmt"
	"strings"
	"testing"
)

func (h hop) String() string {
	s := fmt.Sprintf("%s %d", h.name, h.port)
	if h.path != "" {
		s = "unix " + h.path
	} else if h.direct {
		s += " direct"
	}
	return s
}

func TestParseNexthop(t *testing.T) {
	for _, c := range []struct {
		text string
		lmtp bool
		want string // "" for an error
	}{
		{"to.test", false, "to.test 25"},
		{"to.test:587", false, "to.test 587"},
		{"to.test:smtp", false, "to.test 25"},
		{"[mx.to.test]", false, "mx.to.test 25 direct"},
		{"[mx.to.test]:2525", false, "mx.to.test 2525 direct"},
		{"[192.0.2.1]:2525", false, "192.0.2.1 2525 direct"},
		{"[2001:db8::1]", false, "2001:db8::1 25 direct"},
		{"[IPv6:2001:db8::1]:26", false, "2001:db8::1 26 direct"},
		{"a.test, [b.test]:26\tc.test", false, "a.test 25; b.test 26 direct; c.test 25"},
		{"bücher.test", false, "bücher.test 25"},
		{"unix:1", false, "unix 1"}, // a host of that name, and port 1
		{"mx.to.test", true, "mx.to.test 25 direct"},
		{"inet:mx.to.test:24", true, "mx.to.test 24 direct"},
		{"inet:[192.0.2.1]:24", true, "192.0.2.1 24 direct"},
		{"unix:private/lmtp", true, "unix private/lmtp"},
		{"unix:/run/lmtp:1", true, "unix /run/lmtp:1"},
		{"", false, ""},
		{" , ", false, ""},
		{"[to.test", false, ""},
		{"[to.test]x", false, ""},
		{"[]", false, ""},
		{":25", false, ""},
		{"to.test:", false, ""},
		{"to.test:0", false, ""},
		{"to.test:65536", false, ""},
		{"to.test:25x", false, ""},
		{"to.test:no-such-service", false, ""},
		{"to\x00.test", false, ""},
		{"unix:", true, ""},
		{strings.Repeat("a.test ", 21), false, ""},
	} {
		t.Run(c.text, func(t *testing.T) {
			hops, err := parseNexthop(c.text, c.lmtp, 25)
			var words []string
			for _, h := range hops {
				words = append(words, h.String())
			}
			if got := strings.Join(words, "; "); got != c.want || (err == nil) != (c.want != "") {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}

func FuzzNexthop(f *testing.F) {
	for _, s := range []string{"to.test", "[a]:25, b:smtp", "unix:/x", "[IPv6:::1]", "[", "]:", "a:b:c"} {
		f.Add(s, false)
		f.Add(s, true)
	}
	f.Fuzz(func(t *testing.T, text string, lmtp bool) {
		hops, err := parseNexthop(text, lmtp, 25)
		if err != nil {
			return
		}
		if len(hops) == 0 || len(hops) > maxHops {
			t.Fatalf("%d destinations", len(hops))
		}
		for _, h := range hops {
			if (h.name == "") == (h.path == "") || h.port == 0 || h.path != "" && !lmtp {
				t.Errorf("%q became %+v", text, h)
			}
			if strings.ContainsAny(h.name+h.path, " ,\t\r\n\x00") {
				t.Errorf("%q became %+v", text, h)
			}
		}
	})
}
