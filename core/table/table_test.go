package table

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestLookup(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "map")
	os.WriteFile(file, []byte("# comment\n\nAlice@Example.org  one\n  two\n\"quoted key\" v\nalice@example.org twice\nx\ty z\n"), 0o600)
	passwd := filepath.Join(dir, "passwd")
	os.WriteFile(passwd, []byte("root:x:0:0::/root:/bin/sh\n"), 0o600)
	o := Options{Default: "hash", Passwd: passwd, Environ: func(k string) (string, bool) { return "v", k == "K" }}
	for _, c := range []struct {
		spec, key, value string
		found            bool
	}{
		{"hash:" + file, "alice@example.org", "one  two", true},
		{"lmdb:" + file, "ALICE@example.ORG", "one  two", true},
		{"texthash:" + file, `"quoted key"`, "v", true}, // the quotes are part of it, as in Postfix
		{file, "x", "y z", true},
		{"hash:" + file, "nobody", "", false},
		{"static:all", "whatever", "all", true},
		{"static:{ with space }", "whatever", "with space", true},
		{"inline:{ {a = b c}, {D=e} }", "a", "b c", true},
		{"inline:{ a=b, d=e }", "D", "e", true},
		{"inline:{ a=b }", "z", "", false},
		{"environ:", "K", "v", true},
		{"internal:x", "K", "", false},
		{"unix:passwd.byname", "root", "root:x:0:0::/root:/bin/sh", true},
		{"unix:passwd.byname", "nobody", "", false},
		{"proxy:unix:passwd.byname", "root", "root:x:0:0::/root:/bin/sh", true},
		{"unionmap:{ static:a, {inline:{ k=b }} }", "k", "a,b", true},
		{"unionmap:{ static:a, {inline:{ k=b }} }", "z", "a", true},
		{"pipemap:{ inline:{ a=b }, inline:{ b=c } }", "a", "c", true},
		{"pipemap:{ inline:{ a=b }, inline:{ x=c } }", "a", "", false},
		{"randmap:{ one }", "whatever", "one", true},
		{"regexp:{ {/^a(.)$/ <$1>} }", "ab", "<b>", true},
		{"pcre:{ {/^\\d+$/ n} }", "42", "n", true},
		{"cidr:{ {10.0.0.0/8 in} }", "10.1.1.1", "in", true},
	} {
		t.Run(c.spec+" "+c.key, func(t *testing.T) {
			tb, err := Open(c.spec, o)
			if err != nil {
				t.Fatal(err)
			}
			v, ok, err := tb.Lookup(context.Background(), c.key)
			if v != c.value || ok != c.found || err != nil {
				t.Fatalf("got %q, %v, %v; want %q, %v", v, ok, err, c.value, c.found)
			}
		})
	}
}

func TestErrorsNameTheirPlace(t *testing.T) {
	file := filepath.Join(t.TempDir(), "map")
	os.WriteFile(file, []byte("a b\nlonely\n"), 0o600)
	if _, err := Open("hash:"+file, Options{}); err == nil || !strings.Contains(err.Error(), file+":2:") {
		t.Fatalf("got %v", err)
	}
	if _, err := Open("nis:x", Options{}); !errors.Is(err, ErrType) {
		t.Fatalf("got %v", err)
	}
}

func TestTypesAreInOrderAndCanBeOpened(t *testing.T) {
	names := Types()
	if !slices.IsSorted(names) || len(names) < 30 {
		t.Fatal(names)
	}
	for _, kind := range names {
		if _, err := Open(kind+":/nonexistent/x", Options{Default: "static"}); errors.Is(err, ErrType) && !strings.Contains(err.Error(), "no plugins here") {
			t.Errorf("%s: %v", kind, err)
		}
	}
	for _, kind := range []string{"nis", "memcache"} {
		if _, err := Open(kind+":x", Options{}); !errors.Is(err, ErrType) || !strings.Contains(err.Error(), "; use ") {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

func TestAFailureIsNeverNotFound(t *testing.T) {
	m, err := OpenMaps([]string{"internal:x", "fail:x", "static:y"}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, ok, err := m.Lookup(context.Background(), "k"); ok || err == nil {
		t.Fatalf("got %v, %v", ok, err)
	}
}

func FuzzParseText(f *testing.F) {
	f.Add("a b\n c\n#x\n\"q q\" v\n")
	f.Fuzz(func(t *testing.T, s string) {
		tb, err := ParseText("f", []byte(s))
		if err == nil && tb == nil {
			t.Fatal("neither a table nor an error")
		}
	})
}
