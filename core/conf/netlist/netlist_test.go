package netlist

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/mtad/mtad/core/conf/domainlist"
	"github.com/mtad/mtad/core/conf/list"
)

func newList(t *testing.T, value string, open domainlist.Opener) *List {
	t.Helper()
	items, err := list.Items(value, nil)
	if err != nil {
		t.Fatal(err)
	}
	l, err := New(items, domainlist.Parents, open)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestMatch(t *testing.T) {
	tests := []struct{ name, value, yes, no string }{
		{"an empty list", "", "", "127.0.0.1 ::1"},
		{"three networks and their neighbours", "127.0.0.0/8, 140.113.0.0/16 10.113.0.0/16",
			"127.0.0.1 127.255.255.255 140.113.9.9 10.113.0.1", "126.0.0.1 128.0.0.1 140.112.0.1 140.114.0.1 10.112.255.255 10.114.0.0 ::1"},
		{"an address", "192.0.2.7", "192.0.2.7 ::ffff:192.0.2.7", "192.0.2.8 192.0.2.6"},
		{"IPv6 in brackets", "[::1]/128 [2001:db8::]/32 [2001:db9::1]", "::1 2001:db8:ffff::1 2001:db9::1", "::2 2001:db9::2 127.0.0.1"},
		{"an address with a zone", "[fe80::]/64", "fe80::1%eth0", "fe81::1"},
		{"IPv4 in brackets", "[10.0.0.0]/8", "10.1.2.3", "11.0.0.0"},
		{"everything of one family", "0.0.0.0/0", "1.2.3.4", "::1"},
		{"an exclusion before", "!192.168.0.1, 192.168.0.0/28", "192.168.0.2 192.168.0.15", "192.168.0.1 192.168.0.16"},
		{"an exclusion after has no effect", "192.168.0.0/28 !192.168.0.1", "192.168.0.1", "192.168.0.16"},
		{"IPv4 in IPv6 matches nobody", "[::ffff:127.0.0.0]/104 [::ffff:0.0.0.0]/96", "", "127.0.0.1 ::ffff:127.0.0.1 ::1"},
		{"a host name matches no address", "mail.example.com 10.0.0.1", "10.0.0.1", "10.0.0.2"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := newList(t, tt.value, nil)
			for want, addrs := range map[bool]string{true: tt.yes, false: tt.no} {
				for _, a := range strings.Fields(addrs) {
					if got, err := l.Match(t.Context(), netip.MustParseAddr(a)); err != nil || got != want {
						t.Errorf("%s: %v, %v; want %v", a, got, err, want)
					}
				}
			}
		})
	}
}

func TestNewRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"10.1.1.1/8":         `"10.0.0.0/8" expected`,
		"[2001:db8::1]/32":   `"[2001:db8::]/32" expected`,
		"10.0.0.0/33":        "not a network",
		"10.0.0/8":           "not a network",
		"10/8":               "not a network",
		"10.0.0":             "not a network",
		"10.0.0.256":         "not a network",
		"10.0.0.0/":          "not a network",
		"10.0.0.0/255.0.0.0": "not a network",
		"[::1":               `no "]"`,
		"[::1]128":           "not a network",
		"[fe80::1%eth0]":     "not a network",
		"::1":                "needs brackets",
		"2001:db8::/32":      "needs brackets",
		"hash:/etc/nets":     "no tables",
		"example.com/24":     "not a network",
	} {
		if _, err := New([]list.Item{{Text: text}}, domainlist.None, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s gives %v, want an error with %q", text, err, want)
		}
	}
	_, err := New([]list.Item{{Text: "10.0.0.1/8", File: "/etc/nets", Line: 3}}, domainlist.None, nil)
	if err == nil || !strings.HasPrefix(err.Error(), "/etc/nets:3: ") {
		t.Errorf("got %v", err)
	}
}

// table is a table of keys.
type table struct {
	keys    string
	asked   []string
	err     error
	pattern bool
}

func (t *table) WholeKey() bool { return t.pattern }

func (t *table) Lookup(_ context.Context, key string) (string, bool, error) {
	t.asked = append(t.asked, key)
	return "", strings.Contains(" "+t.keys+" ", " "+key+" "), t.err
}

func TestTablesAndNames(t *testing.T) {
	client := netip.MustParseAddr("192.0.2.7")
	tests := []struct {
		name, value, host, keys string
		pattern, want           bool
		asked                   string
	}{
		{"the address is a key", "hash:x", "", "192.0.2.7", false, true, "192.0.2.7"},
		{"the name is a key", "hash:x", "Mail.example.com", "mail.example.com", false, true, "mail.example.com"},
		{"the domain is a key", "hash:x", "mail.example.com", "example.com", false, true, "mail.example.com example.com"},
		{"nothing is a key", "hash:x 10.0.0.0/8", "a.example", "", false, false, "a.example example 192.0.2.7"},
		{"patterns see whole keys", "hash:x", "a.example", "example", true, false, "a.example 192.0.2.7"},
		{"excluded", "!hash:x 192.0.2.0/24", "", "192.0.2.7", false, false, "192.0.2.7"},
		{"a network before it decides", "192.0.2.0/24 hash:x", "", "", false, true, ""},
		{"a host name", "mail.example.com", "MAIL.example.com", "", false, true, ""},
		{"the parent of a host name", "Example.com", "mail.example.com", "", false, true, ""},
		{"the end of a name is not its parent", "example.com", "badexample.com", "", false, false, ""},
		{"no name is known", "example.com", "", "", false, false, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tb := &table{keys: tt.keys, pattern: tt.pattern}
			l := newList(t, tt.value, func(string) (domainlist.Table, error) { return tb, nil })
			got, err := l.MatchClient(t.Context(), tt.host, client)
			if err != nil || got != tt.want || strings.Join(tb.asked, " ") != tt.asked {
				t.Fatalf("got %v, %v, asked %q", got, err, tb.asked)
			}
		})
	}
}

