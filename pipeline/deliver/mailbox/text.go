package mailbox

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/mtad/mtad/core/mail"
)

const (
	blockIn = 16 << 10
	// blockOut holds a head, less than a block that was not worth a write, and what a block
	// becomes with a ">" before each of its lines.
	blockOut = 4<<10 + blockIn + blockIn + blockIn/len(fromLine)
	fromLine = "From "
)

// copier writes a message with LF line ends. One delivery uses it; the pool owns it between.
type copier struct {
	in, out []byte
	mbox    bool
	start   bool // the next byte begins a line
}

var copiers = sync.Pool{New: func() any {
	return &copier{in: make([]byte, blockIn), out: make([]byte, 0, blockOut)}
}}

// errReading marks a failure of the message's own storage.
var errReading = errors.New("read the message")

// copyText writes head and text to w in blocks, at least one, with CRLF made LF and an end to the
// last line; for an mbox with From lines quoted and an empty line behind.
func copyText(w io.Writer, head []byte, text mail.Content, mbox bool) error {
	c := copiers.Get().(*copier)
	defer copiers.Put(c)
	return c.copy(w, head, text, mbox)
}

func (c *copier) copy(w io.Writer, head []byte, text mail.Content, mbox bool) error {
	c.out, c.mbox, c.start = append(c.out[:0], head...), mbox, true
	if err := c.blocks(w, text); err != nil {
		return err
	}
	if !c.start {
		c.out = append(c.out, '\n')
	}
	if mbox {
		c.out = append(c.out, '\n')
	}
	return c.flush(w)
}

func (c *copier) blocks(w io.Writer, text mail.Content) error {
	size := text.Size()
	for off, kept := int64(0), 0; off < size; {
		n, err := text.ReadAt(c.in[kept:min(int64(len(c.in)), int64(kept)+size-off)], off)
		if n == 0 {
			return short(err)
		}
		off += int64(n)
		kept = c.convert(c.in[:kept+n], off == size)
		if len(c.out) >= blockIn {
			if err := c.flush(w); err != nil {
				return err
			}
		}
	}
	return nil
}

func short(err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("%w: %w", errReading, err)
}

func (c *copier) flush(w io.Writer) error {
	_, err := w.Write(c.out)
	c.out = c.out[:0]
	return err
}

// convert appends the block to the output. What it cannot judge without the next block (a CR, or
// a part of "From " at the begin of a line) it moves to the begin of c.in; kept is its length.
func (c *copier) convert(block []byte, last bool) (kept int) {
	for len(block) > 0 {
		if c.start && c.mbox {
			if !last && len(block) < len(fromLine) && string(block) == fromLine[:len(block)] {
				return copy(c.in, block)
			}
			if bytes.HasPrefix(block, []byte(fromLine)) {
				c.out = append(c.out, '>')
			}
		}
		i := bytes.IndexByte(block, '\n')
		if i < 0 {
			return c.partial(block, last)
		}
		c.out = append(c.out, bytes.TrimSuffix(block[:i], []byte("\r"))...)
		c.out = append(c.out, '\n')
		block, c.start = block[i+1:], true
	}
	return 0
}

// partial takes the part of a line at the end of a block.
func (c *copier) partial(block []byte, last bool) (kept int) {
	if n := len(block); !last && block[n-1] == '\r' {
		block, kept = block[:n-1], 1
	}
	if len(block) > 0 {
		c.out, c.start = append(c.out, block...), false
	}
	if kept > 0 {
		c.in[0] = '\r'
	}
	return kept
}
