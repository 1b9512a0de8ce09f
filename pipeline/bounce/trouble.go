package bounce

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/mtad/mtad/core/addr"
	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/status"
)

// The most notices about sessions: troubleMost within troubleTime. Strangers cause them.
const (
	troubleMost = 100
	troubleTime = time.Hour
)

// throttle counts the notices about sessions.
type throttle struct {
	mu    sync.Mutex // guards all below
	since time.Time
	n     int
}

// allow says whether one more may be sent; last, whether it is the last for some time.
func (t *throttle) allow(now time.Time) (ok, last bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if now.Sub(t.since) >= troubleTime {
		t.since, t.n = now, 0
	}
	t.n++
	return t.n <= troubleMost, t.n == troubleMost
}

// Trouble sends the dialogue of an SMTP session in which there were errors of these classes to
// error_notice_recipient, as far as notify_classes asks for them (to bounce_notice_recipient for
// refused recipients). client names the other end. At most 100 within an hour are sent; the last one
// says so. A failure is logged.
func (n *Notifier) Trouble(ctx context.Context, classes Classes, client, transcript string) {
	if classes &= n.o.Classes; classes != 0 {
		n.tellTrouble(ctx, classes, "server", client, transcript)
	}
}

// ServerTrouble is Trouble for a session of ours with a server that did not speak the protocol, or says that
// we do not; server names it.
func (n *Notifier) ServerTrouble(ctx context.Context, server, transcript string) {
	if n.o.Classes.Has(ClassProtocol) {
		n.tellTrouble(ctx, ClassProtocol, "client", server, transcript)
	}
}

// tellTrouble sends a notice; we is what we were in the session.
func (n *Notifier) tellTrouble(ctx context.Context, classes Classes, we, client, transcript string) {
	now := n.o.Clock()
	ok, last := n.troubles.allow(now)
	if !ok {
		return
	}
	rcpt := n.o.ErrorRecipient
	if classes == ClassBounce {
		rcpt = n.o.BounceRecipient
	}
	if _, _, qualified := addr.Split(rcpt); !qualified {
		rcpt += "@" + n.o.Origin
	}
	ctx, cancel := context.WithTimeout(ctx, n.o.Timeout)
	defer cancel()
	text := n.troubleText(rcpt, we+": errors from "+client, transcript, last, now)
	id, err := n.o.Submitter.Submit(ctx, n.troubleEnvelope(rcpt), strings.NewReader(text))
	if err != nil {
		n.o.Log.Warning("postmaster notice about errors from " + client + " failed: " + err.Error())
		return
	}
	n.o.Log.Info(id + ": postmaster notice about errors from " + client)
}

func (n *Notifier) troubleEnvelope(rcpt string) *mail.Envelope {
	return &mail.Envelope{
		Sender:     n.o.DoubleBounceSender + "@" + n.o.Hostname,
		Recipients: []mail.Recipient{{Address: rcpt, Original: rcpt}},
		Body:       mail.Body8BitMIME,
		Origin:     mail.Origin{Kind: mail.KindBounce, Service: "bounce", UID: -1, Local: true},
	}
}

// troubleText is the notice in wire form; the words of its subject are Postfix's.
func (n *Notifier) troubleText(rcpt, subject, transcript string, last bool, now time.Time) string {
	var b strings.Builder
	for _, f := range [...][2]string{
		{"Date", date(now)},
		{"From", "Mail Delivery System <MAILER-DAEMON@" + n.o.Origin + ">"},
		{"To", clean(rcpt)},
		{"Subject", n.o.MailName + " SMTP " + status.Clean(subject)},
		{"Auto-Submitted", "auto-generated"},
		{"MIME-Version", "1.0"},
		{"Content-Type", "text/plain; charset=utf-8"},
		{"Content-Transfer-Encoding", "8bit"},
	} {
		b.WriteString(f[0] + ": " + f[1] + "\r\n")
	}
	b.WriteString("\r\nThis is what was said in the session.\r\n\r\n")
	b.WriteString(strings.ReplaceAll(strings.ToValidUTF8(transcript, "?"), "\n", "\r\n"))
	b.WriteString("\r\nThe mail log says more.\r\n")
	if last {
		b.WriteString("\r\nThere were too many of these notices lately: the next may come in an hour.\r\n")
	}
	return b.String()
}
