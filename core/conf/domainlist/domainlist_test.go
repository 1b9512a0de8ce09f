package domainlist

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/mtad/mtad/core/conf/list"
)

// table is a table of keys; patterns are asked for the whole name only.
type table struct {
	keys    map[string]bool
	pattern bool
	err     error
	asked   []string
}

func (t *table) Lookup(_ context.Context, key string) (string, bool, error) {
	t.asked = append(t.asked, key)
	return "", t.keys[key], t.err
}

func (t *table) WholeKey() bool { return t.pattern }

func newList(t *testing.T, value string, below Subdomains, tables map[string]*table) *List {
	t.Helper()
	items, err := list.Items(value, nil)
	if err != nil {
		t.Fatal(err)
	}
	l, err := New(items, below, func(name string) (Table, error) {
		if tb, ok := tables[name]; ok {
			return tb, nil
		}
		return nil, errors.New("no table " + name)
	})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// TestMatch follows match_list(3): the first element that matches decides.
func TestMatch(t *testing.T) {
	tests := []struct {
		name, value string
		below       Subdomains
		yes, no     string
	}{
		{"an empty list", "", None, "", "example.com localhost ."},
		{"names in any case", "Example.COM, localhost", None, "example.com EXAMPLE.com localhost", "example.org com xexample.com a.example.com"},
		{"no subdomains even with a dot", ".example.com", None, ".example.com", "a.example.com example.com"},
		{"a dot means below", ".example.com", Dotted, "a.example.com a.b.example.com", "example.com aexample.com"},
		{"without a dot only itself", "example.com", Dotted, "example.com", "a.example.com"},
		{"parents match what is below", "example.com", Parents, "example.com a.example.com a.b.example.com", "aexample.com com example.org"},
		{"an exclusion before", "!a.example.com, example.com", Parents, "example.com b.example.com", "a.example.com x.a.example.com"},
		{"an exclusion after has no effect", "example.com, !a.example.com", Parents, "a.example.com", "example.org"},
		{"an exclusion alone matches nothing", "!example.com", None, "", "example.com example.org"},
		{"the first of two equal names counts", "!example.com, example.com", None, "", "example.com"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := newList(t, tt.value, tt.below, nil)
			for want, domains := range map[bool]string{true: tt.yes, false: tt.no} {
				for _, d := range strings.Fields(domains) {
					if got, err := l.Match(t.Context(), d); err != nil || got != want {
						t.Errorf("%s: %v, %v; want %v", d, got, err, want)
					}
				}
			}
		})
	}
}

func TestTablesAreAskedInTheirPlace(t *testing.T) {
	tables := map[string]*table{"hash:a": {keys: map[string]bool{"example.com": true, "org": true}}}
	tests := []struct {
		name, value string
		below       Subdomains
		domain      string
		want        bool
		asked       string
	}{
		{"found", "hash:a", None, "example.com", true, "example.com"},
		{"not found", "hash:a", None, "a.example.com", false, "a.example.com"},
		{"found above", "hash:a", Parents, "a.example.com", true, "a.example.com example.com"},
		{"dotted keys", "hash:a", Dotted, "a.example.com", false, "a.example.com .example.com .com"},
		{"excluded", "!hash:a, example.com", None, "example.com", false, "example.com"},
		{"a name before it decides", "example.com, hash:a", None, "example.com", true, ""},
		{"a name after it is reached", "hash:a, example.net", None, "example.net", true, "example.net"},
		{"an exclusion before it decides", "!example.com, hash:a", None, "example.com", false, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tables["hash:a"].asked = nil
			got, err := newList(t, tt.value, tt.below, tables).Match(t.Context(), tt.domain)
			if err != nil || got != tt.want || strings.Join(tables["hash:a"].asked, " ") != tt.asked {
				t.Fatalf("got %v, %v, asked %q", got, err, tables["hash:a"].asked)
			}
		})
	}
}

func TestAPatternTableIsAskedForTheWholeName(t *testing.T) {
	tb := &table{pattern: true, keys: map[string]bool{"example.com": true}}
	got, err := newList(t, "pcre:x", Parents, map[string]*table{"pcre:x": tb}).Match(t.Context(), "a.example.com")
	if err != nil || got || len(tb.asked) != 1 {
		t.Fatalf("got %v, %v, asked %q", got, err, tb.asked)
	}
}

func TestATableThatFailsIsNotAnAnswer(t *testing.T) {
	broken := errors.New("database down")
	l := newList(t, "hash:a, example.com", None, map[string]*table{"hash:a": {err: broken}})
	if _, err := l.Match(t.Context(), "example.com"); !errors.Is(err, broken) {
		t.Fatalf("got %v", err)
	}
}

func TestNewNamesThePlaceOfATableThatDoesNotOpen(t *testing.T) {
	items := []list.Item{{Text: "hash:x", File: "/etc/list", Line: 7}}
	_, err := New(items, None, func(string) (Table, error) { return nil, errors.New("no such table") })
	if err == nil || err.Error() != "/etc/list:7: no such table" {
		t.Errorf("got %v", err)
	}
	if _, err = New([]list.Item{{Text: "hash:x"}}, None, nil); err == nil {
		t.Error("a table was opened without an opener")
	}
}

func TestMatchDoesNotAllocate(t *testing.T) {
	l := newList(t, "a.example, b.example, !x.c.example, c.example", Parents, nil)
	ctx := t.Context()
	if n := testing.AllocsPerRun(100, func() { _, _ = l.Match(ctx, "y.z.c.example") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkMatch(b *testing.B) {
	items, _ := list.Items(strings.Repeat("a.example b.example ", 500)+"c.example", nil)
	l, _ := New(items, Parents, nil)
	b.ReportAllocs()
	for b.Loop() {
		_, _ = l.Match(b.Context(), "mail.c.example")
	}
}

func FuzzMatch(f *testing.F) {
	f.Add("!a.example, .example", "b.a.example", 1)
	f.Add("example.com", "a.example.com", 2)
	f.Fuzz(func(t *testing.T, value, domain string, below int) {
		items, err := list.Items(value, func(string) ([]byte, error) { return nil, nil })
		if err != nil {
			return
		}
		l, err := New(items, Subdomains(below&1+1), func(string) (Table, error) { return &table{}, nil })
		if err != nil {
			t.Fatal(err)
		}
		got, err := l.Match(t.Context(), domain)
		if err != nil || got && l.Len() == 0 {
			t.Fatalf("%v, %v", got, err)
		}
	})
}
