package smtpd

import (
	"context"
	"net/netip"
	"strconv"
	"time"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/maillog"
	"github.com/mtad/mtad/core/smtp"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/pipeline/access"
	"github.com/mtad/mtad/pipeline/cleanup"
	"github.com/mtad/mtad/pipeline/hook"
)

// session is the policy of one connection. One goroutine uses it.
type session struct {
	h      *Handler
	conn   smtp.ConnInfo
	origin mail.Origin
	hooks  *hook.Session // nil without plugins

	env     mail.Envelope
	inMail  bool
	refused int // recipients refused because of the limit
	msg     *hook.Message
	job     *cleanup.Job
	proxy   *proxied // in the place of job, with smtpd_proxy_filter
	// effects are what access rules asked for the message; lasting ones came before MAIL and
	// count for each message of the connection.
	effects, lasting access.Effects
	began            time.Time
	size             int64 // announced by MAIL, then as received
	serial           int   // of the transaction, for policy services
	trouble          Trouble
	// forwarded is what XFORWARD said of the next message, or of this one.
	forwarded forwarded
	mechanism string // of the exchange that is under way
	// peer is who connected, and limits what it is held to, nil for nothing; the client may say by XCLIENT
	// that it is another one if mayIdentify is set.
	peer        netip.Addr
	peerName    string // verified, "" before it is looked up
	limits      *ClientLimits
	mayIdentify bool
}

var (
	_ smtp.Handler   = (*Handler)(nil)
	_ smtp.Unsecured = (*Handler)(nil)
	_ smtp.Adjuster  = (*session)(nil)
	_ smtp.Securer   = (*session)(nil)
)

// Connect greets or refuses a client.
func (h *Handler) Connect(ctx context.Context, c smtp.ConnInfo) (smtp.Session, error) {
	s := h.session(c)
	client := s.origin.Client.Addr()
	if h.o.IdentifyFrom != nil && h.o.IdentifyFrom(ctx, "", client) {
		s.limits, s.mayIdentify = nil, true // its clients are many
	}
	if excess, n := s.limits.Enter(client, h.o.Clock()); excess != "" {
		s.logConnect()
		s.logExcess(excess, n)
		return nil, &smtp.Refused{Err: status.New(421, "4.7.0", "%s Error: too many connections from %s", h.o.Hostname, client), End: s.logDisconnect}
	}
	if h.o.Names != nil {
		s.origin.ClientName, s.origin.ReverseName = h.o.Names.Name(ctx, client)
		s.peerName = s.origin.ClientName
		s.mayIdentify = s.mayIdentify || h.o.IdentifyFrom != nil && h.o.IdentifyFrom(ctx, s.origin.ClientName, client)
	}
	s.logConnect()
	err := s.secured(ctx)
	if err == nil {
		err = s.greet(ctx, "CONNECT")
	}
	if err != nil {
		s.closeHooks()
		s.limits.Leave(client, h.o.Clock())
		return nil, &smtp.Refused{Err: s.negativeError(err), Client: maillog.ClientName(&s.origin), End: s.logDisconnect}
	}
	return s, nil
}

// session makes the session of a client that nothing is known of.
func (h *Handler) session(c smtp.ConnInfo) *session {
	s := &session{h: h, conn: c, began: h.o.Clock(), peer: c.Remote().Addr().Unmap(), limits: h.o.Limits}
	s.origin = mail.Origin{Kind: mail.KindSMTP, Service: h.o.Service, Server: c.Local(), ClientName: "unknown", ReverseName: "unknown", UID: -1,
		Client: netip.AddrPortFrom(s.peer, c.Remote().Port())}
	return s
}

func (s *session) logConnect() {
	s.h.o.Log.Info("connect from " + maillog.ClientName(&s.origin))
}

// logDisconnect ends what logConnect began: tools that read the log count on the pair.
func (s *session) logDisconnect() {
	s.h.o.Log.Info("disconnect from " + maillog.ClientName(&s.origin) + " " + s.conn.Summary())
}

// trust tells plugins whether the client is in mynetworks. A table that cannot be asked trusts nobody.
func (s *session) trust(ctx context.Context) {
	if s.h.o.Trusted == nil {
		return
	}
	var err error
	if s.origin.Trusted, err = s.h.o.Trusted(ctx, s.origin.ClientName, s.origin.Client.Addr()); err != nil {
		s.h.o.Log.Warning("mynetworks: " + err.Error())
	}
}

