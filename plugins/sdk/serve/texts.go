package serve

import (
	"github.com/mtad/mtad/plugins/sdk"
	"github.com/mtad/mtad/plugins/sdk/serve/wire"
)

// The texts that are read in windows.
const (
	body = iota
	message
	part
	numTexts
)

// firstRead is how much is read at least; reads that go on behind it double it.
const firstRead = 8 << 10

// window is a piece of a text that is here.
type window struct {
	valid bool
	part  int // which MIME part
	off   int64
	data  []byte
	end   bool // there is nothing behind it
	size  int  // of the last read
}

// piece is what the window has from off on; not ok when it has to be read.
func (w *window) piece(part int, off int64) ([]byte, bool) {
	if !w.valid || w.part != part || off < w.off {
		return nil, false
	}
	if i := off - w.off; i < int64(len(w.data)) {
		return w.data[i:], true
	}
	return nil, w.end
}

// next is how much to read at off.
func (w *window) next(part int, off int64, want int) int {
	n := firstRead
	if w.valid && w.part == part && off == w.off+int64(len(w.data)) {
		n = max(2*w.size, firstRead)
	}
	return min(max(n, want), wire.MaxText)
}

// read fills p from a text, as far as there is any.
func (h *host) read(text int, i int, off int64, p []byte) (int, sdk.Errno) {
	if len(p) == 0 || off < 0 {
		_, e := h.fetch(text, i, off, 0)
		return 0, e
	}
	n, w := 0, &h.texts[text]
	for n < len(p) {
		data, ok := w.piece(i, off+int64(n))
		if !ok {
			var e sdk.Errno
			size := w.next(i, off+int64(n), len(p)-n)
			if data, e = h.fetch(text, i, off+int64(n), size); e != sdk.OK {
				return n, e
			}
			*w = window{valid: true, part: i, off: off + int64(n), data: data, end: len(data) < size, size: size}
		}
		if len(data) == 0 {
			break
		}
		n += copy(p[n:], data)
	}
	return n, sdk.OK
}

func (h *host) fetch(text, i int, off int64, n int) ([]byte, sdk.Errno) {
	switch text {
	case body:
		if l := h.learned(); !h.touched {
			l.flag(&l.body)
		}
		return h.bytes(&wire.Op{Function: wire.Function_BODY_READ, I: off, J: int64(n)})
	case message:
		return h.bytes(&wire.Op{Function: wire.Function_MSG_READ, I: off, J: int64(n)})
	}
	return h.bytes(&wire.Op{Function: wire.Function_MIME_READ, I: int64(i), J: off, K: int64(n)})
}

// BodySize returns the length of the body, -1 before it is known.
func (h *host) BodySize() int64 {
	if t := h.call.GetBody(); t != nil && !h.touched {
		return t.GetSize()
	}
	return h.number(&wire.Op{Function: wire.Function_BODY_SIZE})
}

// BodyRead reads the body at an offset.
func (h *host) BodyRead(off int64, p []byte) (int, sdk.Errno) { return h.read(body, 0, off, p) }

// MsgRead reads the message, header included, at an offset.
func (h *host) MsgRead(off int64, p []byte) (int, sdk.Errno) { return h.read(message, 0, off, p) }

// MIMERead reads the decoded content of a MIME part at an offset.
func (h *host) MIMERead(i int, off int64, p []byte) (int, sdk.Errno) { return h.read(part, i, off, p) }
