package postscreen

import (
	"context"
	"net"

	"github.com/mtad/mtad/core/smtp"
	"github.com/mtad/mtad/core/status"
)

// refuse ends a client that failed: at once, or after a session in which every recipient is refused,
// so that the log has sender and recipient. It returns false: the client does not go on.
func (t *trial) refuse(ctx context.Context, r refusal) bool {
	o := &t.l.o
	if r.action == Drop {
		o.Log.Info("NOQUEUE: reject: CONNECT from " + t.client + ": 521 " + r.enhanced + " " + r.text)
		t.l.turnAway(t.c, "521 "+r.enhanced+" "+r.text+"\r\n")
		o.Log.Info("DISCONNECT " + t.client)
		return false
	}
	so := smtp.Defaults()
	so.ForbidUnauthPipelining = false
	so.Hostname, so.Banner, so.Timeout = o.Hostname, o.Hostname+" ESMTP", o.Deadline
	h := &refuser{t: t, reply: status.Reply{Code: 550, Enhanced: r.enhanced, Text: r.text}}
	_ = smtp.New(so, h).ServeConn(ctx, t.c) // however it ended, nothing was taken
	o.Log.Info("DISCONNECT " + t.client)
	return false
}

// refuser is a session that takes nothing.
type refuser struct {
	t            *trial
	reply        status.Reply
	helo, sender string
}

var (
	_ smtp.Handler = (*refuser)(nil)
	_ smtp.Session = (*refuser)(nil)
)

// Connect is the session's begin.
func (r *refuser) Connect(context.Context, smtp.ConnInfo) (smtp.Session, error) { return r, nil }

// Helo keeps the name for the log.
func (r *refuser) Helo(_ context.Context, name string, _ bool) error {
	r.helo = name
	return nil
}

// Extensions has none.
func (r *refuser) Extensions() []string { return nil }

// Auth is not offered.
func (r *refuser) Auth(context.Context, string) (smtp.AuthExchange, error) {
	return nil, status.New(502, "5.5.1", "Error: command not implemented")
}

// Mail keeps the sender for the log.
func (r *refuser) Mail(_ context.Context, m smtp.MailArgs) error {
	r.sender = m.Sender
	return nil
}

// Rcpt refuses.
func (r *refuser) Rcpt(_ context.Context, a smtp.RcptArgs) error {
	r.t.l.o.Log.Info("NOQUEUE: reject: RCPT from " + r.t.client + ": " + r.reply.String() +
		"; from=<" + status.Clean(r.sender) + ">, to=<" + status.Clean(a.Recipient) + ">, proto=ESMTP, helo=<" + status.Clean(r.helo) + ">")
	return &status.Error{Reply: r.reply}
}

// Data is never reached: there are no recipients.
func (r *refuser) Data(context.Context) error { return &status.Error{Reply: r.reply} }

// Message is never reached.
func (r *refuser) Message(context.Context, smtp.Body) (status.Reply, error) {
	return status.Reply{}, &status.Error{Reply: r.reply}
}

// Reset has nothing to forget.
func (r *refuser) Reset() { r.sender = "" }

// Verify refuses.
func (r *refuser) Verify(context.Context, string) (status.Reply, error) {
	return status.Reply{}, status.New(502, "5.5.1", "VRFY command is disabled")
}

// Etrn refuses.
func (r *refuser) Etrn(context.Context, string) (status.Reply, error) {
	return status.Reply{}, status.New(502, "5.5.1", "Error: command not implemented")
}

// Rejected is of no interest.
func (r *refuser) Rejected(string, status.Reply) {}

// Close is the end.
func (r *refuser) Close(error) {}

// replayed is a connection of which something was read already.
type replayed struct {
	net.Conn
	first []byte
}

// before puts back what was read.
func before(c net.Conn, read []byte) net.Conn {
	if len(read) == 0 {
		return c
	}
	return &replayed{c, read}
}

// Read returns what was put back first.
func (r *replayed) Read(p []byte) (int, error) {
	if len(r.first) > 0 {
		n := copy(p, r.first)
		r.first = r.first[n:]
		return n, nil
	}
	return r.Conn.Read(p)
}
