package checks

import "strings"

// blockSize is how much of the body is read at a time; a field of a MIME part that is longer is
// looked up in pieces.
const blockSize = 64 << 10

// Walk goes through the units of a body. One goroutine uses it, once.
type Walk struct {
	// ContentType is the message's.
	ContentType string
	// Size is the length of the body. Line is the length in bytes beyond which lines are looked
	// up in pieces (line_length_limit), SizeLimit how many bytes of each part are looked at as
	// body (body_checks_size_limit).
	Size      int64
	Line      int
	SizeLimit int64
	// Nesting and Boundary are mime_nesting_limit and mime_boundary_length_limit, 0 for their defaults.
	// Flat leaves the structure alone: everything is one body (disable_mime_input_processing).
	Nesting, Boundary int
	Flat              bool
	// Read fills p from an offset and returns the number of bytes, 0 at the end.
	Read func(off int64, p []byte) (int, error)
	// Look says what becomes of a unit; more is false when nothing else is to be looked at.
	Look func(c Class, unit string) (ch Change, more bool)
	// Replace is told of the changes, in order: of raw, which stands from begin to end.
	Replace func(begin, end int64, ch Change, raw string) error

	parts parts
	off   int64 // where the text begins that is looked at
	seen  int64 // bytes of this part that came by
	over  bool
	err   error
}

// Run reads the body block by block and takes the complete units off each.
func (w *Walk) Run() error {
	if w.Flat {
		w.ContentType = ""
	}
	w.parts = newParts(w.ContentType, w.Nesting, w.Boundary)
	buf := make([]byte, min(blockSize, max(w.Size, 1)))
	for !w.over {
		n, err := w.Read(w.off, buf)
		if err != nil || n == 0 {
			return err
		}
		w.block(string(buf[:n]), w.off+int64(n) >= w.Size)
	}
	return w.err
}

// block takes units off a text until only the begin of one is left, which stands at w.off then.
// last: no more text follows.
func (w *Walk) block(text string, last bool) {
	whole := len(text)
	for len(text) > 0 && !w.over {
		n := w.unit(text)
		if n == 0 {
			if !last && len(text) < whole {
				return // goes on in the next block
			}
			n = len(text)
		}
		w.take(text[:n])
		w.off += int64(n)
		text = text[n:]
	}
}

// unit returns the length of the first unit of text: a line or a piece of one; in a header a field
// with the lines that continue it. 0: its end is not in sight.
func (w *Walk) unit(text string) int {
	end := strings.IndexByte(text, '\n') + 1
	if !w.parts.inHeader() {
		if (end == 0 || end > w.Line+2) && len(text) > w.Line+2 {
			return w.Line
		}
		return end
	}
	if end == 0 || end <= 2 && strings.Trim(text[:end], "\r\n") == "" || w.parts.isBoundary(text[:end]) {
		return end
	}
	for end < len(text) {
		if text[end] != ' ' && text[end] != '\t' {
			return end
		}
		n := strings.IndexByte(text[end:], '\n') + 1
		if n == 0 {
			return 0
		}
		end += n
	}
	return 0
}

// take looks a unit up.
func (w *Walk) take(raw string) {
	c := w.parts.next(raw)
	if w.parts.fresh {
		w.seen, w.parts.fresh = 0, false
	}
	line := strings.TrimRight(raw, "\r\n")
	if c != Body {
		if strings.IndexByte(line, '\r') >= 0 {
			line = strings.ReplaceAll(line, "\r\n", "\n")
		}
		c = ClassOf(line, c)
	} else {
		if w.seen >= w.SizeLimit {
			return
		}
		w.seen += int64(len(raw))
	}
	ch, more := w.Look(c, line)
	if ch != (Change{}) {
		w.err = w.Replace(w.off, w.off+int64(len(raw)), ch, raw)
	}
	w.over = !more || w.err != nil
}
