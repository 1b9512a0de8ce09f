package local

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/mtad/mtad/core/addr"
	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/pipeline/deliver"
	"github.com/mtad/mtad/pipeline/deliver/mailbox"
	"github.com/mtad/mtad/queue"
)

// Table is a lookup table. An error means "try later", never "not found".
type Table interface {
	Lookup(ctx context.Context, key string) (value string, found bool, err error)
}

// Expander replaces a user by others, as alias_maps do.
type Expander interface {
	// Expand queues the message for what user (with extension, "" when there is none) stands
	// for. found is false for a user that is no alias; id is the new entry's. The message
	// must be on stable storage when it returns; an error defers the recipient.
	Expand(ctx context.Context, req *queue.Request, r mail.Recipient, user, extension string) (id string, found bool, err error)
}

// Options of an Agent.
type Options struct {
	// Spool is mail_spool_directory; a "/" at its end makes Maildirs.
	Spool string
	// HomeMailbox is home_mailbox, a path below the home directory; "" for none.
	HomeMailbox string
	// Users are the accounts; not asked with Directory.
	Users Users
	// Directory makes every user of Recipients, or every user when that is nil, have a
	// mailbox in Spool. Recipients (local_recipient_maps) is not asked without it: an account
	// that does not exist is unknown in any case.
	Directory  bool
	Recipients Table
	// Expander knows the aliases; nil when there are none.
	Expander Expander
	// RecipientDelimiter has the bytes that begin an address extension (recipient_delimiter).
	RecipientDelimiter string
	// DoubleBounceSender is the user whose mail is thrown away (double_bounce_sender), "" for
	// nobody.
	DoubleBounceSender string
	// Original puts X-Original-To on top of the message (enable_original_recipient),
	// Delivered puts Delivered-To ("file" in prepend_delivered_header).
	Original, Delivered bool
	// Mailbox writes the mailboxes with the rights of their owners.
	Mailbox mailbox.Deliverer
	// Clock is time.Now unless set.
	Clock func() time.Time
}

// Agent delivers to local users. Safe for concurrent use.
type Agent struct{ o Options }

var _ queue.Agent = (*Agent)(nil)

// New returns an agent. It fails when an option is missing that nothing can stand in for.
func New(o Options) (*Agent, error) {
	switch {
	case o.Spool == "" && (o.Directory || o.HomeMailbox == ""):
		return nil, errors.New("local: mail_spool_directory is empty")
	case o.Users == nil && !o.Directory:
		return nil, errors.New("local: no accounts to deliver to")
	case o.Mailbox == nil:
		return nil, errors.New("local: no mailbox writer")
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	return &Agent{o}, nil
}

// Deliver delivers to each recipient in turn. See the package documentation for the results.
func (a *Agent) Deliver(ctx context.Context, req *queue.Request) []queue.Result {
	at := deliver.Attempt{Relay: deliver.RelayName(req, "local"), Begun: a.o.Clock()}
	text, err := req.Open()
	if err != nil {
		return deliver.All(req, at.Failed(err))
	}
	defer text.Close()
	seen, err := deliver.DeliveredTo(text)
	if err != nil {
		return deliver.All(req, at.Failed(err))
	}
	d := delivery{a, req, text, seen}
	rs := make([]queue.Result, 0, len(req.Recipients))
	for _, r := range req.Recipients {
		at.Begun = a.o.Clock()
		rs = append(rs, d.to(ctx, at, r))
	}
	return rs
}

// delivery is one request under way.
type delivery struct {
	*Agent
	req  *queue.Request
	text mail.Content
	seen deliver.Seen
}

// to is the order of the package documentation.
func (d *delivery) to(ctx context.Context, at deliver.Attempt, r mail.Recipient) queue.Result {
	if d.seen.Has(r.Address) {
		return at.Failed(deliver.Loop(r.Address))
	}
	user, extension := d.user(r.Address)
	if user == "" {
		return at.Failed(status.New(553, "5.1.3", "null username in %q", r.Address))
	}
	if d.o.DoubleBounceSender != "" && user == strings.ToLower(d.o.DoubleBounceSender) {
		return at.Sent("2.0.0", "undeliverable postmaster notification discarded")
	}
	if d.o.Expander != nil {
		if id, found, err := d.o.Expander.Expand(ctx, d.req, r, user, extension); err != nil {
			return at.Failed(tryLater("alias expansion failed, try again later", err))
		} else if found {
			return at.Expanded("forwarded as " + id)
		}
	}
	said, err := d.toMailbox(ctx, r, user)
	if err != nil {
		return at.Failed(err)
	}
	return at.Sent("2.0.0", said)
}

// user returns the user and the extension that an address names.
func (a *Agent) user(address string) (user, extension string) {
	user = strings.ToLower(addr.Unquote(addr.Local(address)))
	user, extension, _ = addr.SplitExtension(user, a.o.RecipientDelimiter)
	return user, extension
}

func (d *delivery) toMailbox(ctx context.Context, r mail.Recipient, user string) (string, error) {
	as, place, err := d.place(ctx, r.Address, user)
	if err != nil {
		return "", err
	}
	if d.req.Entry.Probe() {
		return place.Probed(), nil
	}
	m := mailbox.Message{Sender: d.req.Entry.Sender, Text: d.text}
	if d.o.Original {
		m.Original = r.Original
	}
	if d.o.Delivered {
		m.Delivered = r.Address
	}
	return d.o.Mailbox.Deliver(ctx, as, place, &m)
}

// tryLater makes whatever err says temporary: who cannot be asked has not said no.
func tryLater(text string, err error) error {
	var e *status.Error
	if errors.As(err, &e) && e.Temporary() {
		return err
	}
	return status.Tempfail("4.3.0", "%s", text).Because(err)
}
