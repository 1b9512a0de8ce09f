package smtp

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"strings"

	"github.com/mtad/mtad/core/smtpclient"
	"github.com/mtad/mtad/core/status"
)

// session returns a session with e that is ready for a transaction: an idle one or a new one.
func (d *delivery) session(ctx context.Context, h *hop, e *endpoint) (*session, *failure) {
	if !d.fresh && !d.a.o.SASL.On() && d.a.plain != nil {
		if s := d.a.cache.takeAt(e.key()); s != nil {
			s.serve(d.dest(h.text), e)
			return s, nil
		}
	}
	p, f := d.a.policy(ctx, h, e)
	if f != nil {
		return nil, f
	}
	s, f := d.connect(ctx, h, e, p)
	if f == nil || !f.handshake || !d.plaintextAllowed(p) {
		return s, f
	}
	// smtp_tls_security_level=may: mail that cannot go encrypted goes as it would without.
	d.a.o.Log.Info(d.req.Entry.ID + ": " + f.reply.Text + "; trying " + e.relay() + " again without TLS")
	return d.connect(ctx, h, e, &policy{level: levelNone})
}

func (d *delivery) plaintextAllowed(p *policy) bool {
	return !p.required() && d.begun.Sub(d.req.Entry.Arrived) >= d.a.o.TLS.PlaintextAfter
}

// connect makes a connection and brings it to where transactions can begin.
func (d *delivery) connect(ctx context.Context, h *hop, e *endpoint, p *policy) (*session, *failure) {
	a := d.a
	nc, err := a.dial(ctx, e)
	if err != nil {
		if ctx.Err() != nil {
			return nil, interrupted(ctx.Err())
		}
		f := connectFailed(e, err)
		a.o.Log.Info(f.reply.Text)
		return nil, f
	}
	s := newSession(smtpclient.New(nc, &a.client), e)
	if f := a.discard(ctx, s); f != nil {
		s.conn.Close()
		return nil, f
	}
	stop := s.watch(ctx)
	f := a.handshake(ctx, s, h, d.req.Entry.Sender, p)
	if !stop() {
		f = interrupted(ctx.Err())
	}
	if f != nil {
		d.tell(s)
		s.conn.Quit()
		return nil, f
	}
	s.serve(d.dest(h.text), e)
	return s, nil
}

// discard sets what a server's address has in smtp_discard_ehlo_keyword_address_maps.
func (a *Agent) discard(ctx context.Context, s *session) *failure {
	if a.o.DiscardFor == nil || s.at.path != "" {
		return nil
	}
	set, found, err := a.o.DiscardFor(ctx, s.at.addr.Addr())
	if err != nil {
		f := temporary("4.3.0", "local data error while talking to "+s.at.named())
		f.cause, f.ours = err, true
		return f
	}
	if found {
		s.conn.Discard(set)
	}
	return nil
}

func (a *Agent) dial(ctx context.Context, e *endpoint) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, a.o.ConnectTimeout)
	defer cancel()
	if e.path != "" {
		return a.o.Dial(ctx, "unix", e.path)
	}
	return a.o.Dial(ctx, "tcp", e.addr.String())
}

// handshake does everything between the connection and the first MAIL.
func (a *Agent) handshake(ctx context.Context, s *session, h *hop, sender string, p *policy) *failure {
	encrypt := p.wanted() && (s.at.path == "" || p.required())
	if a.o.TLS.Wrapper && encrypt {
		if f := a.encrypted(s, p, s.conn.WrapTLS); f != nil {
			return f
		}
	}
	greeting, err := s.conn.Greet()
	if err != nil {
		return a.sessionError(s, err)
	}
	if f := a.hello(s, h, greeting.Text); f != nil {
		return f
	}
	if f := a.startTLS(s, h, p, encrypt && !a.o.TLS.Wrapper); f != nil {
		return f
	}
	return a.authenticate(ctx, s, h.text, sender)
}

// hello says EHLO, and looks whether it is ourselves who answers.
func (a *Agent) hello(s *session, h *hop, greeting string) *failure {
	if err := s.conn.Hello(); err != nil {
		return a.sessionError(s, err)
	}
	name, _, _ := strings.Cut(greeting, " ")
	if s.at.guard && (a.own.name(name) || a.own.name(s.conn.Features().Name)) {
		a.o.Log.Warning("host " + s.at.named() + " greeted me with my own hostname " + a.o.Hostname)
		f := permanent(550, "5.4.6", "mail for "+h.name+" loops back to myself")
		f.relay = s.relay
		return f
	}
	return nil
}

// startTLS starts TLS if it is wanted and offered.
func (a *Agent) startTLS(s *session, h *hop, p *policy, encrypt bool) *failure {
	offered := s.conn.Features().Has(smtpclient.STARTTLS)
	switch {
	case !encrypt:
		if offered && a.o.TLS.NoteOffer && !p.wanted() {
			a.o.Log.Info("Host offered STARTTLS: [" + s.at.host + "]")
		}
		return nil
	case !offered && p.required():
		f := temporary("4.7.4", "TLS is required, but was not offered by host "+s.at.named())
		f.relay = s.relay
		return f
	case !offered:
		return nil
	}
	f := a.encrypted(s, p, s.conn.StartTLS)
	if f != nil || !s.conn.Usable() {
		return f
	}
	if _, on := s.conn.TLS(); !on {
		return nil // refused, and the session goes on as it is
	}
	return a.hello(s, h, "")
}

// encrypted does the TLS handshake by start. A server that refuses STARTTLS goes on without it,
// unless TLS is required.
func (a *Agent) encrypted(s *session, p *policy, start func(*tls.Config) error) *failure {
	err := start(a.config(p))
	if err == nil {
		return a.judged(s, p)
	}
	var e *smtpclient.Error
	switch {
	case !errors.As(err, &e):
		return temporary("4.3.0", err.Error())
	case e.Kind == smtpclient.Refused && p.required():
		f := said(&s.at, e.Reply, "TLS is required, but host "+s.at.named()+" refused to start TLS: "+e.Reply.Raw)
		f.reply.Code, f.reply.Enhanced = 454, "4.7.4"
		return f
	case e.Kind == smtpclient.Refused:
		return nil
	case e.Kind == smtpclient.Handshake:
		a.o.Log.Info("SSL_connect error to " + s.relay + ": " + e.Err.Error())
	}
	return broken(&s.at, e)
}

// judged logs a handshake and checks the server's certificates.
func (a *Agent) judged(s *session, p *policy) *failure {
	state, _ := s.conn.TLS()
	word, matched, why := a.judge(p, state.PeerCertificates)
	if a.o.TLS.LogLevel >= 1 {
		if why != nil {
			a.o.Log.Info("certificate verification failed for " + s.relay + ": " + status.Clean(why.Error()))
		}
		a.o.Log.Info(established(word, &s.at, &state))
	}
	s.private, s.matched = a.plain == nil, matched
	if why == nil {
		return nil
	}
	text := "Server certificate not trusted"
	if !errors.Is(why, errNotTrusted) {
		text = "Server certificate not verified"
	}
	f := temporary("4.7.5", text)
	f.cause, f.relay = why, s.relay
	return f
}

func (a *Agent) sessionError(s *session, err error) *failure {
	var e *smtpclient.Error
	if !errors.As(err, &e) {
		return temporary("4.3.0", err.Error())
	}
	s.note(e)
	return a.sessionFailed(&s.at, e)
}
