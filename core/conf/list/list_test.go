package list

import (
	"io/fs"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestSplit(t *testing.T) {
	tests := []struct {
		name, value string
		want        []string
	}{
		{"nothing", " , \t", nil},
		{"commas and spaces mixed", "a, b c,d\te ,, f", []string{"a", "b", "c", "d", "e", "f"}},
		{"braces stay whole", "inline:{ a=b, c=d } x", []string{"inline:{ a=b, c=d }", "x"}},
		{"braces in braces", "{ a, { b c } } d", []string{"{ a, { b c } }", "d"}},
		{"braces that do not close", "a { b c", []string{"a", "{ b c"}},
		{"a closing brace alone", "a } b", []string{"a", "}", "b"}},
		{"a table and its exclusion", "!hash:/etc/x, [::1]/128", []string{"!hash:/etc/x", "[::1]/128"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := Split(tt.value); !slices.Equal(got, tt.want) {
				t.Fatalf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestPayload(t *testing.T) {
	for s, want := range map[string]string{"{ a = b }": "a = b", "{}": "", "{a}": "a", "{{a}{b}}": "{a}{b}"} {
		if got, ok := Payload(s); !ok || got != want {
			t.Errorf("%q holds %q, %v", s, got, ok)
		}
	}
	for _, s := range []string{"a", "{a", "a}", "{", "", "{a}{b}", "{a}}", "}{"} {
		if got, ok := Payload(s); ok || got != s {
			t.Errorf("%q holds %q, %v", s, got, ok)
		}
	}
}

// files is a small disk.
type files map[string]string

func (f files) read(path string) ([]byte, error) {
	if text, ok := f[path]; ok {
		return []byte(text), nil
	}
	return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
}

func TestItems(t *testing.T) {
	disk := files{
		"/nets":  "# lab\n10.0.0.0/8\n  10.1.0.0/16\n!10.2.0.0/16\n",
		"/outer": "a /nets\n",
		"/empty": "#\n",
	}
	nets := func(not bool) []Item {
		return []Item{{"10.0.0.0/8", not, "/nets", 2}, {"10.1.0.0/16", not, "/nets", 2}, {"10.2.0.0/16", !not, "/nets", 4}}
	}
	tests := []struct {
		name, value string
		want        []Item
	}{
		{"words", "a, !b", []Item{{Text: "a"}, {Text: "b", Not: true}}},
		{"two exclusions cancel", "!!a", []Item{{Text: "a"}}},
		{"a file", "x, /nets", append([]Item{{Text: "x"}}, nets(false)...)},
		{"an excluded file turns its elements", "!/nets", nets(true)},
		{"a file that names a file", "/outer", append([]Item{{"a", false, "/outer", 1}}, nets(false)...)},
		{"an empty file", "/empty", nil},
		{"a table", "hash:/etc/x", []Item{{Text: "hash:/etc/x"}}},
		{"an inline table", "!inline:{ {a = b} }", []Item{{Text: "inline:{ {a = b} }", Not: true}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Items(tt.value, disk.read)
			if err != nil || !reflect.DeepEqual(got, tt.want) {
				t.Fatalf("got %+v, %v; want %+v", got, err, tt.want)
			}
		})
	}
}

func TestItemsRefuses(t *testing.T) {
	disk := files{"/self": "a\n/self\n", "/bad": "a\n\nb !\n"}
	for value, want := range map[string]string{
		"/self":     "20 levels deep",
		"a !":       `no pattern after "!"`,
		"/bad":      "/bad:3: no pattern",
		"inline:{a": "do not close",
	} {
		if got, err := Items(value, disk.read); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q gives %v, %v; want an error with %q", value, got, err, want)
		}
	}
}

func TestAFileThatIsNotThereIsATableThatFails(t *testing.T) {
	got, err := Items("a !/missing /inside", files{"/inside": "b\n/gone\n"}.read)
	want := []Item{{Text: "a"}, {Text: "fail:/missing", Not: true}, {Text: "b", File: "/inside", Line: 1}, {Text: "fail:/gone", File: "/inside", Line: 2}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestIsTable(t *testing.T) {
	for text, want := range map[string]bool{"hash:/x": true, "[::1]/128": false, "10.0.0.0/8": false, "fd00::/8": true, "a.example": false} {
		if got := (Item{Text: text}).IsTable(); got != want {
			t.Errorf("%q is a table: %v", text, got)
		}
	}
	if s := (Item{Text: "a", Not: true}).String(); s != "!a" {
		t.Errorf("got %q", s)
	}
	if s := (Item{Text: "a"}).String(); s != "a" {
		t.Errorf("got %q", s)
	}
}

func FuzzSplit(f *testing.F) {
	f.Add("a, b {c d} !e inline:{ {x = y} }")
	f.Add("{ } } {")
	f.Fuzz(func(t *testing.T, value string) {
		elements := Split(value)
		for _, e := range elements {
			if e == "" || strings.ContainsAny(e[:1], separators) {
				t.Fatalf("element %q of %q", e, value)
			}
		}
		if again := Split(strings.Join(elements, ",")); strings.Count(value, "{") == 0 && !slices.Equal(again, elements) {
			t.Fatalf("%q became %q and then %q", value, elements, again)
		}
		if _, err := Items(value, files{"/a": value}.read); err != nil && err.Error() == "" {
			t.Fatal("an error that says nothing")
		}
	})
}
