package cidr

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
)

func ask(t testing.TB, tb *Table, key string) string {
	t.Helper()
	v, ok, err := tb.Lookup(context.Background(), key)
	if err != nil {
		t.Fatal(err)
	}
	if !ok {
		return "-"
	}
	return v
}

func TestLookup(t *testing.T) {
	for _, c := range []struct{ name, table, keys, want string }{
		{"an address and a network", "192.0.2.1 a\n192.0.2.0/24 n\n", "192.0.2.1 192.0.2.2 192.0.3.1 nonsense", "a n - -"},
		{"the first row answers, not the longest", "192.0.2.0/24 n\n192.0.2.1 a\n10.0.0.0/8 x\n", "192.0.2.1 10.255.255.255 11.0.0.0", "n x -"},
		{"a hole in a network", "10.1.0.0/16 hole\n10.0.0.0/8 all\n", "10.0.9.9 10.1.0.0 10.1.255.255 10.2.0.0", "all hole hole all"},
		{"IPv6, with and without brackets", "2001:db8::/32 d\n[::1] l\n[fe80::]/10 f\n", "2001:db8::1 ::1 fe80::1 ::2", "d l f -"},
		{"everything", "1.2.3.4 one\n0.0.0.0/0 v4\n::/0 v6\n", "1.2.3.4 255.255.255.255 0.0.0.0 ::1 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "one v4 v4 v6 v6"},
		{"negation", "!10.0.0.0/8 foreign\n10.0.0.1 own\n", "192.0.2.1 10.0.0.1 10.0.0.2", "foreign own -"},
		{"blocks", "if 10.0.0.0/8\n10.1.0.0/16 a\nif !10.2.0.0/16\n10.0.0.0/8 b\nendif\nendif\n0.0.0.0/0 c\n", "10.1.1.1 10.3.0.0 10.2.0.0 1.1.1.1", "a b c c"},
		{"an IPv4 address in IPv6 is one of IPv4", "192.0.2.0/24 n\n", "::ffff:192.0.2.7", "n"},
		{"continuation lines", "10.0.0.0/8\n  REJECT\n  no\n", "10.0.0.1", "REJECT  no"},
	} {
		t.Run(c.name, func(t *testing.T) {
			tb, problems := Parse([]byte(c.table))
			if len(problems) > 0 {
				t.Fatal(problems)
			}
			var got []string
			for _, key := range strings.Fields(c.keys) {
				got = append(got, ask(t, tb, key))
			}
			if g := strings.Join(got, " "); g != c.want {
				t.Errorf("got %s, want %s", g, c.want)
			}
		})
	}
}

func TestBadRowsAreReported(t *testing.T) {
	tb, problems := Parse([]byte("192.0.2.1/24 x\n300.1.1.1 y\nendif\nif bad\n0.0.0.0/0 in\nendif\n[::1 z\nif 1.2.3.4\n"))
	want := []string{"non-null host address bits", "bad address pattern", "without matching if", "bad address pattern", "missing ']'", "if has no endif"}
	if len(problems) != len(want) {
		t.Fatalf("got %+v", problems)
	}
	for i, p := range problems {
		if !strings.Contains(p.Text, want[i]) {
			t.Errorf("got %+v, want %s", p, want[i])
		}
	}
	if got := ask(t, tb, "1.1.1.1"); got != "-" {
		t.Errorf("a block with a bad condition applied: %s", got)
	}
}

// The ranges answer as a walk over the rows does.
func TestRangesAgreeWithAWalk(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		var rows []netip.Prefix
		var text strings.Builder
		for i := range 1 + rnd.IntN(40) {
			a := netip.AddrFrom4([4]byte{10, 0, byte(rnd.IntN(2)), byte(rnd.IntN(256))})
			n, _ := a.Prefix(rnd.IntN(33))
			rows = append(rows, n)
			fmt.Fprintf(&text, "%s %d\n", n, i)
		}
		tb, _ := Parse([]byte(text.String()))
		for i := range 512 {
			a := netip.AddrFrom4([4]byte{10, 0, byte(i / 256), byte(i)})
			want := "-"
			for i, n := range rows {
				if n.Contains(a) {
					want = fmt.Sprint(i)
					break
				}
			}
			if got := ask(t, tb, a.String()); got != want {
				t.Fatalf("%s: got %s, want %s in\n%s", a, got, want, text.String())
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("10.0.0.0/8 a\nif !::/0\n!1.2.3.4 b\nendif\n", "10.0.0.1")
	f.Fuzz(func(t *testing.T, table, key string) {
		tb, problems := Parse([]byte(table))
		for _, p := range problems {
			if p.Line < 1 {
				t.Fatalf("%+v", p)
			}
		}
		if _, _, err := tb.Lookup(context.Background(), key); err != nil {
			t.Fatal(err)
		}
	})
}

// The goal is 1 µs.
func BenchmarkLookup100000Rows(b *testing.B) {
	var text strings.Builder
	for i := range 100000 {
		fmt.Fprintf(&text, "%d.%d.%d.0/24 %d\n", 1+i/50000, i/256%256, i%256, i)
	}
	tb, _ := Parse([]byte(text.String()))
	keys := make([]string, 1024)
	for i := range keys {
		keys[i] = fmt.Sprintf("%d.%d.%d.7", 1+i%2, i*7%256, i*13%256)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		_, _, _ = tb.Lookup(context.Background(), keys[i%1024])
	}
}
