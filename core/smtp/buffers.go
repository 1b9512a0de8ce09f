package smtp

import "sync"

const (
	// smallBuffer holds a group of commands: any line but AUTH's fits.
	smallBuffer = 4 << 10
	// largeBuffer is for the text of messages.
	largeBuffer = 32 << 10
	// replyBuffer holds the replies to a usual group of commands.
	replyBuffer = 1 << 10
)

// buffers lends memory to the connections of a server. Only who has something to read or to
// write holds any.
type buffers struct{ small, large, reply sync.Pool }

func newBuffers() *buffers {
	return &buffers{
		small: sync.Pool{New: func() any { return new([smallBuffer]byte) }},
		large: sync.Pool{New: func() any { return new([largeBuffer]byte) }},
		reply: sync.Pool{New: func() any { return new([replyBuffer]byte) }},
	}
}

// borrow returns a large or a small buffer.
func (b *buffers) borrow(large bool) []byte {
	if large {
		return b.large.Get().(*[largeBuffer]byte)[:]
	}
	return b.small.Get().(*[smallBuffer]byte)[:]
}

// giveBack takes what borrow returned; nil is allowed.
func (b *buffers) giveBack(p []byte) {
	switch cap(p) {
	case largeBuffer:
		b.large.Put((*[largeBuffer]byte)(p[:largeBuffer]))
	case smallBuffer:
		b.small.Put((*[smallBuffer]byte)(p[:smallBuffer]))
	}
}

// borrowReply returns an empty buffer to append to.
func (b *buffers) borrowReply() []byte {
	return b.reply.Get().(*[replyBuffer]byte)[:0]
}

// giveBackReply takes what borrowReply returned, unless it has been outgrown.
func (b *buffers) giveBackReply(p []byte) {
	if cap(p) == replyBuffer {
		b.reply.Put((*[replyBuffer]byte)(p[:replyBuffer]))
	}
}
