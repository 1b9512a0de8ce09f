package qmgr

import (
	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/queue"
)

// probed deals with the answer to a probe: whatever it is, the recipient is done, nobody is sent a
// notice and nothing is tried again. It reports false for an answer that is ours, not the
// destination's, because the manager stops: then the probe stays in the queue.
func (m *Manager) probed(msg *message, e *ended, j, i int, res *queue.Result) bool {
	m.mu.Lock()
	cut := msg.broken || msg.cutShort
	m.mu.Unlock()
	if cut && res.Outcome == queue.Deferred4 {
		return false
	}
	word := "undeliverable"
	if res.Outcome == queue.Sent || res.Outcome == queue.Expanded {
		word = "deliverable"
	}
	m.log(msg, e, e.To(msg.entry, j), &msg.entry.Recipients[i], res, word)
	report := queue.Report{Recipient: msg.entry.Recipients[i], Result: *res, At: e.at}
	report.Recipient.Address = e.To(msg.entry, j)
	msg.left--
	if msg.entry.Trace == mail.TraceVerify {
		msg.round.traced = append(msg.round.traced, report) // and noted when it was reported
		return true
	}
	done := report
	done.Result.Outcome = queue.Sent
	msg.note(i, &done)
	if m.o.OnProbe != nil {
		m.o.OnProbe(report)
	}
	return true
}
