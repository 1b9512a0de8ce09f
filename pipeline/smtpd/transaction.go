package smtpd

import (
	"context"
	"io"
	"strings"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/smtp"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/pipeline/access"
	"github.com/mtad/mtad/pipeline/cleanup"
	"github.com/mtad/mtad/pipeline/hook"
)

// Mail opens a transaction.
func (s *session) Mail(ctx context.Context, m smtp.MailArgs) error {
	if s.tooOften(eventMail, 1, "Message delivery request") {
		return status.New(450, "4.7.1", "Error: too much mail from %s", s.origin.Client.Addr())
	}
	f := s.forwarded // for this transaction
	s.reset(ctx)
	s.forwarded = f
	s.env = mail.Envelope{Sender: m.Sender, Body: m.Body, SMTPUTF8: m.SMTPUTF8, Ret: m.Ret, EnvID: m.EnvID,
		Origin: s.origin, Filter: s.h.o.Filter}
	s.env.Origin.SASLSender = m.Auth
	if m.SMTPUTF8 {
		s.env.Origin.Proto = "UTF8" + strings.TrimPrefix(s.origin.Proto, "E")
	}
	if f := s.h.o.LocalClient; f != nil {
		s.env.Origin.Local = f(s.origin.Client.Addr(), s.origin.SASLUser != "")
	}
	if f.source != "" {
		s.env.Origin.Local = f.source == "LOCAL"
	}
	s.inMail = true
	s.serial++
	s.size = m.Size
	if e := s.mail(ctx, m); e != nil {
		s.reset(ctx)
		return e
	}
	return nil
}

func (s *session) mail(ctx context.Context, m smtp.MailArgs) error {
	if e := s.room(m.Size); e != nil {
		return s.reject("MAIL", e, "")
	}
	if e := s.verp(&m); e != nil {
		return s.reject("MAIL", e, "")
	}
	if e := s.resolvable(ctx, m.Sender, "5.1.7", "Bad sender address syntax"); e != nil {
		return s.reject("MAIL", e, "")
	}
	if f := s.h.o.MaySend; f != nil {
		if e := f(ctx, m.Sender); e != nil {
			return s.reject("MAIL", e, "")
		}
	}
	if p := &s.h.o.Policy; !p.DelayReject {
		if e := s.evalAlone(ctx, p.Sender, &access.Query{Sender: m.Sender, HasSender: true, Size: m.Size, State: "MAIL"}); e != nil {
			return s.reject("MAIL", e, "")
		}
	}
	if s.hooks == nil {
		return nil
	}
	s.msg = s.hooks.Begin(&s.env)
	if e := s.msg.Mail(ctx, hook.MailParams(&s.env, m.Size)); e != nil {
		return e
	}
	return nil
}

// resolvable refuses an address that leads nowhere: a route over this machine without an end.
func (s *session) resolvable(ctx context.Context, address, enhanced, text string) *status.Error {
	if s.h.o.Resolvable == nil || address == "" {
		return nil
	}
	ok, err := s.h.o.Resolvable(ctx, address)
	switch {
	case err != nil:
		return status.New(451, "4.3.0", "<%s>: Temporary lookup failure", address).Because(err)
	case !ok:
		return status.New(501, enhanced, "%s", text)
	}
	return nil
}

// room refuses a message that is announced as too large for the limit or the disk (RFC 1870 §6.1).
func (s *session) room(size int64) *status.Error {
	if limit := s.h.o.SizeLimit; limit > 0 && size > limit {
		return status.New(552, "5.3.4", "Message size exceeds fixed limit").By("message_size_limit")
	}
	if s.h.o.FreeBytes == nil {
		return nil
	}
	free, err := s.h.o.FreeBytes()
	least := max(s.h.o.MinFree, size)
	if p := s.h.o.Proxy; p != nil && p.Whole {
		least += s.h.o.SizeLimit // for what waits until all of it is here
	}
	if err != nil || free < least {
		return status.New(452, "4.3.1", "Insufficient system storage").By("queue_minfree").Because(err)
	}
	return nil
}

// Rcpt adds a recipient.
func (s *session) Rcpt(ctx context.Context, r smtp.RcptArgs) error {
	if s.tooOften(eventRcpt, 1, "Recipient address") {
		return status.New(450, "4.7.1", "Error: too many recipients from %s", s.origin.Client.Addr())
	}
	if err := s.roomForRecipient(r.Recipient); err != nil {
		return err
	}
	if e := s.resolvable(ctx, r.Recipient, "5.1.3", "Bad recipient address syntax"); e != nil {
		return s.reject("RCPT", e, r.Recipient)
	}
	q := &access.Query{Origin: &s.origin, Sender: s.env.Sender, HasSender: true, Recipient: r.Recipient, HasRecipient: true,
		Recipients: len(s.env.Recipients), Size: s.size, State: "RCPT"}
	if e := s.rcptLists(ctx, q); e != nil {
		return s.reject("RCPT", e, r.Recipient)
	}
	rc := mail.Recipient{Address: r.Recipient, Original: r.Recipient, ORcpt: r.ORcpt, Notify: r.Notify}
	if s.msg != nil {
		if e := s.msg.Rcpt(ctx, &rc); e != nil {
			return e
		}
	}
	if s.h.o.Proxy != nil {
		if e := s.proxyRcpt(ctx, &rc); e != nil {
			return e
		}
	} else if s.job == nil {
		if err := s.begin(ctx); err != nil {
			return err
		}
	}
	s.env.Recipients = append(s.env.Recipients, rc)
	return nil
}

