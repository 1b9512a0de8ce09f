package access

import (
	"context"

	"github.com/mtad/mtad/core/status"
)

func rejectUnverifiedSender(ctx context.Context, e Env, c *Codes, q *Query) (Decision, *status.Error) {
	if !q.HasSender || q.Sender == "" {
		return Dunno, nil
	}
	return unverified(ctx, e, q, &c.Sender, q.Sender, "Sender address", ".1.7")
}

func rejectUnverifiedRecipient(ctx context.Context, e Env, c *Codes, q *Query) (Decision, *status.Error) {
	if !q.HasRecipient || q.Recipient == "" {
		return Dunno, nil
	}
	return unverified(ctx, e, q, &c.Recipient, q.Recipient, "Recipient address", ".1.1")
}

// unverified refuses an address that a probe could not verify. Our own probes' sender passes, so
// that two systems which ask about each other's senders come to an end. A code of class 4 defers
// only what would be accepted otherwise, unless Now.
func unverified(ctx context.Context, e Env, q *Query, u *Unverifiable, address, class, detail string) (Decision, *status.Error) {
	v, why, own := e.Verify(ctx, address)
	code, what := u.Defer, "unverified address"
	switch {
	case v == Deliverable || own:
		return Dunno, nil
	case v == Undeliverable:
		code = u.Reject
	}
	if code/100 == 2 {
		return Dunno, nil
	}
	if code/100 == 5 {
		what = "undeliverable address"
	}
	if u.Reason != "" {
		why = u.Reason
	}
	no := status.New(code, classOf(code)+detail, "<%s>: %s rejected: %s: %s", address, class, what, why)
	if code/100 == 4 && !u.Now {
		q.deferIfPermit(no)
		return Dunno, nil
	}
	return Refuse, no
}
