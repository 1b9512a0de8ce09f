package bodyfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/queue/store/codec"
)

// Content is the body of an entry, read from its file. Every block is checked before a byte of
// it is given out.
type Content struct {
	file    vfs.File
	size    int64
	sums    codec.Sums
	damaged func(error)
	pool    *Pool

	mu sync.Mutex // guards block and held
	// block holds block number held, once a reader wanted part of a block only.
	block *Block
	held  int
}

var _ mail.Content = (*Content)(nil)

// Open opens the body of a serial, which must have size bytes and these checksums (kept).
// damaged, if not nil, is told of every damage that reading finds.
func (d *Dir) Open(serial uint64, size int64, sums codec.Sums, damaged func(error)) (*Content, error) {
	file, err := d.fs.Open(d.path(serial))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: the body file is missing", codec.ErrDamaged)
	}
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && info.Size() != size {
		err = fmt.Errorf("%w: the body file has %d bytes, not %d", codec.ErrDamaged, info.Size(), size)
	}
	if err != nil {
		_ = file.Close()
		return nil, err
	}
	return &Content{file: file, size: size, sums: sums, damaged: damaged, pool: d.pool, held: -1}, nil
}

// Size returns the length of the body.
func (c *Content) Size() int64 { return c.size }

// Close closes the file and gives back what was borrowed.
func (c *Content) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pool.Put(c.block)
	c.block, c.held = nil, -1
	return c.file.Close()
}

// ReadAt reads as io.ReaderAt demands.
func (c *Content) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, errors.New("negative offset")
	}
	for n < len(p) && err == nil {
		if off >= c.size {
			return n, io.EOF
		}
		var k int
		k, err = c.readBlock(p[n:], off)
		n, off = n+k, off+int64(k)
	}
	return n, err
}

// readBlock reads from one block: straight to p when p takes all of it.
func (c *Content) readBlock(p []byte, off int64) (int, error) {
	i := int(off / codec.BlockLen)
	start := int64(i) * codec.BlockLen
	length := int(min(codec.BlockLen, c.size-start))
	if off == start && len(p) >= length {
		if err := c.load(p[:length], i); err != nil {
			return 0, err
		}
		return length, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.held != i {
		if c.block == nil {
			c.block = c.pool.Get()
		}
		c.held = -1
		if err := c.load(c.block[:length], i); err != nil {
			return 0, err
		}
		c.held = i
	}
	return copy(p, c.block[off-start:length]), nil
}

// load reads block i to p and checks it.
func (c *Content) load(p []byte, i int) error {
	n, err := c.file.ReadAt(p, int64(i)*codec.BlockLen)
	if err != nil && err != io.EOF {
		return err
	}
	if n == len(p) && c.sums.Match(i, p) {
		return nil
	}
	clear(p)
	err = fmt.Errorf("%w: wrong checksum of block %d of the body file", codec.ErrDamaged, i)
	if c.damaged != nil {
		c.damaged(err)
	}
	return err
}