// greet asks the client list, unless it waits for RCPT, and the plugins; stage is what brought the client,
// for the log.
func (s *session) greet(ctx context.Context, stage string) error {
	p := &s.h.o.Policy
	if !p.DelayReject {
		if e := s.evalAlone(ctx, p.Client, &access.Query{State: "CONNECT"}); e != nil {
			return s.reject(stage, e, "")
		}
	}
	set, e := s.h.o.Hooks(ctx, s.origin.Client.Addr())
	if e != nil {
		return s.reject(stage, e, "")
	}
	if set != nil {
		s.trust(ctx)
		s.hooks = set.Session(&s.origin)
		if e := s.hooks.Connect(ctx); e != nil {
			return e
		}
	}
	return nil
}

// Close ends the connection.
func (s *session) Close(why error) {
	s.reset(context.Background())
	s.tellTrouble()
	s.closeHooks()
	s.limits.Leave(s.peer, s.h.o.Clock())
	client := maillog.ClientName(&s.origin)
	s.logUnsecured(why)
	if why != nil {
		s.h.o.Log.Info(status.Clean(why.Error()) + " from " + client)
	}
	s.logDisconnect()
}

func (s *session) closeHooks() {
	if s.hooks != nil {
		s.hooks.Close()
	}
}

// Adjust sets what depends on the client: whether it may send bare newlines
// (smtpd_forbid_bare_newline_exclusions), what it is not offered, what becomes of its commands and of
// the replies to them.
func (s *session) Adjust(t *smtp.Tuning) {
	if may := s.h.o.BareNewlineFrom; may != nil && may(s.origin.Client.Addr()) {
		t.BareNewline = smtp.Normalize
	}
	if s.h.o.Discard != nil {
		if words, ok := s.h.o.Discard(s.origin.Client.Addr()); ok {
			t.DiscardKeywords = words
		}
	}
	t.XVERP = s.mayVERP()
	if s.h.o.CommandFilter != nil {
		t.Command = s.filterCommand
	}
	if s.speaksOtherwise() {
		t.Footer = s.negative
	}
}

// Helo is HELO or EHLO. When it is refused, the name and the transaction of before stay.
func (s *session) Helo(ctx context.Context, name string, esmtp bool) error {
	before := s.origin
	s.origin.Helo = name
	if s.origin.Proto == "" {
		s.origin.Proto = "SMTP"
	}
	if err := s.helo(ctx, esmtp); err != nil {
		s.origin = before
		return err
	}
	return nil
}

// helo asks the rules, for which the client speaks what it spoke before, and then the plugins.
func (s *session) helo(ctx context.Context, esmtp bool) error {
	stage := "HELO"
	if esmtp {
		stage = "EHLO"
	}
	if p := &s.h.o.Policy; !p.DelayReject {
		if e := s.evalAlone(ctx, p.Helo, &access.Query{State: stage}); e != nil {
			return s.reject(stage, e, "")
		}
	}
	s.origin.Proto = s.proto(esmtp)
	if s.hooks != nil {
		if e := s.hooks.Helo(ctx); e != nil {
			return e
		}
	}
	return nil
}

// Reset ends the transaction.
func (s *session) Reset() { s.reset(context.Background()) }

func (s *session) reset(ctx context.Context) {
	if s.job != nil {
		s.job.Abort(ctx)
	} else if s.msg != nil {
		s.msg.Abort(ctx)
	}
	if s.proxy != nil {
		s.proxy.close()
	}
	s.proxy, s.job, s.msg, s.inMail, s.refused = nil, nil, nil, false, 0
	s.env, s.effects, s.forwarded = mail.Envelope{}, access.Effects{}, forwarded{}
}

// Verify answers VRFY as Postfix does: the address would be accepted, or why not.
func (s *session) Verify(ctx context.Context, argument string) (status.Reply, error) {
	q := &access.Query{Origin: &s.origin, Recipient: argument, HasRecipient: true, State: "VRFY"}
	if e := s.recipientLists(ctx, q); e != nil {
		return status.Reply{}, s.reject("VRFY", e, argument)
	}
	return status.Reply{Code: 252, Enhanced: "2.0.0", Text: argument}, nil
}

