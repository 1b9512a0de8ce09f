package source

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
)

// read returns what a text has, each entry as "line key=value" and each problem as "line !text".
func read(t testing.TB, f Format, text string) []string {
	t.Helper()
	var all []string
	rd := Reader{
		Format:  f,
		Entry:   func(e Entry) error { all = append(all, fmt.Sprintf("%d %s=%s", e.Line, e.Key, e.Value)); return nil },
		Problem: func(p Problem) { all = append(all, fmt.Sprintf("%d !%s", p.Line, p.Text)) },
	}
	if err := rd.Read(strings.NewReader(text)); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestRead(t *testing.T) {
	for _, c := range []struct {
		name   string
		format Format
		text   string
		want   []string
	}{
		{"entries, comments, continuation", Map, "# c\n\nA  x y \n\tz\n#\n b\nk v", []string{"3 A=x y \tz b", "7 k=v"}},
		{"quotes stay", Map, `"a \"b"@x v` + "\n", []string{`1 "a \"b"@x=v`}},
		{"quotes that do not close", Map, "\"a b\n", []string{`1 !unbalanced '"' in "\"a b"`}},
		{"a key without value", Map, "a b\nlonely\nc d\n", []string{"1 a=b", "2 !" + wantMap, "3 c=d"}},
		{"an indented first line", Map, " a b\nc d\n", []string{`1 !logical line must not start with whitespace: " a b"`, "2 c=d"}},
		{"aliases", Aliases, "root: a, b\n  c\nPost Master : x\n\"quo:ted\": y\nz:\nlonely\n", []string{"1 root=a, b c", "3 Post Master=x", "4 quo:ted=y", "5 !" + wantAliases, "6 !" + wantAliases}},
		{"values in one form", Aliases, "a: \"|/bin/cmd  x  y\", b\nb: x,y\nc: x ,  y  (comment)  z\nd: a ; b\ne: \\joe, \\mary\nu: ;\n", []string{
			`1 a="|/bin/cmd  x  y", b`, "2 b=x, y", "3 c=x, y (comment) z", "4 d=a;b", "5 e=joe, mary", "6 u=;"}},
		{"a name that is not local", Aliases, "\"m n\"@x: y\n", []string{`1 !name must be local: "\"m n\"@x"`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := read(t, c.format, c.text); !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %q\nwant %q", got, c.want)
			}
		})
	}
}

func TestALineOfAnyLengthIsReadOrRefused(t *testing.T) {
	long := "k " + strings.Repeat("v", 200<<10) + "\n"
	if got := read(t, Map, long); len(got) != 1 || len(got[0]) != len(long)+1 {
		t.Fatalf("got %d entries", len(got))
	}
	rd := Reader{Entry: func(Entry) error { return nil }}
	if err := rd.Read(strings.NewReader("k " + strings.Repeat("v", 2*maxLine))); err == nil {
		t.Fatal("a line without end was read")
	}
}

func FuzzRead(f *testing.F) {
	f.Add(false, "a b\n c\n\"q q\" v\n#\nx")
	f.Add(true, "a: b\n c\n\"q:q\": v\nx\n(c):d")
	f.Fuzz(func(t *testing.T, aliases bool, text string) {
		form := Map
		if aliases {
			form = Aliases
		}
		last := 0
		rd := Reader{Format: form, Entry: func(e Entry) error {
			if e.Line <= last || e.Key == "" && form == Aliases || strings.Contains(e.Key+e.Value, "\n") {
				t.Fatalf("%+v after line %d", e, last)
			}
			last = e.Line
			return nil
		}}
		if err := rd.Read(strings.NewReader(text)); err != nil && len(text) < maxLine {
			t.Fatal(err)
		}
	})
}
