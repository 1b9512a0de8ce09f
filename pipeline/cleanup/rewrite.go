package cleanup

import (
	"context"
	"strconv"
	"strings"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/pipeline/rewrite"
	"github.com/mtad/mtad/queue"
)

// Rewriter rewrites addresses (package rewrite). Errors are temporary. Safe for concurrent use.
type Rewriter interface {
	// Standard brings an address to standard form.
	Standard(address string) string
	// Sender and Recipient rewrite the envelope; Aliases expands a rewritten recipient.
	Sender(ctx context.Context, address string) (string, error)
	Recipient(ctx context.Context, address string) (string, error)
	Aliases(ctx context.Context, recipient string) ([]string, error)
	// SenderBCC, RecipientBCC and AlwaysBCC name recipients to add, "" for none.
	SenderBCC(ctx context.Context, sender string) (string, error)
	RecipientBCC(ctx context.Context, recipient string) (string, error)
	AlwaysBCC() string
	// Header rewrites header addresses in place.
	Header(ctx context.Context, h *mail.Header, hc rewrite.HeaderContext) error
}

var _ Rewriter = (*rewrite.Rewriter)(nil)

// Actions are what access tables and policy services ask for a message (access(5)).
type Actions struct {
	// Hold puts it on hold; Discard throws it away, and the client is told that all is well.
	Hold, Discard bool
	// Filter is "transport:nexthop", "" for none; Redirect takes the place of all recipients.
	Filter, Redirect string
	// BCC are recipients to add; Prepend are header lines to put on top.
	BCC, Prepend []string
}

// Act tells the job of actions, before Commit.
func (j *Job) Act(a Actions) { j.actions = a }

// apply lets the actions change state and envelope.
func (j *Job) apply(s queue.State) (queue.State, bool) {
	a := &j.actions
	switch {
	case a.Redirect != "":
		j.env.Filter = "" // REDIRECT overrides FILTER and content_filter (access(5))
	case a.Filter != "":
		j.env.Filter = a.Filter
	}
	if a.Hold {
		s = queue.Hold
	}
	return s, a.Discard
}

// rewrite brings the addresses of the envelope to their final form: standard form, canonical maps,
// masquerading, then automatic copies and virtual aliases of recipients.
func (j *Job) rewrite(ctx context.Context) *status.Error {
	rw := j.rewriter()
	if rw == nil {
		if to := j.actions.Redirect; to != "" {
			j.env.Recipients = []mail.Recipient{{Address: to, Original: to}}
		}
		return nil
	}
	e := readdressing{j: j, ctx: ctx, rw: rw, seen: map[string]bool{}}
	if err := e.rewrite(); err != nil {
		return status.From(err)
	}
	return nil
}

// readdressing is an envelope that is being rewritten.
type readdressing struct {
	j    *Job
	ctx  context.Context
	rw   Rewriter
	out  []mail.Recipient
	seen map[string]bool
	// aliases are those whose expansion is to be reported.
	aliases []mail.Recipient
}

func (e *readdressing) rewrite() error {
	env, a := e.j.env, &e.j.actions
	var err error
	if env.Sender, err = e.j.rewriteSender(e.ctx, e.rw); err != nil {
		return err
	}
	if e.j.d.o.NoMaps {
		for i := range env.Recipients {
			env.Recipients[i].Address = e.rw.Standard(env.Recipients[i].Address)
		}
		return e.redirect()
	}
	copies := env.Origin.Kind != mail.KindBounce && env.Origin.Kind != mail.KindForward && !env.Probe()
	if copies {
		if err = e.copyTo(e.rw.SenderBCC(e.ctx, env.Sender)); err != nil {
			return err
		}
	}
	for _, rc := range env.Recipients {
		if err = e.recipient(rc, copies); err != nil {
			return err
		}
	}
	for _, bcc := range a.BCC {
		if err = e.copyTo(bcc, nil); err != nil {
			return err
		}
	}
	if copies {
		if err = e.copyTo(e.rw.AlwaysBCC(), nil); err != nil {
			return err
		}
	}
	env.Recipients = append(e.out, e.aliases...)
	return e.redirect()
}

// redirect lets a REDIRECT action take the place of all recipients, without aliases.
func (e *readdressing) redirect() error {
	to := e.j.actions.Redirect
	if to == "" {
		return nil
	}
	e.j.env.Recipients = []mail.Recipient{{Address: e.rw.Standard(to), Original: to}}
	return nil
}

// recipient rewrites one recipient and adds what its aliases and recipient_bcc_maps say.
func (e *readdressing) recipient(rc mail.Recipient, copies bool) error {
	address, err := e.rw.Recipient(e.ctx, rc.Address)
	if err != nil {
		return err
	}
	if err := e.expand(rc, address); err != nil || !copies {
		return err
	}
	return e.copyTo(e.rw.RecipientBCC(e.ctx, address))
}

// copyTo adds an automatic copy; nobody is told what becomes of it (postconf(5) always_bcc).
func (e *readdressing) copyTo(to string, err error) error {
	if to == "" || err != nil {
		return err
	}
	address, err := e.rw.Recipient(e.ctx, to)
	if err != nil {
		return err
	}
	return e.expand(mail.Recipient{Original: to, Notify: mail.NotifyNever}, address)
}

// expand adds the aliases of an address. RFC 3461 §5.2.7.3: who asked for success hears that the alias
// was expanded, and nothing of what became of its addresses; as in Postfix, also when there is one.
func (e *readdressing) expand(rc mail.Recipient, address string) error {
	list, err := e.rw.Aliases(e.ctx, address)
	if err != nil {
		return err
	}
	if (len(list) != 1 || list[0] != address) && rc.Notify&mail.NotifySuccess != 0 {
		alias := rc
		alias.Address, alias.Notify, alias.Expanded = address, mail.NotifySuccess, true
		e.aliases = append(e.aliases, alias)
		if rc.Notify &^= mail.NotifySuccess; rc.Notify == 0 {
			rc.Notify = mail.NotifyNever
		}
	}
	for _, a := range list {
		rc.Address = a
		e.add(rc)
	}
	return nil
}

// add appends a recipient unless it is there: the same address with the same notification wishes
// and, with enable_original_recipient, the same original.
func (e *readdressing) add(rc mail.Recipient) {
	original := rc.Original
	if !e.j.d.o.KeepOriginal {
		original = ""
	}
	key := strings.ToLower(rc.ORcpt + "\n" + strconv.Itoa(int(rc.Notify)) + "\n" + original + "\n" + rc.Address)
	if e.seen[key] {
		return
	}
	if limit := e.j.d.o.DuplicateLimit; limit <= 0 || len(e.seen) < limit {
		e.seen[key] = true
	}
	e.out = append(e.out, rc)
}

// appendPrepended writes the header lines of PREPEND actions, above everything else.
func (j *Job) appendPrepended(b []byte) []byte {
	for _, line := range j.actions.Prepend {
		b = append(append(b, status.Clean(line)...), '\r', '\n')
	}
	return b
}
