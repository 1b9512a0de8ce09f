package smtpclient

import (
	"io"
	"sync"
)

// A block is what text is read into and written from, in one piece: room for the commands in
// front of it, the text, room for its end.
type block struct {
	b []byte
}

const (
	shotRoom   = batchBytes + maxPathBytes*2 + 512 // envelope and BDAT
	textBytes  = 64 << 10
	tailRoom   = len("\r\n.\r\n")
	pieceBytes = 16 << 10 // of text are edited at once; the result is at most three times as long
)

// Text in flight has one block, and a second one while it needs editing. The pool holds no state,
// only memory.
var blocks = sync.Pool{New: func() any { return &block{make([]byte, shotRoom+textBytes)} }}

func newBlock() *block { return blocks.Get().(*block) }

// free gives the block back; nil is allowed.
func (b *block) free() {
	if b != nil {
		blocks.Put(b)
	}
}

// text returns the room for text and its end.
func (b *block) text() []byte { return b.b[shotRoom:] }

// behind puts front directly in front of the first n bytes of text and returns both as one.
// len(front) ≤ shotRoom.
func (b *block) behind(front []byte, n int) []byte {
	start := shotRoom - len(front)
	copy(b.b[start:], front)
	return b.b[start : shotRoom+n]
}

// short returns the error for text that ended before its size.
func short(err error) error {
	if err == nil || err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
