package bounce

import (
	"context"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/queue"
)

// bounceEach sends a notice for each recipient to the sender that its mail had: variable envelope
// return paths. When one cannot be queued, all are tried again.
func (n *Notifier) bounceEach(ctx context.Context, e *queue.Entry, text Text, wanted, failed []queue.Report) error {
	for i := range wanted {
		c := *e
		c.Sender, c.VERP = mail.VERPSender(e.VERP, e.Sender, &wanted[i].Recipient), ""
		if err := n.toSender(ctx, &notice{kind: failure, e: &c, reports: wanted[i : i+1], full: e.Ret != mail.RetHeaders}, text); err != nil {
			return err
		}
	}
	if n.o.Classes.Has(ClassBounce) {
		n.copyTo(ctx, n.o.BounceRecipient, &notice{kind: failure, e: e, reports: failed}, text)
	}
	return nil
}
