package hook

import (
	"context"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/plugins/sdk"
)

// ChunkSize is the most bytes of the body that one call of the body hook is about.
const ChunkSize = 64 << 10

// span is a part of the body.
type span struct{ begin, end int64 }

// Arrived is how much of a message's text is there.
type Arrived struct {
	// Size is the length of what follows the header block, so far; BodyOff is where the body
	// begins in it.
	Size, BodyOff int64
	// Last: there is no more.
	Last bool
}

// Body asks the plugins about what has arrived of the body since it was last called, a chunk at a
// time. text returns all that has arrived; it is called only when there is something to ask.
// Chunks are ChunkSize long, but for the last one. An empty body is not asked about.
func (m *Message) Body(ctx context.Context, a Arrived, text func() mail.Content) *status.Error {
	if !m.sess.set.Wants(sdk.PointBody) {
		return nil
	}
	for {
		n := a.Size - a.BodyOff - m.chunk.end
		if n <= 0 || n < ChunkSize && !a.Last {
			return nil
		}
		m.chunk = span{m.chunk.end, m.chunk.end + min(n, ChunkSize)}
		m.rest, m.bodyOff = text(), a.BodyOff
		e := m.run(ctx, sdk.PointBody)
		m.rest = nil
		if e != nil {
			return e
		}
	}
}
