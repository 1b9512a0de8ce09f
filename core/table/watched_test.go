package table

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mtad/mtad/core/table/index"
)

func ask(t *testing.T, tb Table, key string) string {
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

// put replaces a file as careful editors do.
func put(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name+"~", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(name+"~", name); err != nil {
		t.Fatal(err)
	}
}

func putIndex(t *testing.T, name, key, value string) {
	t.Helper()
	w, err := index.Create(name + index.Suffix)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Put(key, value), w.Commit(0o600)); err != nil {
		t.Fatal(err)
	}
}

func TestTablesNoticeAChangedFile(t *testing.T) {
	for _, c := range []struct{ kind, before, after, key string }{
		{"hash", "k one\n", "k two\n", "k"},
		{"regexp", "/k/ one\n", "/k/ two\n", "k"},
		{"pcre", "/k/ one\n", "/k/ two\n", "k"},
		{"cidr", "1.1.1.1 one\n", "1.1.1.1 two\n", "1.1.1.1"},
	} {
		t.Run(c.kind, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "map")
			put(t, file, c.before)
			synctest.Test(t, func(t *testing.T) {
				tb, err := Open(c.kind+":"+file, Options{})
				if err != nil {
					t.Fatal(err)
				}
				put(t, file, c.after)
				if got := ask(t, tb, c.key); got != "one" {
					t.Fatalf("looked again at once: %s", got)
				}
				time.Sleep(lookEvery)
				if got := ask(t, tb, c.key); got != "two" {
					t.Fatalf("after a second: %s", got)
				}
			})
		})
	}
}

func TestAnIndexIsPreferredAndNoticed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "map")
	put(t, file, "k text\n")
	synctest.Test(t, func(t *testing.T) {
		tb, err := Open("hash:"+file, Options{})
		if err != nil {
			t.Fatal(err)
		}
		putIndex(t, file, "k", "index")
		time.Sleep(lookEvery)
		if got := ask(t, tb, "K"); got != "index" {
			t.Fatalf("got %s", got)
		}
		os.Remove(file + index.Suffix)
		time.Sleep(lookEvery)
		if got := ask(t, tb, "k"); got != "text" {
			t.Fatalf("got %s", got)
		}
		if err := Close(tb); err != nil {
			t.Fatal(err)
		}
	})
}

func TestABadChangeKeepsTheTable(t *testing.T) {
	file := filepath.Join(t.TempDir(), "map")
	put(t, file, "k one\n")
	synctest.Test(t, func(t *testing.T) {
		var warnings []string
		tb, err := Open("hash:"+file, Options{Warn: func(s string) { warnings = append(warnings, s) }})
		if err != nil {
			t.Fatal(err)
		}
		os.Remove(file)
		time.Sleep(lookEvery)
		if got := ask(t, tb, "k"); got != "one" || len(warnings) != 1 {
			t.Fatalf("got %s, %q", got, warnings)
		}
	})
}

func TestABigChangeIsReadBesideTheLookups(t *testing.T) {
	file := filepath.Join(t.TempDir(), "map")
	put(t, file, "k one\n")
	synctest.Test(t, func(t *testing.T) {
		tb, err := Open("hash:"+file, Options{})
		if err != nil {
			t.Fatal(err)
		}
		put(t, file, "k two\n"+strings.Repeat("# filler\n", loadAside/8))
		time.Sleep(lookEvery)
		if got := ask(t, tb, "k"); got != "one" && got != "two" {
			t.Fatalf("got %s", got)
		}
		tb.(*watched).aside.Wait()
		if got := ask(t, tb, "k"); got != "two" {
			t.Fatalf("got %s", got)
		}
	})
}

func TestATableOfWhichOnlyBerkeleyDBsFileExistsIsRead(t *testing.T) {
	_, err := Open("hash:"+filepath.Join(t.TempDir(), "map"), Options{})
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "map.mdx or") {
		t.Fatalf("got %v", err)
	}
	file := filepath.Join(t.TempDir(), "map")
	put(t, file+".db", berkeley(t))
	tb, err := Open("btree:"+file, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got := ask(t, tb, "User7@example.org"); got != "box7" {
		t.Fatalf("got %s", got)
	}
	put(t, file+".db", strings.Repeat("no database", 100))
	if _, err := Open("hash:"+file, Options{}); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("got %v", err)
	}
}

// berkeley is a file that Postfix's postmap wrote.
func berkeley(t *testing.T) string {
	t.Helper()
	f, err := os.Open("bdb/testdata/btree.db.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestCheckTellsWhatIsWrong(t *testing.T) {
	file := filepath.Join(t.TempDir(), "map")
	put(t, file, "k v\nlonely\nK again\n")
	got, err := Check("hash:"+file, Options{})
	want := fmt.Sprintf("[%s:2: expected format: key whitespace value -- ignoring this line %s:3: duplicate entry: \"K\"]", file, file)
	if fmt.Sprint(got) != want || err != nil {
		t.Fatalf("got %s, %v", got, err)
	}
	put(t, file, "/^\\d+$/ n\n/(/ bad\n")
	if got, _ := Check("regexp:"+file, Options{}); len(got) != 2 || !strings.Contains(got[0], file+`:1: \d is the letter d`) {
		t.Fatalf("got %q", got)
	}
	if _, err := Open("regexp:"+file, Options{}); err == nil || !strings.Contains(err.Error(), file+":2:") {
		t.Fatalf("nobody was told of a rule left out: %v", err)
	}
}

func TestSubstitutionIsRefusedThroughEveryDoor(t *testing.T) {
	o := Options{NoSubstitution: true}
	for _, spec := range []string{"pcre:{ {/(.)/ $1} }", "proxy:regexp:{ {/(.)/ $1} }", "unionmap:{ static:a, {pcre:{ {/(.)/ $1} }} }"} {
		if _, err := Open(spec, o); err == nil || !strings.Contains(err.Error(), "not allowed") {
			t.Errorf("%s: %v", spec, err)
		}
	}
}

func TestProxyAsksOnlyWhatItMay(t *testing.T) {
	o := Options{ProxyReadMaps: []string{"proxy:static:x", "static:y"}}
	if _, err := Open("proxy:static:x", o); err != nil {
		t.Fatal(err)
	}
	if _, err := Open("proxy:static:y", o); err == nil || !strings.Contains(err.Error(), "proxy_read_maps") {
		t.Fatalf("got %v", err)
	}
}

func TestSharedTablesAreOpenedOnce(t *testing.T) {
	opened := 0
	o := Options{Shared: &Shared{}, Plugin: func(name string) (Table, error) {
		opened++
		return static(name), nil
	}}
	for range 3 {
		if tb, err := Open("proxy:plugin:x", o); err != nil || ask(t, tb, "k") != "x" {
			t.Fatal(err)
		}
	}
	if opened != 1 {
		t.Fatalf("opened %d times", opened)
	}
	if err := o.Shared.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestPatternsWantWholeKeys(t *testing.T) {
	for spec, want := range map[string]bool{
		"pcre:{ {/a/ b} }": true, "cidr:{ {1.1.1.1 b} }": true, "inline:{ a=b }": false, "fail:x": true,
		"unionmap:{ inline:{a=b} }": false, "unionmap:{ {pcre:{ {/a/ b} }} }": true,
	} {
		tb, err := Open(spec, Options{Shared: &Shared{}})
		if err != nil {
			t.Fatal(err)
		}
		if wholeKey(tb) != want {
			t.Errorf("%s: %v", spec, !want)
		}
	}
}
