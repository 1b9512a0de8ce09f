package qmgr

import (
	"context"
	"time"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/queue"
)

// traces reports whether this attempt is one that the sender asked to be told of: the first.
func (msg *message) traces() bool {
	return msg.entry.Trace == mail.TraceRecord && (msg.rec == nil || msg.rec.Attempts == 0)
}

// trace has the report made. When that fails, a message that only asks stays, and asks again, until it is
// as old as mail may become; of one that was delivered the log tells.
func (m *Manager) trace(ctx context.Context, msg *message) {
	r := &msg.round
	err := m.notice(func() error {
		return m.o.Notifier.Trace(ctx, msg.entry, m.opener(msg.entry.ID), r.traced)
	})
	if err == nil {
		return
	}
	m.qmgr.Warning(msg.entry.ID + ": delivery status report failed: " + err.Error())
	if !msg.entry.Probe() || time.Since(msg.entry.Arrived) >= m.lifetime(&msg.entry.Envelope) {
		return
	}
	msg.left += len(r.traced)
	for i := range msg.entry.Recipients {
		if !msg.record().Recipients[i].Outcome.Done() {
			report := r.traced[0]
			report.Result.Outcome = queue.Deferred4
			msg.note(i, &report)
		}
	}
}
