//go:build wasip1

package main

import (
	"bufio"
	"bytes"
	"io"
	"mime"
	"strings"

	"github.com/mtad/mtad/plugins/sdk"
)

// Limits of what is looked at. What is deeper or comes later is left alone.
const (
	maxDepth  = 10
	maxParts  = 200
	maxHeader = 64 << 10 // of one part
)

// part is a text that the reader of the message sees, and where it stands in the body.
type part struct {
	html       bool
	charset    string
	encoding   string
	begin, end int64
}

// entity is what the header of a part says.
type entity struct {
	kind, encoding, disposition string
	params                      map[string]string
}

func entityOf(contentType, encoding, disposition string) entity {
	e := entity{kind: "text/plain", encoding: strings.ToLower(strings.TrimSpace(encoding))}
	if contentType != "" {
		kind, params, err := mime.ParseMediaType(contentType)
		if kind == "" || err != nil && err != mime.ErrInvalidMediaParameter {
			kind = "application/octet-stream" // what cannot be read is not changed
		}
		e.kind, e.params = kind, params
	}
	d, _, _ := strings.Cut(disposition, ";")
	e.disposition = strings.ToLower(strings.TrimSpace(d))
	return e
}

// structure finds the texts of a message: the first that is shown, in each of its alternatives.
func structure(tx sdk.Tx) ([]part, error) {
	w := &walker{r: bufio.NewReaderSize(tx.Body(), 16<<10), more: true}
	top := entityOf(tx.Header("Content-Type"), tx.Header("Content-Transfer-Encoding"), tx.Header("Content-Disposition"))
	w.entity(top, 0)
	if w.err != nil && w.err != io.EOF {
		return nil, w.err
	}
	return w.found, nil
}

// walker reads the body once, line by line. It stops when it knows enough.
type walker struct {
	r          *bufio.Reader
	pos, start int64 // behind the last line, its begin
	eol        int64 // the length of the line end before it
	lastEOL    int64
	cut        bool // the last line was only a piece of one
	boundaries []string
	found      []part
	parts      int
	more       bool // texts are still wanted
	err        error
}

// line reads the next line, or the next piece of a very long one.
func (w *walker) line() ([]byte, bool) {
	line, err := w.r.ReadSlice('\n')
	fresh := !w.cut
	w.cut = err == bufio.ErrBufferFull
	if err != nil && err != bufio.ErrBufferFull {
		w.err = err
	}
	if len(line) == 0 {
		return nil, false
	}
	w.start = w.pos
	w.pos += int64(len(line))
	w.eol, w.lastEOL = w.lastEOL, int64(len(line)-len(bytes.TrimRight(line, "\r\n")))
	if !fresh {
		return line[:0], true
	}
	return line, true
}

// boundary says which of the open multiparts has this line as its boundary, -1 for none.
func (w *walker) boundary(line []byte) (level int, last bool) {
	if !bytes.HasPrefix(line, []byte("--")) {
		return -1, false
	}
	line = bytes.TrimRight(line, " \t\r\n")
	for i := len(w.boundaries) - 1; i >= 0; i-- {
		switch rest, ok := bytes.CutPrefix(line[2:], []byte(w.boundaries[i])); {
		case ok && len(rest) == 0:
			return i, false
		case ok && string(rest) == "--":
			return i, true
		}
	}
	return -1, false
}

// skip reads up to a boundary. end is where the content before it ends.
func (w *walker) skip() (level int, last bool, end int64) {
	for {
		line, ok := w.line()
		if !ok {
			return -1, true, w.pos
		}
		if level, last := w.boundary(line); level >= 0 {
			return level, last, max(w.start-w.eol, 0)
		}
	}
}

// entity reads a part whose content begins here, up to the boundary that ends it.
func (w *walker) entity(e entity, depth int) (level int, last bool) {
	if kind, ok := strings.CutPrefix(e.kind, "multipart/"); ok && e.params["boundary"] != "" && identity(e.encoding) && depth < maxDepth {
		return w.multipart(kind, e.params["boundary"], depth)
	}
	begin := w.pos
	level, last, end := w.skip()
	if w.more && e.shown() {
		w.found = append(w.found, part{e.kind == "text/html", strings.ToLower(e.params["charset"]), e.encoding, begin, max(begin, end)})
	}
	return level, last
}

// shown reports whether a part is text that a mail program shows.
func (e *entity) shown() bool {
	return (e.kind == "text/plain" || e.kind == "text/html") && e.disposition != "attachment" && e.params["name"] == ""
}

func identity(encoding string) bool {
	return encoding == "" || encoding == "7bit" || encoding == "8bit" || encoding == "binary"
}

// multipart reads the parts of a multipart. A message with something signed or encrypted in it, and a
// notice, is not changed from there on.
func (w *walker) multipart(kind, boundary string, depth int) (level int, last bool) {
	if kind == "signed" || kind == "encrypted" || kind == "report" || kind == "digest" {
		w.more = false
	}
	own, before := len(w.boundaries), len(w.found)
	w.boundaries = append(w.boundaries, boundary)
	level, last, _ = w.skip()
	for level == own && !last && w.more {
		if w.parts++; w.parts > maxParts || kind != "alternative" && len(w.found) > before {
			break // after the first text of all but alternatives come attachments
		}
		e, hit, lastHit := w.header()
		if hit >= 0 { // a part that is nothing but a begin of a header
			level, last = hit, lastHit
			continue
		}
		level, last = w.entity(e, depth+1)
	}
	w.boundaries = w.boundaries[:min(own, len(w.boundaries))]
	if depth == 0 || level >= 0 && level < own {
		return level, last
	}
	level, last, _ = w.skip() // what is left belongs to the multipart around
	return level, last
}

// header reads the header of a part. hit is the boundary that came before its end, or -1.
func (w *walker) header() (e entity, hit int, last bool) {
	fields, name := map[string]string{}, ""
	size := 0
	for {
		line, ok := w.line()
		if level, last := w.boundary(line); ok && level >= 0 {
			return entity{}, level, last
		}
		text := bytes.TrimRight(line, "\r\n")
		if !ok || len(text) == 0 && !w.cut && len(line) > 0 {
			return entityOf(fields["content-type"], fields["content-transfer-encoding"], fields["content-disposition"]), -1, false
		}
		if size += len(text); size > maxHeader || len(text) == 0 {
			continue
		}
		if text[0] == ' ' || text[0] == '\t' {
			fields[name] += string(text)
			continue
		}
		before, after, ok := bytes.Cut(text, []byte(":"))
		name = strings.ToLower(string(bytes.TrimRight(before, " \t")))
		if _, again := fields[name]; again || !ok {
			name = "" // the first one counts, as for most programs
		}
		fields[name] = strings.TrimSpace(string(after))
	}
}
