package mimeconv

import (
	"bytes"
	"mime"
	"strings"

	"github.com/mtad/mtad/core/mail"
)

const (
	maxHeaderBytes = 256 << 10
	maxLevels      = 50
)

// state is where in an entity a walk is.
type state uint8

const (
	inHeader state = iota // collecting the header
	inPlain               // text that is left as it is
	inText                // text that becomes quoted-printable
	inBinary              // data that becomes base64
)

// walk goes through a message line by line and knows where it is in its structure.
type walk struct {
	state  state
	header []byte // of the entity that is being collected
	top    bool   // it is the message's own
	digest bool   // it is a part of a multipart/digest: RFC 2046 §5.1.5
	levels []level

	qp     quoted
	base64 base64Lines
}

// level is a multipart that the walk is in.
type level struct {
	boundary []byte
	digest   bool
}

func (w *walk) begin() { w.state, w.top = inHeader, true }

// piece converts a line or, of a long one, a piece; start says that it begins a line.
func (w *walk) piece(out, p []byte, start bool) []byte {
	if start {
		if i, last := w.delimiter(p); i >= 0 {
			return w.cross(out, p, i, last)
		}
	}
	switch w.state {
	case inHeader:
		return w.headerPiece(out, p, start)
	case inText:
		return w.qp.encode(out, p)
	case inBinary:
		return w.base64.encode(out, p)
	}
	return append(out, p...)
}

// end finishes what is open at the end of the message.
func (w *walk) end(out []byte) []byte {
	switch w.state {
	case inHeader:
		out = append(out, w.header...)
	case inText:
		out = w.qp.end(out)
	case inBinary:
		out = w.base64.end(out, true)
	}
	w.state, w.header = inPlain, nil
	return out
}

// delimiter returns which level's delimiter line p is, innermost first, or -1. last: it closes
// that level.
func (w *walk) delimiter(p []byte) (i int, last bool) {
	if len(w.levels) == 0 || !bytes.HasPrefix(p, []byte("--")) {
		return -1, false
	}
	line, _ := withoutEnd(p)
	for i := len(w.levels) - 1; i >= 0; i-- {
		rest, ok := bytes.CutPrefix(line[2:], w.levels[i].boundary)
		if !ok {
			continue
		}
		rest, last := bytes.CutPrefix(rest, []byte("--"))
		if len(bytes.Trim(rest, " \t")) == 0 {
			return i, last
		}
	}
	return -1, false
}

// cross goes over the delimiter p of level i.
func (w *walk) cross(out, p []byte, i int, last bool) []byte {
	switch w.state {
	case inHeader:
		out = append(out, w.header...) // a header without a body
	case inText:
		out = w.qp.end(out)
	case inBinary:
		out = w.base64.end(out, false)
	}
	out = append(out, p...)
	w.header, w.top, w.digest = w.header[:0], false, w.levels[i].digest
	if last {
		w.levels, w.state = w.levels[:i], inPlain // the epilogue
	} else {
		w.levels, w.state = w.levels[:i+1], inHeader
	}
	return out
}

// headerPiece collects a header. It ends at an empty line, or at one that is no field.
func (w *walk) headerPiece(out, p []byte, start bool) []byte {
	if start {
		line, _ := withoutEnd(p)
		if len(line) == 0 {
			out = w.open(out)
			return append(out, p...)
		}
		continued := len(w.header) > 0 && (p[0] == ' ' || p[0] == '\t')
		if !continued && !isField(p) {
			// The body begins without an empty line. What was said about it still holds, but
			// a delimiter or a nested header cannot be told from it: leave it alone.
			out = append(append(out, w.header...), p...)
			w.state, w.header = inPlain, w.header[:0]
			return out
		}
	}
	w.header = append(w.header, p...)
	if len(w.header) > maxHeaderBytes {
		out = append(out, w.header...)
		w.state, w.header = inPlain, nil
	}
	return out
}

// isField reports whether a line, or the first piece of one, is a header field.
func isField(p []byte) bool {
	n, done := mail.Split(p)
	return n > 0 || !done && bytes.IndexByte(p, ':') > 0
}

// open ends the header and decides what becomes of the body.
func (w *walk) open(out []byte) []byte {
	h := mail.ParseHeader(bytes.Clone(w.header))
	was := strings.ToLower(h.Get("Content-Transfer-Encoding"))
	now := w.body(h, was)
	if now != "" && now != was {
		setEncoding(h, now)
		if w.top && h.Find("MIME-Version", 0) < 0 {
			h.Insert(-1, mail.NewField("MIME-Version", "1.0"))
		}
	}
	w.header = w.header[:0]
	return h.AppendTo(out)
}

// body sets the state for the body of the entity with header h, and returns the encoding that it
// will have, "" for as it is.
func (w *walk) body(h *mail.Header, encoding string) string {
	w.state = inPlain
	kind, params := contentType(h, w.digest)
	declared := encoding == "8bit" || encoding == "binary"
	opaque := !declared && encoding != "" && encoding != "7bit"
	switch main, _, _ := strings.Cut(kind, "/"); {
	case opaque:
		return ""
	case main == "multipart" && params["boundary"] != "" && len(w.levels) < maxLevels:
		w.levels = append(w.levels, level{[]byte(params["boundary"]), kind == "multipart/digest"})
	case kind == "message/rfc822" && len(w.levels) < maxLevels:
		w.state, w.top, w.digest = inHeader, false, false
	case !declared, main == "multipart", main == "message":
		// RFC 2046 §5.2: message/partial and its kind are 7bit and may not be encoded.
		return ""
	case main == "text":
		w.state, w.qp = inText, quoted{}
		return "quoted-printable"
	default:
		w.state, w.base64 = inBinary, base64Lines{}
		return "base64"
	}
	if declared {
		return "7bit"
	}
	return ""
}

// contentType returns type and parameters of an entity; text/plain, or in a digest
// message/rfc822, when it has none or one that makes no sense.
func contentType(h *mail.Header, digest bool) (string, map[string]string) {
	value := h.Get("Content-Type")
	kind, params, err := mime.ParseMediaType(value)
	if kind != "" && strings.Contains(kind, "/") && (err == nil || err == mime.ErrInvalidMediaParameter) {
		return kind, params
	}
	switch {
	case value != "":
		return "application/octet-stream", nil
	case digest:
		return "message/rfc822", nil
	}
	return "text/plain", nil
}

// setEncoding replaces the field, or fields, that name the encoding.
func setEncoding(h *mail.Header, encoding string) {
	const name = "Content-Transfer-Encoding"
	i := h.Find(name, 0)
	h.Replace(i, mail.NewField(h.Field(i).Name(), encoding))
	for j := h.Find(name, i+1); j >= 0; j = h.Find(name, j) {
		h.Delete(j)
	}
}
