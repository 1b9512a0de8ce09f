package pipe

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/mtad/mtad/core/mail"
)

const blockIn = 16 << 10

var from = []byte("From ")

// copier writes a message as a command wants it. One delivery uses it; the pool owns it between.
type copier struct {
	in, out []byte
	flags   flags
	eol     string
	start   bool // the next byte begins a line
}

var copiers = sync.Pool{New: func() any { return &copier{in: make([]byte, blockIn)} }}

// errReading marks a failure of the message's own storage.
var errReading = errors.New("read the message")

// copyText writes head and text to w, with the line ends eol and an end to the last line.
func (c *Command) copyText(w io.Writer, head []byte, text mail.Content) error {
	p := copiers.Get().(*copier)
	defer copiers.Put(p)
	p.flags, p.eol, p.start = c.flags, c.eol, true
	p.out = append(p.out[:0], head...)
	if err := p.blocks(w, text); err != nil {
		return err
	}
	if !p.start {
		p.out = append(p.out, p.eol...)
	}
	if p.flags.has(blankLine) {
		p.out = append(p.out, p.eol...)
	}
	return p.flush(w)
}

func (p *copier) blocks(w io.Writer, text mail.Content) error {
	size := text.Size()
	for off, kept := int64(0), 0; off < size; {
		n, err := text.ReadAt(p.in[kept:min(int64(len(p.in)), int64(kept)+size-off)], off)
		if n == 0 {
			if err == nil || errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF // shorter than its size: damaged, not ended
			}
			return fmt.Errorf("%w: %w", errReading, err)
		}
		off += int64(n)
		kept = p.convert(p.in[:kept+n], off == size)
		if len(p.out) >= blockIn {
			if err := p.flush(w); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *copier) flush(w io.Writer) error {
	_, err := w.Write(p.out)
	p.out = p.out[:0]
	return err
}

// convert appends a block to the output. What it cannot judge without the next block (a CR, or a
// part of "From " at the begin of a line) it moves to the begin of p.in; kept is its length.
func (p *copier) convert(block []byte, last bool) (kept int) {
	for len(block) > 0 {
		if p.start {
			if !last && p.flags.has(quoteFrom) && len(block) < len(from) && bytes.HasPrefix(from, block) {
				return copy(p.in, block)
			}
			p.begin(block)
		}
		i := bytes.IndexByte(block, '\n')
		if i < 0 {
			return p.partial(block, last)
		}
		p.out = append(p.out, bytes.TrimSuffix(block[:i], []byte("\r"))...)
		p.out = append(p.out, p.eol...)
		block, p.start = block[i+1:], true
	}
	return 0
}

// begin writes what stands before a line.
func (p *copier) begin(line []byte) {
	if p.flags.has(quoteFrom) && bytes.HasPrefix(line, from) {
		p.out = append(p.out, '>')
	}
	if p.flags.has(dots) && line[0] == '.' {
		p.out = append(p.out, '.')
	}
}

// partial takes the part of a line at the end of a block.
func (p *copier) partial(block []byte, last bool) (kept int) {
	if n := len(block); !last && block[n-1] == '\r' {
		block, kept = block[:n-1], 1
	}
	if len(block) > 0 {
		p.out, p.start = append(p.out, block...), false
	}
	if kept > 0 {
		p.in[0] = '\r'
	}
	return kept
}

// nullPostmark stands in the From_ line of mail without a sender, whatever null_sender= says.
const nullPostmark = "MAILER-DAEMON"

// head makes what stands before the message. original and delivered are the recipient's two
// addresses.
func (c *Command) head(sender, original, delivered string, now time.Time) []byte {
	if sender == "" {
		sender = c.nullSender
	}
	var b []byte
	line := func(one flags, text string) {
		if c.flags.has(one) {
			b = append(append(b, text...), c.eol...)
		}
	}
	postmark := sender
	if postmark == "" { // null_sender= is for addresses; the line needs a name
		postmark = nullPostmark
	}
	line(fromLine, "From "+postmark+"  "+now.Format(time.ANSIC))
	line(returnPath, "Return-Path: <"+sender+">")
	line(originalTo, "X-Original-To: "+original)
	line(deliveredTo, "Delivered-To: "+delivered)
	return b
}