// begin opens the queue at the first valid recipient, so that refused mail costs no queue id.
func (s *session) begin(ctx context.Context) error {
	job, err := s.h.o.Door.Begin(ctx, &s.env, s.msg)
	if err != nil {
		return s.reject("RCPT", status.From(err), "")
	}
	s.job = job
	s.logClient()
	return nil
}

// roomForRecipient refuses recipients over smtpd_recipient_limit; as many as the overshoot limit
// do not count as errors of the client.
func (s *session) roomForRecipient(rcpt string) error {
	limit := s.h.o.RecipientLimit
	if limit <= 0 || len(s.env.Recipients) < limit {
		return nil
	}
	e := status.New(452, "4.5.3", "Error: too many recipients").By("smtpd_recipient_limit")
	s.log("reject", "RCPT", e, rcpt)
	if s.refused++; s.refused > s.h.o.RecipientOvershoot {
		s.trouble |= TroublePolicy
		return e
	}
	return &smtp.Uncounted{Err: e}
}

// rcptLists asks every list that is due at RCPT.
func (s *session) rcptLists(ctx context.Context, q *access.Query) *status.Error {
	p := &s.h.o.Policy
	if p.DelayReject {
		for _, l := range [...]*access.List{p.Client, p.Helo, p.Sender} {
			if e := s.eval(ctx, l, q); e != nil {
				return e
			}
		}
	}
	return s.recipientLists(ctx, q)
}

// recipientLists asks the relay and recipient lists, and whether the recipient exists.
func (s *session) recipientLists(ctx context.Context, q *access.Query) *status.Error {
	p := &s.h.o.Policy
	first, second := p.Relay, p.Recipient
	if p.RecipientFirst {
		first, second = second, first
	}
	for _, l := range [...]*access.List{first, second} {
		if e := s.evalAlone(ctx, l, q); e != nil {
			return e
		}
	}
	if p.UnlistedSender && q.Sender != "" {
		if e := q.Soften(s.h.o.Env.ListedSender(ctx, q.Sender)); e != nil {
			return e
		}
	}
	if p.Unlisted && !q.Checked() {
		return q.Soften(s.h.o.Env.Listed(ctx, q.Recipient))
	}
	return nil
}

// Data is asked before any text.
func (s *session) Data(ctx context.Context) error {
	if e := s.evalAlone(ctx, s.h.o.Policy.Data, s.lastQuery("DATA")); e != nil {
		return s.reject("DATA", e, s.first())
	}
	if s.msg != nil {
		if e := s.msg.Data(ctx); e != nil {
			return e
		}
	}
	if s.proxy != nil && s.proxy.spool == nil {
		if e := s.proxy.data(ctx); e != nil {
			return e
		}
	}
	return nil
}

// first is the recipient that the log names behind RCPT, as Postfix does.
func (s *session) first() string {
	if len(s.env.Recipients) == 0 {
		return ""
	}
	return s.env.Recipients[0].Original
}

func (s *session) lastQuery(state string) *access.Query {
	q := &access.Query{State: state, Size: s.size, Sender: s.env.Sender, HasSender: true, Recipients: len(s.env.Recipients)}
	if len(s.env.Recipients) == 1 {
		q.Recipient, q.HasRecipient = s.env.Recipients[0].Original, true
	}
	return q
}

// Message takes the text and queues the message.
func (s *session) Message(ctx context.Context, body smtp.Body) (status.Reply, error) {
	defer s.reset(ctx)
	if s.proxy != nil {
		return s.proxyMessage(ctx, body)
	}
	if s.job == nil {
		return status.Reply{}, status.New(554, "5.5.1", "Error: no valid recipients")
	}
	s.size = 0
	for {
		block, err := body.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return status.Reply{}, err
		}
		s.size += int64(len(block))
		if err := s.job.Write(ctx, block); err != nil {
			return status.Reply{}, s.refuse(err)
		}
	}
	if e := s.evalAlone(ctx, s.h.o.Policy.EndOfData, s.lastQuery("END-OF-MESSAGE")); e != nil {
		return status.Reply{}, s.reject("END-OF-MESSAGE", e, s.first())
	}
	s.job.Act(s.actions())
	res, err := s.job.Commit(ctx)
	if err != nil {
		return status.Reply{}, s.refuse(err)
	}
	s.tellTrouble() // the dialogue of an accepted message is forgotten
	return status.Reply{Code: 250, Enhanced: "2.0.0", Text: "Ok: queued as " + res.ID}, nil
}

// actions are what the access rules asked for the message.
func (s *session) actions() cleanup.Actions {
	e := s.lasting
	e.Merge(s.effects)
	return cleanup.Actions{Hold: e.Hold, Discard: e.Discard, Filter: e.Filter, Redirect: e.Redirect, BCC: e.BCC, Prepend: e.Prepend}
}

// refuse logs what cleanup refused; what a plugin refused is logged already.
func (s *session) refuse(err error) error {
	e := status.From(err)
	if !strings.HasPrefix(e.Rule, "plugin ") {
		s.trouble |= kindOf(e, true)
		s.log("reject", "END-OF-MESSAGE", e, s.first())
	}
	return e
}
