package wire

import "sync"

// Sizes of buffers in bytes.
const (
	// SmallBuffer holds a group of commands: any line but AUTH's fits.
	SmallBuffer = 4 << 10
	// LargeBuffer is for the text of messages.
	LargeBuffer = 32 << 10
	// replyBuffer holds the replies to a usual group of commands.
	replyBuffer = 1 << 10
)

// Buffers lends memory to the connections of a server. Only who has something to read or to write
// holds any. Safe for concurrent use.
type Buffers struct{ small, large, reply sync.Pool }

// NewBuffers returns buffers that lend nothing yet.
func NewBuffers() *Buffers {
	return &Buffers{
		small: sync.Pool{New: func() any { return new([SmallBuffer]byte) }},
		large: sync.Pool{New: func() any { return new([LargeBuffer]byte) }},
		reply: sync.Pool{New: func() any { return new([replyBuffer]byte) }},
	}
}

// Borrow returns a large or a small buffer.
func (b *Buffers) Borrow(large bool) []byte {
	if large {
		return b.large.Get().(*[LargeBuffer]byte)[:]
	}
	return b.small.Get().(*[SmallBuffer]byte)[:]
}

// GiveBack takes what Borrow returned; nil is allowed.
func (b *Buffers) GiveBack(p []byte) {
	switch cap(p) {
	case LargeBuffer:
		b.large.Put((*[LargeBuffer]byte)(p[:LargeBuffer]))
	case SmallBuffer:
		b.small.Put((*[SmallBuffer]byte)(p[:SmallBuffer]))
	}
}

// BorrowReply returns an empty buffer to append to.
func (b *Buffers) BorrowReply() []byte {
	return b.reply.Get().(*[replyBuffer]byte)[:0]
}

// GiveBackReply takes what BorrowReply returned, unless it has been outgrown.
func (b *Buffers) GiveBackReply(p []byte) {
	if cap(p) == replyBuffer {
		b.reply.Put((*[replyBuffer]byte)(p[:replyBuffer]))
	}
}
