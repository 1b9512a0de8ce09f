package mimeconv

import (
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/mtad/mtad/core/mail"
)

// SevenBit returns text in a form without declared 8-bit parts; text itself when it has no byte
// ≥ 0x80 at all. It reads text once to find that out, and once more to know the new size. The
// result reads text again while it is read; it does not own it, and closing it does nothing. It
// is meant to be read from begin to end: reading elsewhere begins anew.
func SevenBit(text mail.Content) (mail.Content, error) {
	ascii, err := isASCII(text)
	if err != nil {
		return nil, fmt.Errorf("mimeconv.SevenBit: %w", err)
	}
	if ascii {
		return text, nil
	}
	n, err := io.Copy(io.Discard, newReader(text))
	if err != nil {
		return nil, fmt.Errorf("mimeconv.SevenBit: %w", err)
	}
	return &converted{text: text, size: n}, nil
}

// blockBytes is read at once.
const blockBytes = 16 << 10

func isASCII(text mail.Content) (bool, error) {
	buf := make([]byte, min(text.Size(), blockBytes))
	for off := int64(0); off < text.Size(); off += int64(len(buf)) {
		buf = buf[:min(int64(len(buf)), text.Size()-off)]
		if n, err := text.ReadAt(buf, off); n < len(buf) {
			return false, short(err)
		}
		for _, c := range buf {
			if c >= 0x80 {
				return false, nil
			}
		}
	}
	return true, nil
}

func short(err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// converted is the converted text.
type converted struct {
	text mail.Content
	size int64

	mu  sync.Mutex
	r   *reader // stands at off
	off int64
}

var _ mail.Content = (*converted)(nil)

// Size returns the length after conversion.
func (c *converted) Size() int64 { return c.size }

// Close does nothing: the original is its owner's.
func (c *converted) Close() error { return nil }

// ReadAt reads as io.ReaderAt demands; cheap only where the last call ended.
func (c *converted) ReadAt(p []byte, off int64) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if off < 0 || off >= c.size {
		return 0, io.EOF
	}
	if c.r == nil || off != c.off {
		c.r = newReader(c.text)
		if _, err := io.CopyN(io.Discard, c.r, off); err != nil {
			c.r = nil
			return 0, short(err)
		}
		c.off = off
	}
	n, err := io.ReadFull(c.r, p[:min(int64(len(p)), c.size-off)])
	c.off += int64(n)
	if err != nil {
		c.r = nil
		return n, short(err)
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}
