package master

import (
	"time"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/queue"
)

// refusedEntry makes of a message that never was in the queue what a notice about it needs.
func refusedEntry(env *mail.Envelope, reply status.Reply, size int64) (*queue.Entry, []queue.Report) {
	e := &queue.Entry{Envelope: *env, Size: size}
	if e.ID == "" {
		e.ID = "NOQUEUE"
	}
	if e.Arrived.IsZero() {
		e.Arrived = time.Now()
	}
	var failed []queue.Report
	for _, r := range env.Recipients {
		failed = append(failed, queue.Report{Recipient: r, At: time.Now(),
			Result: queue.Result{Outcome: queue.Bounced, Reply: reply, Relay: "none"}})
	}
	return e, failed
}
