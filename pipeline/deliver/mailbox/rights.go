package mailbox

import (
	"context"

	"github.com/mtad/mtad/pipeline/deliver"
)

// Deliverer writes into mailboxes with the rights of their owners. Its results are those of
// Writer.Deliver. Safe for concurrent use.
type Deliverer interface {
	Deliver(ctx context.Context, as deliver.As, p Place, m *Message) (text string, err error)
}

// AsSelf delivers with the rights of this process, whoever owns the mailbox: what a mail system
// does that was not started by root.
type AsSelf struct{ W *Writer }

var _ Deliverer = AsSelf{}

// Deliver writes m to the mailbox at p.
func (s AsSelf) Deliver(ctx context.Context, _ deliver.As, p Place, m *Message) (string, error) {
	return s.W.Deliver(ctx, p, m)
}
