package scan

import (
	"errors"
	"io"
	"strings"

	"github.com/emersion/go-message"
)

// content returns a reader of the decoded content of a part: raw is the content as it stands in the
// message. Text comes in UTF-8 where its charset is known.
func (l *leaf) content(raw io.Reader) io.Reader {
	var h message.Header
	encoding := l.encoding
	if encoding == "base64" {
		raw = &alphabet{raw}
	}
	h.Set("Content-Transfer-Encoding", encoding)
	params := map[string]string{}
	if l.Charset != "" {
		params["charset"] = l.Charset
	}
	h.SetContentType(l.Type, params)
	e, _ := message.New(h, raw)
	return lenient{e.Body}
}

// alphabet drops what is not of base64's alphabet, as RFC 2045 §6.8 tells decoders to.
type alphabet struct{ r io.Reader }

// Read reads.
func (a *alphabet) Read(p []byte) (int, error) {
	for {
		n, err := a.r.Read(p)
		kept := 0
		for _, c := range p[:n] {
			if 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '+' || c == '/' || c == '=' {
				p[kept] = c
				kept++
			}
		}
		if kept > 0 || err != nil || len(p) == 0 {
			return kept, err
		}
	}
}

// lenient ends where a content cannot be decoded any further.
type lenient struct{ r io.Reader }

// Read reads.
func (l lenient) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	if err != nil && !errors.Is(err, ErrTime) && !errors.Is(err, ErrDisk) {
		err = io.EOF
	}
	return n, err
}

// texts reads the text parts one after the other, with a line end behind each.
type texts struct {
	m    *Message
	next int
	now  io.Reader
}

// Read reads.
func (t *texts) Read(p []byte) (int, error) {
	for {
		if t.now != nil {
			n, err := t.now.Read(p)
			if err == io.EOF {
				t.now, err = nil, nil
			}
			if n > 0 || err != nil {
				return n, err
			}
			continue
		}
		for t.next < len(t.m.leaves) && !strings.HasPrefix(t.m.leaves[t.next].Type, "text/") {
			t.next++
		}
		if t.next >= len(t.m.leaves) {
			return 0, io.EOF
		}
		t.now = io.MultiReader(t.m.part(t.next), strings.NewReader("\n"))
		t.next++
	}
}
