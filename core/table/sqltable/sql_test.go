package sqltable

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mtad/mtad/core/table/query"
)

// schema is the table that all databases get.
const schema = `CREATE TABLE users (name VARCHAR(80), box VARCHAR(80), n INT);
INSERT INTO users VALUES ('alice@example.org', 'a/box', 1);
INSERT INTO users VALUES ('list@example.org', 'x@example.org', 2);
INSERT INTO users VALUES ('list@example.org', 'y@example.org', 3);
INSERT INTO users VALUES ('o''brien@example.org', 'irish', 4);
INSERT INTO users VALUES ('back\\slash', 'win', 5);
INSERT INTO users VALUES ('null@example.org', NULL, 6);`

func write(t testing.TB, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "table.cf")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func ask(t testing.TB, tb *Table, key string) string {
	t.Helper()
	v, ok, err := tb.Lookup(context.Background(), key)
	if err != nil {
		t.Fatalf("%q: %v", key, err)
	}
	if !ok {
		return "-"
	}
	return v
}

// suite asks a database that has the schema; conf says how it is reached.
func suite(t *testing.T, kind, conf string) {
	for _, c := range []struct{ name, conf, key, want string }{
		{"a value", "query = SELECT box FROM users WHERE name = '%s'", "Alice@Example.org", "a/box"},
		{"several values", "query = SELECT box FROM users WHERE name = '%s' ORDER BY n", "list@example.org", "x@example.org,y@example.org"},
		{"several columns", "query = SELECT box, n FROM users WHERE name = '%s' ORDER BY n", "alice@example.org", "a/box,1"},
		{"none", "query = SELECT box FROM users WHERE name = '%s'", "bob@example.org", "-"},
		{"null", "query = SELECT box FROM users WHERE name = '%s'", "null@example.org", "-"},
		{"a quote in a key", "query = SELECT box FROM users WHERE name = '%s'", "o'brien@example.org", "irish"},
		{"a key that would be SQL", "query = SELECT box FROM users WHERE name = '%s'", "' or '1'='1", "-"},
		{"a key that would be SQL where backslashes count", "query = SELECT box FROM users WHERE name = '%s'", `\' or 1=1 -- `, "-"},
		{"bytes that are no text", "query = SELECT box FROM users WHERE name = '%s'", "\xff\x00", "-"},
		{"parts", "query = SELECT box FROM users WHERE name = '%u@%2.%1'", "list@example.org", "x@example.org,y@example.org"},
		{"a part that is not there", "query = SELECT box FROM users WHERE name = '%d'", "list", "-"},
		{"a percent sign", "query = SELECT box FROM users WHERE name LIKE 'alice%%' AND name = '%s'", "alice@example.org", "a/box"},
		{"the older parameters", "select_field = box\ntable = users\nwhere_field = name\nadditional_conditions = AND n < 3", "alice@example.org", "a/box"},
		{"domain", "domain = example.net\nquery = SELECT box FROM users WHERE name = '%s'", "alice@example.org", "-"},
		{"result_format", "result_format = <%s:%U>\nquery = SELECT box FROM users WHERE name = '%s'", "alice@example.org", "<a/box:alice>"},
		{"result_format of another part", "result_format = %d\nquery = SELECT box FROM users WHERE name = '%s' ORDER BY n", "list@example.org", "example.org,example.org"},
		{"result_format: what has not the part does not count", "result_format = %d\nquery = SELECT box FROM users WHERE name = '%s'", "alice@example.org", "-"},
		{"result_format with a percent sign", "result_format = %%%s\nquery = SELECT box FROM users WHERE name = '%s'", "alice@example.org", "%a/box"},
		{"the older name of result_format", "result_filter = [%s]\nquery = SELECT box FROM users WHERE name = '%s'", "alice@example.org", "[a/box]"},
		{"domain: this one is asked for", "domain = example.net example.org\nquery = SELECT box FROM users WHERE name = '%s'", "alice@example.org", "a/box"},
		{"domain: a key without one is not", "domain = example.org\nquery = SELECT box FROM users WHERE name LIKE 'alice%%' OR name = '%s'", "alice", "-"},
		{"expansion_limit is not reached", "expansion_limit = 2\nquery = SELECT box FROM users WHERE name = '%s' ORDER BY n", "list@example.org", "x@example.org,y@example.org"},
		{"the whole key in capital letters", "query = SELECT box FROM users WHERE name = '%S'", "alice@example.org", "a/box"},
		{"a hostile user", "query = SELECT box FROM users WHERE name = '%u@example.org'", "x' OR '1'='1@example.org", "-"},
		{"a hostile domain", "query = SELECT box FROM users WHERE name = 'alice@%d'", "alice@x' UNION SELECT 'evil", "-"},
		{"a hostile label", "query = SELECT box FROM users WHERE name = 'alice@example.%1'", "a@x.org' --", "-"},
		{"a hostile pattern", "query = SELECT box FROM users WHERE name LIKE 'nobody%%' AND name = '%s'", "%", "-"},
		{"times", "idle_interval = 5\nretry_interval = 10s\nquery = SELECT box FROM users WHERE name = '%s'", "alice@example.org", "a/box"},
		{"a number", "query = SELECT box FROM users WHERE n = '%s'", "4", "irish"},
	} {
		t.Run(c.name, func(t *testing.T) {
			tb, err := Open(kind, write(t, conf+c.conf+"\n"), Options{Warn: func(s string) { t.Error(s) }})
			if err != nil {
				t.Fatal(err)
			}
			defer tb.Close()
			if got := ask(t, tb, c.key); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
	t.Run("expansion_limit", func(t *testing.T) {
		tb, err := Open(kind, write(t, conf+"expansion_limit = 1\nquery = SELECT box FROM users WHERE name = '%s'\n"), Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer tb.Close()
		if _, ok, err := tb.Lookup(context.Background(), "list@example.org"); ok || !errors.Is(err, query.ErrLimit) {
			t.Fatalf("got %v, %v", ok, err)
		}
	})
	t.Run("a query that fails is an error", func(t *testing.T) {
		tb, err := Open(kind, write(t, conf+"query = SELECT box FROM nothing WHERE name = '%s'\n"), Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer tb.Close()
		if _, ok, err := tb.Lookup(context.Background(), "k"); ok || err == nil {
			t.Fatalf("got %v, %v", ok, err)
		}
	})
}

func TestSQLite(t *testing.T) {
	file := filepath.Join(t.TempDir(), "odd name?#.db")
	db, err := sql.Open("sqlite", "file:"+strings.NewReplacer("?", "%3f", "#", "%23", " ", "%20").Replace(file))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(strings.ReplaceAll(schema, `\\`, `\`)); err != nil {
		t.Fatal(err)
	}
	db.Close()
	suite(t, "sqlite", "dbpath = "+file+"\n")
}

func TestBadParametersAreRefused(t *testing.T) {
	for conf, want := range map[string]string{
		"idle_interval = soon": "idle_interval", "retry_interval = -1": "retry_interval", "require_result_set = perhaps": "require_result_set",
		"expansion_limit = x": "expansion_limit", "result_format = %q": "result_format", "option_file = /etc/my.cnf": "option_file", "option_group = client": "option_group",
		"tls_CAfile = /nonexistent": "nonexistent", "tls_CApath = /nonexistent": "nonexistent", "tls_cert_file = /nonexistent": "nonexistent",
		"tls_verify_cert = perhaps": "tls_verify_cert",
	} {
		tb, err := Open("mysql", write(t, "user = u\nquery = SELECT '%s'\n"+conf+"\n"), Options{})
		if err == nil {
			_ = tb.Close()
			t.Errorf("%s was taken", conf)
		} else if !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", conf, err, want)
		}
	}
}

func TestAFileThatIsNotThereIsAnError(t *testing.T) {
	tb, err := Open("sqlite", write(t, "dbpath = /nonexistent/x.db\nquery = SELECT '%s'\n"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer tb.Close()
	if _, ok, err := tb.Lookup(context.Background(), "k"); ok || err == nil {
		t.Fatalf("got %v, %v", ok, err)
	}
}

func TestAPlaceThatWouldBeSQLIsRefused(t *testing.T) {
	for kind, bad := range map[string][]string{
		"sqlite": {"SELECT %s", "SELECT 'a", `SELECT x FROM t WHERE "%s" = 1`, "SELECT x'%s'", "SELECT '%q'"},
		"pgsql":  {"SELECT %u", `SELECT E'%s'`, `SELECT "%s"`},
		"mysql":  {"SELECT %d", `SELECT '\'`, "SELECT `%s`"},
	} {
		for _, q := range bad {
			if b, err := dialects()[kind].bind(q); err == nil {
				t.Errorf("%s took %s as %+v", kind, q, b)
			}
		}
	}
}

func TestStringsBecomeParameters(t *testing.T) {
	b, err := dialects()["pgsql"].bind("SELECT a FROM t WHERE b LIKE 'x%%' AND c='%u@%d' AND f('it''s %s')")
	if err != nil || b.sql != "SELECT a FROM t WHERE b LIKE 'x%' AND c=$1 AND f($2)" {
		t.Fatalf("%q %v", b.sql, err)
	}
	args, ok := b.fill("u@d")
	if !ok || fmt.Sprint(args) != "[u@d it's u@d]" {
		t.Fatal(args)
	}
}

func TestHostsThatFailAreLeftAlone(t *testing.T) {
	dir := t.TempDir()
	conf := "hosts = unix:" + dir + "/a, unix:" + dir + "/b\nuser = u\ndbname = d\nquery = SELECT '%s'\n"
	tb, err := Open("mysql", write(t, conf), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer tb.Close()
	_, ok, err := tb.Lookup(context.Background(), "k")
	if ok || err == nil || !strings.Contains(err.Error(), "/a:") || !strings.Contains(err.Error(), "/b:") {
		t.Fatalf("got %v, %v", ok, err)
	}
	if o := tb.order(); o[0].down.Load() == 0 || tb.retry != downTime {
		t.Errorf("both have failed, %v ago", tb.retry)
	}
	tb.hosts[0].down.Store(0)
	if tb.order()[0] != tb.hosts[0] {
		t.Error("the host that has not failed is not asked first")
	}
}

func FuzzBind(f *testing.F) {
	f.Add("SELECT a FROM t WHERE b LIKE 'x%%' AND c='%u@%d' AND f(\"it''s %s\")", "a@b")
	f.Fuzz(func(t *testing.T, text, key string) {
		for kind, d := range dialects() {
			b, err := d.bind(text)
			if err != nil {
				continue
			}
			// Invariant: the SQL does not depend on the key.
			if args, ok := b.fill(key); ok && len(args) != len(b.params) {
				t.Fatalf("%s: %d arguments for %d parameters", kind, len(args), len(b.params))
			}
		}
	})
}
