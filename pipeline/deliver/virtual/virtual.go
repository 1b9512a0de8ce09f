package virtual

import (
	"context"
	"errors"
	"fmt"
	"strconv"
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

// Options of an Agent.
type Options struct {
	// Base is virtual_mailbox_base: the directory below which all mailboxes lie.
	Base string
	// Mailboxes is virtual_mailbox_maps.
	Mailboxes Table
	// UIDs and GIDs are virtual_uid_maps and virtual_gid_maps; nil when Mailbox delivers as itself.
	UIDs, GIDs Table
	// MinUID is the lowest uid that UIDs may name, 100 when 0 (virtual_minimum_uid).
	MinUID int
	// RecipientDelimiter has the bytes that begin an address extension (recipient_delimiter).
	RecipientDelimiter string
	// Original puts X-Original-To on top of the message (enable_original_recipient).
	Original bool
	// Mailbox writes the mailboxes with the rights of their owners.
	Mailbox mailbox.Deliverer
	// Clock is time.Now unless set.
	Clock func() time.Time
}

// Agent delivers to virtual mailboxes. Safe for concurrent use.
type Agent struct{ o Options }

var _ queue.Agent = (*Agent)(nil)

// New returns an agent. It fails when an option is missing that nothing can stand in for.
func New(o Options) (*Agent, error) {
	switch {
	case o.Base == "":
		return nil, errors.New("virtual: virtual_mailbox_base is empty")
	case o.Mailboxes == nil:
		return nil, errors.New("virtual: virtual_mailbox_maps is empty")
	case o.Mailbox == nil:
		return nil, errors.New("virtual: no mailbox writer")
	}
	if o.MinUID == 0 {
		o.MinUID = 100
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	return &Agent{o}, nil
}

// Deliver delivers to each recipient in turn. See the package documentation for the results.
func (a *Agent) Deliver(ctx context.Context, req *queue.Request) []queue.Result {
	at := deliver.Attempt{Relay: deliver.RelayName(req, "virtual"), Begun: a.o.Clock()}
	text, err := req.Open()
	if err != nil {
		return deliver.All(req, at.Failed(err))
	}
	defer text.Close()
	rs := make([]queue.Result, 0, len(req.Recipients))
	for _, r := range req.Recipients {
		at.Begun = a.o.Clock()
		said, err := a.deliver(ctx, &req.Entry.Envelope, r, text)
		if err != nil {
			rs = append(rs, at.Failed(err))
			continue
		}
		rs = append(rs, at.Sent("2.0.0", said))
	}
	return rs
}

func (a *Agent) deliver(ctx context.Context, env *mail.Envelope, r mail.Recipient, text mail.Content) (string, error) {
	keys := a.keys(r.Address)
	value, found, err := find(ctx, a.o.Mailboxes, "virtual_mailbox_maps", keys)
	if err != nil {
		return "", err
	}
	if !found {
		return "", status.Reject("5.1.1", "unknown user: %q", keys[0]).By("virtual_mailbox_maps")
	}
	as, err := a.owner(ctx, keys)
	if err != nil {
		return "", err
	}
	place, err := mailbox.Below(a.o.Base, value, as.UID)
	if err != nil {
		return "", err
	}
	if env.Probe() {
		return place.Probed(), nil
	}
	m := mailbox.Message{Sender: env.Sender, Delivered: r.Address, Text: text}
	if a.o.Original {
		m.Original = r.Original
	}
	return a.o.Mailbox.Deliver(ctx, as, place, &m)
}

// keys returns what to ask tables for, in order.
func (a *Agent) keys(address string) []string {
	internal := strings.ToLower(addr.Internal(address))
	at := strings.LastIndexByte(internal, '@')
	if at < 0 {
		return []string{internal}
	}
	local, domain := internal[:at], internal[at:]
	if user, _, ok := addr.SplitExtension(local, a.o.RecipientDelimiter); ok {
		return []string{internal, user + domain, domain}
	}
	return []string{internal, domain}
}

// find asks the table for one key after the other. Whatever its error says, it is temporary: a
// table that cannot be asked must not bounce mail.
func find(ctx context.Context, t Table, name string, keys []string) (value string, found bool, err error) {
	for _, key := range keys {
		value, found, err := t.Lookup(ctx, key)
		if err != nil {
			return "", false, status.Tempfail("4.3.0", "mailbox lookup failed, try again later").Because(err).By(name)
		}
		if found {
			return value, true, nil
		}
	}
	return "", false, nil
}

// owner returns who the tables say the recipient's mailbox belongs to; AnyOwner without tables.
func (a *Agent) owner(ctx context.Context, keys []string) (as deliver.As, err error) {
	as = deliver.As{UID: mailbox.AnyOwner, GID: mailbox.AnyOwner}
	if a.o.GIDs != nil {
		if as.GID, err = number(ctx, a.o.GIDs, "virtual_gid_maps", keys, 1); err != nil {
			return as, err
		}
	}
	if a.o.UIDs != nil {
		as.UID, err = number(ctx, a.o.UIDs, "virtual_uid_maps", keys, a.o.MinUID)
	}
	return as, err
}

// number finds an id of at least least. A recipient without one is a mistake of the configuration.
func number(ctx context.Context, t Table, name string, keys []string, least int) (int, error) {
	value, found, err := find(ctx, t, name, keys)
	if err != nil {
		return 0, err
	}
	id, err := strconv.ParseUint(strings.TrimSpace(value), 10, 31)
	switch {
	case !found:
		err = fmt.Errorf("recipient %s: not found in %s", keys[0], name)
	case err != nil || id < uint64(least):
		err = fmt.Errorf("recipient %s: bad value %q in %s", keys[0], value, name)
	default:
		return int(id), nil
	}
	return 0, status.Tempfail("4.3.5", "mail system configuration error").Because(err).By(name)
}
