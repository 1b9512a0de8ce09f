package bodyfile

import (
	"sync"

	"github.com/mtad/mtad/queue/store/codec"
)

// Block is room for one block of a body.
type Block [codec.BlockLen]byte

// Pool lends blocks, so that messages under way do not each allocate theirs. The zero Pool is
// ready. Safe for concurrent use.
type Pool struct{ blocks sync.Pool }

// Get lends a block with any content.
func (p *Pool) Get() *Block {
	if b, ok := p.blocks.Get().(*Block); ok {
		return b
	}
	return new(Block)
}

// Put takes a block back, which the caller must not use again. Nil is nothing.
func (p *Pool) Put(b *Block) {
	if b != nil {
		p.blocks.Put(b)
	}
}
