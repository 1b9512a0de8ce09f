package store

import (
	"io"
	"sync"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/queue/store/bodyfile"
)

// smallLen is the size of the buffers that most messages fit in.
const smallLen = 8 << 10

// pool lends the buffers that texts are written to and read from.
type pool struct {
	small  sync.Pool
	blocks bodyfile.Pool
}

// buffer is borrowed memory. The zero buffer has none.
type buffer struct {
	small *[smallLen]byte
	block *bodyfile.Block
	big   []byte
}

// get lends a buffer of at least n bytes.
func (p *pool) get(n int) buffer {
	switch {
	case n <= smallLen:
		if b, ok := p.small.Get().(*[smallLen]byte); ok {
			return buffer{small: b}
		}
		return buffer{small: new([smallLen]byte)}
	case n <= len(bodyfile.Block{}):
		return buffer{block: p.blocks.Get()}
	}
	return buffer{big: make([]byte, n)}
}

// put takes a buffer back.
func (p *pool) put(b buffer) {
	if b.small != nil {
		p.small.Put(b.small)
	}
	p.blocks.Put(b.block)
}

// bytes returns all of the buffer.
func (b buffer) bytes() []byte {
	switch {
	case b.small != nil:
		return b.small[:]
	case b.block != nil:
		return b.block[:]
	}
	return b.big
}

// inline is a text, or the part of one before its body file, copied to a borrowed buffer.
type inline struct {
	text mail.Bytes
	pool *pool

	mu  sync.Mutex // guards buf
	buf buffer
}

var _ mail.Content = (*inline)(nil)

func (p *pool) inline(text []byte) *inline {
	buf := p.get(len(text))
	return &inline{text: buf.bytes()[:copy(buf.bytes(), text)], pool: p, buf: buf}
}

// Size returns the length.
func (c *inline) Size() int64 { return c.text.Size() }

// ReadAt reads as io.ReaderAt demands.
func (c *inline) ReadAt(p []byte, off int64) (int, error) { return c.text.ReadAt(p, off) }

// Close gives the buffer back.
func (c *inline) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pool.put(c.buf)
	c.buf = buffer{}
	return nil
}

// answered is a content whose failures are answers, as those of the store must be.
type answered struct {
	mail.Content
	id string
}

// ReadAt reads as io.ReaderAt demands; failures of the disk are 451.
func (c answered) ReadAt(p []byte, off int64) (int, error) {
	n, err := c.Content.ReadAt(p, off)
	if err != nil && err != io.EOF {
		err = failed("read", c.id, err)
	}
	return n, err
}
