package checks_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/mtad/mtad/core/checks"
	"github.com/mtad/mtad/core/mail"
)

func TestActionsAndWhatTheyMeanAtDelivery(t *testing.T) {
	for value, want := range map[string]struct {
		valid, atDelivery bool
		log               string
	}{
		"reject no":           {true, false, "reject"},
		"IGNORE":              {true, true, ""},
		"STRIP because":       {true, true, "strip"},
		"REPLACE X: 1":        {true, true, "replace"},
		"REPLACE":             {false, false, "replace"},
		"PREPEND X: 1":        {true, true, "prepend"},
		"WARN look":           {true, true, "warning"},
		"INFO":                {true, true, "info"},
		"DUNNO":               {true, true, ""},
		"HOLD":                {true, false, "hold"},
		"FILTER smtp:[x]":     {true, false, "filter"},
		"BCC a@b":             {true, false, "bcc"},
		"DELAY 5":             {false, false, ""},
		"redirect a@b.c":      {true, false, "redirect"},
		"DISCARD":             {true, false, "discard"},
		"PASS":                {true, false, "pass"},
		"what is this":        {false, false, ""},
		"":                    {false, false, ""},
		"REDIRECT":            {false, false, "redirect"},
		"OK this is no check": {true, true, ""},
	} {
		a := checks.ParseAction(value)
		if a.Valid() != want.valid || a.AtDelivery() != want.atDelivery || a.LogWord() != want.log {
			t.Errorf("%q: %v %v %q", value, a.Valid(), a.AtDelivery(), a.LogWord())
		}
	}
}

const nested = "preamble\r\n--o\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\n folded\r\nContent-Type: text/plain\r\n\r\ninner line\r\n--o\r\n\r\nlast\r\n--o--\r\n"

// walk notes what is looked up, and lets change decide.
func walk(body string, change func(c checks.Class, unit string) (checks.Change, bool)) (seen []string, text string, err error) {
	p := checks.NewPatch(mail.Bytes(body))
	w := checks.Walk{ContentType: "multipart/mixed; boundary=o", Size: int64(len(body)), Line: 100, SizeLimit: 1000,
		Read: func(off int64, b []byte) (int, error) {
			n, err := mail.Bytes(body).ReadAt(b, off)
			if err == io.EOF {
				err = nil
			}
			return n, err
		},
		Look: func(c checks.Class, unit string) (checks.Change, bool) {
			seen = append(seen, c.String()+" "+unit)
			return change(c, unit)
		},
		Replace: func(begin, end int64, ch checks.Change, raw string) error {
			p.Replace(begin, end, ch.Apply(raw))
			return nil
		}}
	err = w.Run()
	b, _ := io.ReadAll(mail.Reader(p.Done()))
	return seen, string(b), err
}

func TestAWalkKnowsWhereItIs(t *testing.T) {
	seen, text, err := walk(nested, func(checks.Class, string) (checks.Change, bool) { return checks.Change{}, true })
	want := []string{"body_checks preamble", "body_checks --o", "mime_header_checks Content-Type: message/rfc822", "body_checks ",
		"nested_header_checks Subject: inner\n folded", "mime_header_checks Content-Type: text/plain", "body_checks ", "body_checks inner line",
		"body_checks --o", "body_checks ", "body_checks last", "body_checks --o--"}
	if err != nil || strings.Join(seen, "|") != strings.Join(want, "|") || text != nested {
		t.Fatalf("%v\n%q\n%q\n%q", err, seen, want, text)
	}
	seen, _, _ = walk(nested, func(_ checks.Class, unit string) (checks.Change, bool) { return checks.Change{}, unit != "--o" })
	if len(seen) != 2 {
		t.Fatalf("it goes on behind the end: %q", seen)
	}
}

func TestAPatchIsTheTextWithItsChanges(t *testing.T) {
	_, text, err := walk(nested, func(c checks.Class, unit string) (checks.Change, bool) {
		switch {
		case strings.HasPrefix(unit, "Subject"):
			return checks.Change{Drop: true}, true
		case unit == "inner line":
			return checks.Change{Drop: true, Put: "another line"}, true
		case unit == "last":
			return checks.Change{Before: "before"}, true
		}
		return checks.Change{}, true
	})
	want := strings.NewReplacer("Subject: inner\r\n folded\r\n", "", "inner line", "another line", "last", "before\r\nlast").Replace(nested)
	if err != nil || text != want {
		t.Fatalf("%v\n%q\n%q", err, text, want)
	}
}

func TestAPatchIsReadAtAnyOffset(t *testing.T) {
	p := checks.NewPatch(mail.Bytes("0123456789"))
	p.Replace(0, 1, "a")
	p.Replace(3, 5, "")
	p.Replace(5, 5, "bcd")
	p.Replace(9, 10, "")
	c := p.Done()
	const want = "a12bcd5678"
	if c.Size() != int64(len(want)) {
		t.Fatalf("%d bytes", c.Size())
	}
	for off := range len(want) {
		for n := 1; n <= len(want)+1-off; n++ {
			b := make([]byte, n)
			got, err := c.ReadAt(b, int64(off))
			end := min(off+n, len(want))
			if string(b[:got]) != want[off:end] || (err == io.EOF) != (off+n > len(want)) {
				t.Fatalf("at %d: %q, %v", off, b[:got], err)
			}
		}
	}
	if _, err := c.ReadAt(make([]byte, 1), -1); err == nil {
		t.Error("an offset below 0 is read")
	}
	short := checks.NewPatch(lying{mail.Bytes("0123")})
	short.Replace(1, 2, "x")
	if _, err := io.ReadAll(mail.Reader(short.Done())); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a text that is shorter than it says gives %v", err)
	}
	if same := checks.NewPatch(mail.Bytes("x")).Done(); !bytes.Equal(same.(mail.Bytes), []byte("x")) {
		t.Error("a patch without changes is not the text itself")
	}
}

// lying is longer than it is.
type lying struct{ mail.Bytes }

func (l lying) Size() int64 { return l.Bytes.Size() + 10 }
