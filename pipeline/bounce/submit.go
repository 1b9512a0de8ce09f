package bounce

import (
	"context"
	"encoding/hex"
	"io"
	"strings"

	"github.com/mtad/mtad/core/addr"
	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/status"
)

// toSender sends a notice from the null sender (RFC 3461 §6.1), if there is anybody in it.
func (n *Notifier) toSender(ctx context.Context, nt *notice, text Text) error {
	if len(nt.reports) == 0 {
		if nt.kind == failure {
			n.o.Log.Info(nt.e.ID + ": sender non-delivery notification not wanted (NOTIFY)")
		}
		return nil
	}
	nt.to = nt.e.Sender
	return n.send(ctx, nt, text, "sender "+nt.kind.logName())
}

// toPostmaster sends a notice that cannot bounce.
func (n *Notifier) toPostmaster(ctx context.Context, rcpt string, nt *notice, text Text) error {
	nt.postmaster = true
	nt.from = n.o.DoubleBounceSender + "@" + n.o.Hostname
	if _, _, ok := addr.Split(rcpt); !ok {
		rcpt += "@" + n.o.Origin
	}
	nt.to = rcpt
	return n.send(ctx, nt, text, "postmaster "+nt.kind.logName())
}

// copyTo is toPostmaster for a notice that matters less than that of the sender, which is sent by
// now and must not be sent again.
func (n *Notifier) copyTo(ctx context.Context, rcpt string, nt *notice, text Text) {
	if err := n.toPostmaster(ctx, rcpt, nt, text); err != nil {
		n.o.Log.Warning(nt.e.ID + ": postmaster " + nt.kind.logName() + " failed: " + err.Error())
	}
}

// send makes the notice and queues it.
func (n *Notifier) send(ctx context.Context, nt *notice, text Text, logName string) error {
	c, err := text()
	if err != nil {
		return status.From(err)
	}
	defer c.Close()
	id, err := n.submit(ctx, nt, c)
	if err != nil && nt.full && !status.From(err).Temporary() {
		n.o.Log.Warning(nt.e.ID + ": " + logName + " refused, trying without the body: " + err.Error())
		nt.full = false
		id, err = n.submit(ctx, nt, c)
	}
	if err != nil {
		return err
	}
	n.o.Log.Info(nt.e.ID + ": " + logName + ": " + id)
	return nil
}

// submit makes the notice with as much of the message as it may return, and queues it.
func (n *Notifier) submit(ctx context.Context, nt *notice, c mail.Content) (id string, err error) {
	orig, err := readOriginal(c, nt.full && (n.o.SizeLimit <= 0 || c.Size() <= n.o.SizeLimit), n.o.Threaded)
	if err != nil {
		return "", status.From(err)
	}
	nt.original, nt.global = orig, nt.needsUTF8(orig)
	nt.hostname, nt.origin, nt.now = n.o.Hostname, n.o.Origin, n.o.Clock()
	if nt.template = n.o.Templates[nt.kind.template()]; nt.template != nil {
		if nt.greetings, err = nt.template.Expand(n.o.Parameters); err != nil {
			return "", status.From(err)
		}
	}
	if nt.boundary, err = n.boundary(nt.e.ID); err != nil {
		return "", status.From(err)
	}
	head, tail, eightBit := nt.compose()
	env := n.envelope(nt, eightBit)
	ctx, cancel := context.WithTimeout(ctx, n.o.Timeout)
	defer cancel()
	return n.o.Submitter.Submit(ctx, env, io.MultiReader(
		strings.NewReader(head), io.NewSectionReader(orig.text, 0, orig.size), strings.NewReader(tail)))
}

func (n *Notifier) envelope(nt *notice, eightBit bool) *mail.Envelope {
	env := &mail.Envelope{
		Sender:     nt.from,
		Recipients: []mail.Recipient{{Address: nt.to, Original: nt.to}},
		Body:       mail.Body7Bit,
		// The parts of RFC 6533 travel by 8BITMIME alone. SMTPUTF8 is only asked for when the
		// notice's own address needs it: a server without it would refuse the notice.
		SMTPUTF8: !addr.IsASCII(nt.to),
		Origin:   mail.Origin{Kind: mail.KindBounce, Service: "bounce", UID: -1, Local: true, Hops: nt.e.Origin.Hops + 1},
	}
	if nt.postmaster {
		env.Origin.Service = "notify"
	}
	if eightBit {
		env.Body = mail.Body8BitMIME
	}
	return env
}

// boundary is random: the sender of the message knows everything else, and must not be able to
// write a line that ends the part.
func (n *Notifier) boundary(id string) (string, error) {
	var b [12]byte
	if _, err := io.ReadFull(n.o.Random, b[:]); err != nil {
		return "", err
	}
	return "=_" + id[:min(len(id), 40)] + "." + hex.EncodeToString(b[:]), nil
}
