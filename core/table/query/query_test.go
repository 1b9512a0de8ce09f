package query

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestExpand(t *testing.T) {
	for _, c := range []struct {
		template, value, key, want string
		ok                         bool
	}{
		{"<%s|%u|%d|%1|%2|%%>", "a@b.example.org", "a@b.example.org", "<a@b.example.org|a|b.example.org|org|example|%>", true},
		{"%u", "plain", "plain", "plain", true},
		{"%d", "plain", "plain", "", false},
		{"%u", "@example.org", "@example.org", "", false},
		{"%4", "a@b.example.org", "a@b.example.org", "", false},
		{"%s %S %U %D", "x@y", "k@example.org", "x@y k@example.org k example.org", true},
		{"/var/%d/%u/", "box@host", "k", "/var/host/box/", true},
	} {
		tm, err := ParseTemplate(c.template)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := tm.Expand(c.value, c.key, Plain); got != c.want || ok != c.ok {
			t.Errorf("%s of %s: %q %v", c.template, c.value, got, ok)
		}
	}
	for _, bad := range []string{"%", "%x", "a%0"} {
		if _, err := ParseTemplate(bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

func load(t *testing.T, text string) *Params {
	t.Helper()
	file := filepath.Join(t.TempDir(), "t.cf")
	os.WriteFile(file, []byte(text), 0o600)
	p, err := Load(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestParameters(t *testing.T) {
	p := load(t, "# c\nhosts = a,\n  b\nbind = no\ntimeout = 2m\nnum = 7\nodd = 1\n")
	if got := strings.Join(p.List("hosts", ""), "|"); got != "a|b" {
		t.Error(got)
	}
	if b, err := p.Bool("bind", true); b || err != nil {
		t.Error(b, err)
	}
	if d, err := p.Seconds("timeout", 0); d != 2*time.Minute || err != nil {
		t.Error(d, err)
	}
	if n, err := p.Int("num", 0); n != 7 || err != nil {
		t.Error(n, err)
	}
	if got := p.Unused(); len(got) != 1 || got[0] != "odd" {
		t.Error(got)
	}
	p, err := Load("users", func(name string) (string, bool) { return "v", name == "users_query" })
	if err != nil || p.String("query", "") != "v" || p.Has("dbname") {
		t.Error("parameters of main.cf", err)
	}
	if _, err := Parse("f", []byte("a = b\nlonely\n")); err == nil || !strings.Contains(err.Error(), "f:2:") {
		t.Error(err)
	}
}

func TestRulesSayWhichKeysAreAsked(t *testing.T) {
	r, err := NewRules(load(t, "domain = example.org, example.net\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]bool{
		"a@example.org": true, "a@EXAMPLE.org": true, "a@other.org": false, "a": false, "@example.org": false, "example.org": false,
	} {
		if ok, err := r.Allows(context.Background(), key); ok != want || err != nil {
			t.Errorf("%s: %v %v", key, ok, err)
		}
	}
}

func TestResultsAreJoinedAndLimited(t *testing.T) {
	r, err := NewRules(load(t, "result_format = <%u>\nexpansion_limit = 2\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	s := r.Results("k")
	if _, found := s.Text(); found {
		t.Error("found without a value")
	}
	for _, v := range []string{"a@b", "", "@b", "c"} {
		if err := s.Add(v); err != nil {
			t.Fatal(err)
		}
	}
	if text, found := s.Text(); text != "<a>,<c>" || !found {
		t.Errorf("got %q", text)
	}
	if err := s.Add("d"); !errors.Is(err, ErrLimit) {
		t.Errorf("got %v", err)
	}
}

func FuzzTemplate(f *testing.F) {
	f.Add("<%s|%u|%d|%1%%>", "a@b.c")
	f.Fuzz(func(t *testing.T, s, key string) {
		tm, err := ParseTemplate(s)
		if err != nil {
			return
		}
		if tm.Places() == 0 {
			if got, ok := tm.Expand(key, key, Plain); !ok || got != strings.ReplaceAll(s, "%%", "%") {
				t.Fatalf("%q became %q", s, got)
			}
		}
		// Invariant: what is put in a place went through quote.
		out, ok := tm.Expand(key, key, func(string) string { return "" })
		if ok && len(out) > len(s) {
			t.Fatalf("%q became %q", s, out)
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add("hosts = a\n b\n#\nquery = %s")
	f.Fuzz(func(t *testing.T, s string) {
		all, err := Parse("f", []byte(s))
		for name := range all {
			if err != nil || name == "" || strings.TrimSpace(name) != name {
				t.Fatalf("%q, %v", name, err)
			}
		}
	})
}
