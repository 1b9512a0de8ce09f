package cleanup

import (
	"context"

	"github.com/mtad/mtad/core/mail"
)

// probeText is the text of a probe; Local mail gets the fields that it lacks.
const probeText = "Subject: Probe of an address\r\n\r\n"

// Probe queues a message that asks whether a recipient can be delivered to; sender may be "". It
// takes the recipient through the same rewriting as any other mail, without plugins and automatic
// copies. aliased says that the recipient stands for several others: then there is nothing to ask,
// and nothing is queued. An error is temporary unless it is a *status.Error that says otherwise.
func (d *Door) Probe(ctx context.Context, sender, recipient string) (aliased bool, err error) {
	env := &mail.Envelope{Sender: sender, Body: mail.Body7Bit,
		Recipients: []mail.Recipient{{Address: recipient, Original: recipient, Notify: mail.NotifyNever}},
		Origin:     mail.Origin{Kind: mail.KindVerify, Service: "verify", UID: -1, Local: true}}
	j, err := d.Begin(ctx, env, nil)
	if err != nil {
		return false, err
	}
	defer j.Abort(ctx)
	if err := j.Write(ctx, []byte(probeText)); err != nil {
		return false, err
	}
	r, err := j.Commit(ctx)
	return r.Aliased, err
}
