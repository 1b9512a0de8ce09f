package mail

import (
	"bytes"
	"testing"
)

func TestSplitEndsTheHeaderWhereFieldsEnd(t *testing.T) {
	for _, c := range []struct {
		name, text string
		n          int
		done       bool
	}{
		{"at the empty line", "A: 1\r\nB: 2\r\n\r\nbody", 12, true},
		{"at a line without a colon", "A: 1\r\nno colon here\r\n\r\n", 6, true},
		{"at once when there is none", "\r\nbody", 0, true},
		{"not before the line is whole", "A: 1\r\nB: ", 6, false},
		{"behind a continuation", "A: 1\r\n 2\r\n\r\n", 10, true},
		{"a first line with leading space is no field", " A: 1\r\n\r\n", 0, true},
		{"space before the colon is allowed", "A : 1\r\n\r\n", 7, true},
		{"a From_ line is no field", "From a@b Mon\r\nA: 1\r\n\r\n", 0, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			if n, done := Split([]byte(c.text)); n != c.n || done != c.done {
				t.Fatalf("Split = %d, %v; want %d, %v", n, done, c.n, c.done)
			}
		})
	}
}

func TestHeaderKeepsBytesThatNoEditTouched(t *testing.T) {
	block := "Subject:  odd   spacing \r\n\tfolded\r\nX-8: \xff\xfe\r\nsubject: second\r\n"
	h := ParseHeader([]byte(block))
	h.Insert(0, NewField("Received", "by us"))
	h.Replace(2, NewField("X-8", "clean"))
	h.Delete(3)
	want := "Received: by us\r\nSubject:  odd   spacing \r\n\tfolded\r\nX-8: clean\r\n"
	if got := string(h.Bytes()); got != want || h.Size() != len(want) {
		t.Fatalf("got %q (size %d), want %q", got, h.Size(), want)
	}
	if v := h.Get("SUBJECT"); v != "odd   spacing \tfolded" {
		t.Fatalf("value %q", v)
	}
}

func TestNewFieldCannotSmuggle(t *testing.T) {
	for _, v := range []string{"a\r\nEvil: 1", "a\nEvil: 1", "a\r\n\r\nbody", "a\r\n", "a\x00b", "a\rb"} {
		h := ParseHeader(NewField("X", v).Raw())
		n, done := Split(NewField("X", v).Raw())
		if h.Len() != 1 || done || n != h.Size() {
			t.Errorf("%q made %q", v, h.Bytes())
		}
	}
}

func FuzzHeader(f *testing.F) {
	for _, s := range []string{"A: 1\r\n b\r\nC:\r\n", "x", " lead\r\nA:b\r\n", ":\r\n\r\n", "A\t:\r\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		n, _ := Split(text)
		for _, block := range [][]byte{text, text[:n]} {
			h := ParseHeader(append([]byte(nil), block...))
			if got := h.Bytes(); !bytes.Equal(got, block) || h.Size() != len(block) {
				t.Fatalf("%q became %q", block, got)
			}
			for i := range h.Len() {
				h.Field(i).Value()
			}
		}
		h := ParseHeader(NewField("X", string(text)).Raw())
		if h.Len() != 1 {
			t.Fatalf("value %q made %d fields", text, h.Len())
		}
	})
}

func TestJoinedReadsAcrossTheSeam(t *testing.T) {
	j := Joined{Bytes("hello "), Bytes("world")}
	for off := range 11 {
		for n := 1; n <= 11-off; n++ {
			p := make([]byte, n)
			if k, err := j.ReadAt(p, int64(off)); k != n || err != nil || string(p) != "hello world"[off:off+n] {
				t.Fatalf("ReadAt(%d, %d) = %q, %d, %v", n, off, p, k, err)
			}
		}
	}
}
