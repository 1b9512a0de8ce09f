package checks

import (
	"strings"

	"github.com/mtad/mtad/plugins/sdk"
)

// blockSize is how much of the body is read at a time; a field of a MIME part that is longer is
// looked up in pieces.
const blockSize = 64 << 10

// body looks the body up, line by line, with the headers of its MIME parts.
func (in *inspection) body() {
	w := walk{inspection: in, parts: newParts(in.tx.Header("Content-Type"))}
	w.lines()
	in.rewrite.finish(in)
}

// walk goes through the lines of a body.
type walk struct {
	*inspection
	parts parts
	off   int64 // where the text begins that is looked at
	seen  int64 // bytes of this part that came by
}

// lines reads the body block by block and takes the complete units off each.
func (w *walk) lines() {
	buf := make([]byte, min(blockSize, max(w.tx.Host.BodySize(), 1)))
	for !w.over {
		n, e := w.tx.Host.BodyRead(w.off, buf)
		if e != sdk.OK {
			w.fault(e)
			return
		}
		if n == 0 {
			return
		}
		last := w.off+int64(n) >= w.tx.Host.BodySize()
		w.block(string(buf[:n]), last)
	}
}

// block takes units off a text until only the begin of one is left, which stands at w.off then.
// last: no more text follows.
func (w *walk) block(text string, last bool) {
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
func (w *walk) unit(text string) int {
	end := strings.IndexByte(text, '\n') + 1
	if !w.parts.inHeader() {
		if (end == 0 || end > w.o.line+2) && len(text) > w.o.line+2 {
			return w.o.line
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
func (w *walk) take(raw string) {
	c := w.parts.next(raw)
	if w.parts.fresh {
		w.seen, w.parts.fresh = 0, false
	}
	line := strings.TrimRight(raw, "\r\n")
	if c != inBody {
		if strings.IndexByte(line, '\r') >= 0 {
			line = strings.ReplaceAll(line, "\r\n", "\n")
		}
		c = classOf(line, c)
	} else {
		if w.seen >= w.o.sizeLimit {
			return
		}
		w.seen += int64(len(raw))
	}
	if ch := w.look(c, line); ch != (change{}) {
		w.rewrite.replace(w.inspection, w.off, w.off+int64(len(raw)), ch, raw)
	}
}

// rewriter writes a body anew as soon as a line of it changes.
type rewriter struct {
	begun bool
	kept  int64 // what of the old body is in the new one, or left out of it
}

// replace makes the change of the unit raw, which stands from begin to end.
func (r *rewriter) replace(in *inspection, begin, end int64, ch change, raw string) {
	if !r.begun {
		in.errno(in.tx.Host.BodyBegin())
		r.begun = in.err == nil
	}
	r.copy(in, begin)
	out := ""
	if ch.before != "" {
		out = ch.before + "\r\n"
	}
	switch {
	case !ch.drop:
		out += raw
	case ch.put != "":
		out += ch.put + "\r\n"
	}
	r.write(in, out)
	r.kept = end
}

func (r *rewriter) write(in *inspection, text string) {
	if r.begun && in.err == nil && text != "" {
		in.errno(in.tx.Host.BodyWrite([]byte(text)))
	}
}

// copy copies the old body up to end.
func (r *rewriter) copy(in *inspection, end int64) {
	buf := make([]byte, min(blockSize, max(end-r.kept, 0)))
	for r.kept < end && in.err == nil {
		n, e := in.tx.Host.BodyRead(r.kept, buf[:min(int64(len(buf)), end-r.kept)])
		if in.errno(e); n == 0 {
			return
		}
		in.errno(in.tx.Host.BodyWrite(buf[:n]))
		r.kept += int64(n)
	}
}

// finish copies the rest and makes what was written the body.
func (r *rewriter) finish(in *inspection) {
	if !r.begun || in.err != nil {
		return
	}
	r.copy(in, in.tx.Host.BodySize())
	in.errno(in.tx.Host.BodyEnd())
}