// Rejected logs what the engine refused by itself.
func (s *session) Rejected(command string, r status.Reply) {
	s.trouble |= TroubleProtocol
	if s.h.o.Log == nil || s.aborted(r) {
		return
	}
	s.h.o.Log.Info("improper command from " + maillog.ClientName(&s.origin) + ": " + strconv.Quote(command) + ": " + r.String())
}

// eval asks one list of several that decide together.
func (s *session) eval(ctx context.Context, l *access.List, q *access.Query) *status.Error {
	if l.Empty() {
		return nil
	}
	s.complete(q)
	_, e := l.Eval(ctx, s.h.o.Env, &s.h.o.Policy.Codes, q, func(e *status.Error) { s.log("reject_warning", q.State, e, q.Recipient) })
	return e
}

// evalAlone asks a list whose word is final.
func (s *session) evalAlone(ctx context.Context, l *access.List, q *access.Query) *status.Error {
	if e := s.eval(ctx, l, q); e != nil {
		return e
	}
	return q.Final()
}

// complete adds what every question has.
func (s *session) complete(q *access.Query) {
	q.Origin, q.Server, q.Pipelined, q.ID = &s.origin, s.origin.Server, s.conn.UnauthPipelining(), s.env.ID
	q.Instance = s.instance()
	if q.Effects = &s.effects; !s.inMail {
		q.Effects = &s.lasting
	}
	if s.h.o.Proxy != nil {
		q.NoEffects = "smtpd_proxy_filter"
	}
	if s.h.o.LogPermit != nil {
		q.Permits = func(p access.Permission) { s.permitted(p, q) }
	}
	if q.Note == nil {
		q.Note = func(action, text string) { s.note(action, text, q) }
	}
}

// instance names the transaction, so that a policy service can tell the requests of one message.
func (s *session) instance() string {
	return strconv.FormatUint(uint64(s.conn.Remote().Port()), 16) + "." + strconv.FormatInt(s.began.UnixNano(), 16) + "." + strconv.Itoa(s.serial)
}

// proto is the protocol's name in Received (RFC 3848).
func (s *session) proto(esmtp bool) string {
	switch {
	case !esmtp:
		return "SMTP"
	case s.origin.TLSVersion != "" && s.origin.SASLUser != "":
		return "ESMTPSA"
	case s.origin.TLSVersion != "":
		return "ESMTPS"
	case s.origin.SASLUser != "":
		return "ESMTPA"
	}
	return "ESMTP"
}

// permitted logs what permits, if it is asked for (smtpd_log_access_permit_actions).
func (s *session) permitted(p access.Permission, q *access.Query) {
	if !s.h.o.LogPermit(p.Action) {
		return
	}
	from := ""
	if p.From != "" {
		from = "from " + p.From
	}
	s.note("permit", "action="+p.Action+" for "+p.Class+"="+p.Name+" "+from, q)
}

// note logs an action of an access table that decides nothing, in Postfix's words.
func (s *session) note(action, text string, q *access.Query) {
	if action == "warning" {
		s.h.o.Log.Warning(text)
		return
	}
	id := s.env.ID
	if id == "" {
		id = "NOQUEUE"
	}
	line := id + ": " + action + ": " + q.State + " from " + maillog.ClientName(&s.origin) + ": " + text + ";"
	if q.HasSender {
		line += " from=<" + q.Sender + ">"
	}
	if q.HasRecipient {
		line += " to=<" + q.Recipient + ">"
	}
	line += " proto=" + s.origin.Protocol()
	if s.origin.Helo != "" {
		line += " helo=<" + s.origin.Helo + ">"
	}
	s.h.o.Log.Info(status.Clean(line))
}

// reject logs a refusal of ours and returns it.
func (s *session) reject(stage string, e *status.Error, rcpt string) error {
	s.trouble |= kindOf(e, false)
	s.log("reject", stage, e, rcpt)
	return e
}

func (s *session) log(action, stage string, e *status.Error, rcpt string) {
	var sender *string
	if s.inMail {
		sender = &s.env.Sender
	}
	s.h.o.Log.Reject(s.env.ID, action, stage, &s.origin, s.softened(e.Reply), sender, rcpt)
	if e.Cause != nil {
		s.h.o.Log.Warning(maillog.ClientName(&s.origin) + ": " + stage + ": " + e.Cause.Error())
	}
}