func TestHostNamesWithoutParentMatching(t *testing.T) {
	for _, tt := range []struct {
		pattern, host string
		below         domainlist.Subdomains
		want          bool
	}{
		{"example.com", "a.example.com", domainlist.None, false},
		{"example.com", "a.example.com", domainlist.Dotted, false},
		{".example.com", "a.example.com", domainlist.Dotted, true},
		{".example.com", ".example.com", domainlist.Dotted, true},
	} {
		l, err := New([]list.Item{{Text: tt.pattern}}, tt.below, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := l.MatchClient(t.Context(), tt.host, netip.IPv6Loopback()); got != tt.want {
			t.Errorf("%+v: got %v", tt, got)
		}
		if names := l.Names(); len(names) != 1 || names[0] != tt.pattern {
			t.Errorf("names %q", names)
		}
	}
}

func TestATableThatFailsIsNotAnAnswer(t *testing.T) {
	broken := errors.New("database down")
	for _, keys := range []string{"", "a.example"} {
		l := newList(t, "hash:x", func(string) (domainlist.Table, error) { return &table{keys: keys, err: broken}, nil })
		if _, err := l.MatchClient(t.Context(), keys, netip.IPv6Loopback()); !errors.Is(err, broken) {
			t.Errorf("got %v", err)
		}
	}
}

func TestOwn(t *testing.T) {
	addresses := []netip.Prefix{}
	for _, s := range []string{"127.0.0.1/8", "192.0.2.2/24", "192.0.2.3/24", "130.1.2.3/26", "240.0.0.1/4", "::1/128", "fd00::2/64"} {
		addresses = append(addresses, netip.MustParsePrefix(s))
	}
	for style, want := range map[Style]string{
		Host:   "127.0.0.1/32 192.0.2.2/32 192.0.2.3/32 130.1.2.3/32 240.0.0.1/32 [::1]/128 [fd00::2]/128",
		Subnet: "127.0.0.0/8 192.0.2.0/24 130.1.2.0/26 240.0.0.0/4 [::1]/128 [fd00::]/64",
		Class:  "127.0.0.0/8 192.0.2.0/24 130.1.0.0/16 240.0.0.1/32 [::1]/128 [fd00::]/64",
	} {
		networks, err := Own(style, addresses)
		var got []string
		for _, n := range networks {
			got = append(got, Format(n))
		}
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("%s: got %q, %v; want %q", style, got, err, want)
		}
	}
	if _, err := Own("world", addresses); err == nil || !strings.Contains(err.Error(), "host, subnet or class") {
		t.Errorf("got %v", err)
	}
}

func TestMatchDoesNotAllocate(t *testing.T) {
	l := newList(t, "10.0.0.0/8 !192.168.0.1 192.168.0.0/16 [2001:db8::]/32", nil)
	ctx, a, b := t.Context(), netip.MustParseAddr("192.168.3.4"), netip.MustParseAddr("::ffff:1.2.3.4")
	if n := testing.AllocsPerRun(100, func() { _, _ = l.Match(ctx, a); _, _ = l.Match(ctx, b) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkMatch(b *testing.B) {
	items, _ := list.Items("127.0.0.0/8 10.0.0.0/8 192.168.0.0/16 [::1]/128 [2001:db8::]/32", nil)
	l, _ := New(items, domainlist.Parents, nil)
	a := netip.MustParseAddr("203.0.113.5")
	b.ReportAllocs()
	for b.Loop() {
		_, _ = l.Match(b.Context(), a)
	}
}

func FuzzNew(f *testing.F) {
	for _, s := range []string{"127.0.0.0/8 [::1]/128", "!10.0.0.1, hash:x", "[::1", "a.example", "1.2.3.4/0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		items, err := list.Items(value, func(string) ([]byte, error) { return nil, nil })
		if err != nil {
			return
		}
		l, err := New(items, domainlist.Parents, func(string) (domainlist.Table, error) { return &table{}, nil })
		if err != nil {
			return
		}
		for i, e := range l.items {
			if !e.network.IsValid() {
				continue
			}
			again, err := parseNetwork(Format(e.network))
			if err != nil || again != e.network {
				t.Fatalf("%q is %v and then %v, %v", items[i].Text, e.network, again, err)
			}
		}
		if _, err := l.Match(t.Context(), netip.IPv6Loopback()); err != nil {
			t.Fatal(err)
		}
	})
}
