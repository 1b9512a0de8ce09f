package lines

import (
	"strings"
	"testing"
)

func TestRead(t *testing.T) {
	tests := []struct {
		name, data string
		want       []string
	}{
		{"nothing", "", nil},
		{"only comments and blank lines", "# a\n\n   \n\t# b\n", nil},
		{"a line without newline at the end", "a = b", []string{"a = b"}},
		{"white space continues", "a = b,\n  c\n\td\nx = y\n", []string{"a = b,  c\td", "x = y"}},
		{"comments and blank lines inside a value", "a = b,\n# no\n\n  # nor this\n  c\n", []string{"a = b,  c"}},
		{"a comment in column one does not end a value", "a = b\n#\n c\n", []string{"a = b c"}},
		{"a first line that is indented", "  a = b\nc = d", []string{"  a = b", "c = d"}},
		{"carriage returns stay", "a = b\r\n c\r\n", []string{"a = b\r c\r"}},
		{"a hash after text is text", "a = b # c\n", []string{"a = b # c"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := Read([]byte(tt.data))
			if len(got) != len(tt.want) {
				t.Fatalf("got %d lines %+v, want %d", len(got), got, len(tt.want))
			}
			for i := range got {
				if got[i].Text != tt.want[i] {
					t.Errorf("line %d is %q, want %q", i, got[i].Text, tt.want[i])
				}
			}
		})
	}
}

func TestAnIndentedFirstLineIsMarked(t *testing.T) {
	got := Read([]byte(" a\nb\n c\n"))
	if !got[0].Indented || got[1].Indented {
		t.Fatalf("got %+v", got)
	}
}

func TestNumberNamesThePhysicalLine(t *testing.T) {
	l := Read([]byte("# one\nfirst\n# three\n  fourth\n\n\tsixth\nother\n"))
	for word, want := range map[string]int{"first": 2, "fourth": 4, "sixth": 6} {
		if got := l[0].Number(strings.Index(l[0].Text, word)); got != want {
			t.Errorf("%s is on line %d, want %d", word, got, want)
		}
	}
	if got := l[0].Number(1000); got != 6 {
		t.Errorf("an offset past the end is on line %d, want 6", got)
	}
	if got := (&Line{}).Number(0); got != 1 {
		t.Errorf("an empty line has number %d, want 1", got)
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte("a = b\n  c\n#\n\nd"))
	f.Fuzz(func(t *testing.T, data []byte) {
		last := 0
		for _, l := range Read(data) {
			if strings.Contains(l.Text, "\n") {
				t.Fatalf("newline in %q", l.Text)
			}
			if n := l.Number(0); n <= last {
				t.Fatalf("line %q has number %d after %d", l.Text, n, last)
			}
			last = l.Number(len(l.Text))
		}
	})
}
