package bounce

import (
	"context"
	"strings"
	"time"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/queue"
)

// Notifier makes notices. Safe for concurrent use.
type Notifier struct {
	o        Options
	troubles throttle
}

var _ queue.Notifier = (*Notifier)(nil)

// New returns a notifier. It fails when an option is missing that nothing can stand in for.
func New(o Options) (*Notifier, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	return &Notifier{o: o}, nil
}

// Text opens the text of a message; see queue.Request.Open.
type Text = func() (mail.Content, error)

// Bounce reports failed recipients as the table of the package documentation says.
func (n *Notifier) Bounce(ctx context.Context, e *queue.Entry, text Text, failed []queue.Report) error {
	switch {
	case len(failed) == 0:
		return nil
	case n.isDoubleBounce(e.Sender):
		n.o.Log.Warning(e.ID + ": undeliverable postmaster notification discarded")
		return nil
	case e.Sender == "":
		return n.doubleBounce(ctx, e, text, failed)
	}
	wanted := thoseWho(failed, wantsFailure)
	if e.VERP != "" && !n.o.NoVERP {
		return n.bounceEach(ctx, e, text, wanted, failed)
	}
	if err := n.toSender(ctx, &notice{kind: failure, e: e, reports: wanted, full: e.Ret != mail.RetHeaders}, text); err != nil {
		return err
	}
	if n.o.Classes.Has(ClassBounce) {
		n.copyTo(ctx, n.o.BounceRecipient, &notice{kind: failure, e: e, reports: failed}, text)
	}
	return nil
}

// doubleBounce reports a notice that cannot be delivered: postmaster is the last who could be told,
// so postmaster gets all of it, whatever NOTIFY and RET say.
func (n *Notifier) doubleBounce(ctx context.Context, e *queue.Entry, text Text, failed []queue.Report) error {
	if !n.o.Classes.Has(ClassDoubleBounce | ClassBounce) {
		n.o.Log.Info(e.ID + ": undeliverable message from <> discarded (notify_classes has no 2bounce)")
		return nil
	}
	nt := &notice{kind: failure, e: e, reports: failed, full: true}
	return n.toPostmaster(ctx, n.o.DoubleBounceRecipient, nt, text)
}

// Delay tells the sender that delivery takes long.
func (n *Notifier) Delay(ctx context.Context, e *queue.Entry, text Text, waiting []queue.Report, expires time.Time) error {
	if len(waiting) == 0 || n.isDoubleBounce(e.Sender) {
		return nil
	}
	if e.Sender != "" {
		nt := &notice{kind: delay, e: e, reports: thoseWho(waiting, wantsDelay), expires: expires}
		if err := n.toSender(ctx, nt, text); err != nil {
			return err
		}
	}
	if n.o.Classes.Has(ClassDelay) {
		n.copyTo(ctx, n.o.DelayRecipient, &notice{kind: delay, e: e, reports: waiting, expires: expires}, text)
	}
	return nil
}

// Success reports the recipients that asked for it and whose next hop has not taken over to report, and
// those of whose delay the sender was told.
func (n *Notifier) Success(ctx context.Context, e *queue.Entry, text Text, sent []queue.Report) error {
	if e.Sender == "" || n.isDoubleBounce(e.Sender) {
		return nil
	}
	var wanted []queue.Report
	for _, r := range sent {
		if w := r.Recipient.Notify; r.Cleared || w&mail.NotifyNever == 0 && wantsSuccess(w) && !r.Result.DSNRelayed {
			wanted = append(wanted, r)
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	return n.toSender(ctx, &notice{kind: success, e: e, reports: wanted}, text)
}

// Trace tells the sender what the first attempt came to, or would, of every recipient. Without a sender
// there is nobody to tell.
func (n *Notifier) Trace(ctx context.Context, e *queue.Entry, text Text, all []queue.Report) error {
	if e.Sender == "" || len(all) == 0 {
		return nil
	}
	return n.toSender(ctx, &notice{kind: report, e: e, reports: all}, text)
}

// The wishes of RFC 3461 §4.1. Without NOTIFY a sender hears of failure and delay.
func wantsFailure(w mail.Notify) bool { return w == mail.NotifyDefault || w&mail.NotifyFailure != 0 }
func wantsDelay(w mail.Notify) bool   { return w == mail.NotifyDefault || w&mail.NotifyDelay != 0 }
func wantsSuccess(w mail.Notify) bool { return w&mail.NotifySuccess != 0 }

// thoseWho returns a new slice of the reports whose recipients' NOTIFY wants them.
func thoseWho(rs []queue.Report, wants func(mail.Notify) bool) []queue.Report {
	var wanted []queue.Report
	for _, r := range rs {
		if r.Recipient.Notify&mail.NotifyNever == 0 && wants(r.Recipient.Notify) {
			wanted = append(wanted, r)
		}
	}
	return wanted
}

// isDoubleBounce tells whether a message is one of our own to postmaster.
func (n *Notifier) isDoubleBounce(sender string) bool {
	return strings.EqualFold(sender, n.o.DoubleBounceSender+"@"+n.o.Hostname)
}
