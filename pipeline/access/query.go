package access

import (
	"context"
	"net/netip"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/status"
)

// Query is what is known when a list is asked. The lists of one decision (those that
// smtpd_delay_reject asks at RCPT) share a Query, and with it the deferrals that they gather. One
// goroutine uses it.
type Query struct {
	Origin *mail.Origin
	// Sender and Recipient as given; Has* say whether the client gave them yet. Etrn is the
	// argument of ETRN.
	Sender, Recipient, Etrn string
	HasSender, HasRecipient bool
	// Recipients is the number accepted so far.
	Recipients int
	// Pipelined says that the client sent commands before it was its turn.
	Pipelined bool
	// State is the protocol state as policy services are told: CONNECT, EHLO, HELO, MAIL,
	// RCPT, DATA, END-OF-MESSAGE, VRFY, ETRN.
	State string
	// Server is the local end of the connection; Size is the message's size in bytes as far
	// as it is known; ID is the queue id, "" for none; Instance names the transaction.
	Server       netip.AddrPort
	Size         int64
	ID, Instance string
	// Effects takes what tables and policy services ask for the message; nil: nothing can be
	// done to one.
	Effects *Effects
	// NoEffects names the parameter for which a message cannot be held, discarded, redirected, copied
	// or sent to a filter: it is not queued here. "": it can.
	NoEffects string
	// Note is told of actions that decide nothing: "warn", "hold", "filter"… with a text for
	// the log. nil drops them.
	Note func(action, text string)
	// Permits is told of what permits; nil: nobody wants to know.
	Permits func(Permission)

	name, class string // what the list is about: "user@x", "Sender address"
	deferPermit *status.Error
	deferReject *status.Error // of this stage
	stage       string
	depth       int
	checked     bool // the recipient was looked up in its class
}

// Effects are the actions of access(5) that change the message.
type Effects struct {
	Hold, Discard    bool
	Filter, Redirect string
	BCC, Prepend     []string
}

// Merge adds o; what o says of filter and redirect wins.
func (e *Effects) Merge(o Effects) {
	e.Hold, e.Discard = e.Hold || o.Hold, e.Discard || o.Discard
	if o.Filter != "" {
		e.Filter = o.Filter
	}
	if o.Redirect != "" {
		e.Redirect = o.Redirect
	}
	e.BCC = append(e.BCC[:len(e.BCC):len(e.BCC)], o.BCC...)
	e.Prepend = append(e.Prepend[:len(e.Prepend):len(e.Prepend)], o.Prepend...)
}

// Checked reports whether reject_unlisted_recipient was asked already.
func (q *Query) Checked() bool { return q.checked }

func (q *Query) note(action, text string) {
	if q.Note != nil {
		q.Note(action, text)
	}
}

// deferIfPermit remembers a failure: what would be permitted in the end is deferred with it.
func (q *Query) deferIfPermit(e *status.Error) {
	if q.deferPermit == nil {
		q.deferPermit = e
	}
}

// deferIfReject remembers a failure: what would be refused in the end is deferred with it.
func (q *Query) deferIfReject(e *status.Error) {
	if q.deferReject == nil {
		q.deferReject = e
	}
}

// Decision is what a list says.
type Decision uint8

// The decisions.
const (
	Dunno Decision = iota
	Permit
	Refuse
)

// Env is what restrictions ask. Safe for concurrent use.
type Env interface {
	Resolver
	// MyNetworks reports whether the client, by name or address, is in mynetworks.
	MyNetworks(ctx context.Context, name string, client netip.Addr) (bool, error)
	// OwnInterface reports whether it is an address of this machine's interfaces.
	OwnInterface(client netip.Addr) bool
	// AuthDestination reports whether mail for the recipient is for us or relayed for anybody.
	AuthDestination(ctx context.Context, recipient string) (bool, error)
	// Listed refuses a recipient that its address class does not list (550 5.1.1);
	// ListedSender does so for a sender (550 5.1.0).
	Listed(ctx context.Context, recipient string) *status.Error
	ListedSender(ctx context.Context, sender string) *status.Error
	// DomainExists reports whether a domain has MX or address records; false is
	// authoritative. nullMX: it says that it takes no mail.
	DomainExists(ctx context.Context, domain string) (exists, nullMX bool, err error)
	// Standard brings an address to standard form.
	Standard(address string) string
	// Base takes the extension off a local part in standard form, ok when there was one.
	Base(local string) (base string, ok bool)
	// Logins returns the login names that own a sender address (smtpd_sender_login_maps).
	// active is false where nobody can log in.
	Logins(ctx context.Context, sender string) (owners string, found, active bool, err error)
	// MXNetworks reports whether an address is in permit_mx_backup_networks; the list is
	// empty when restricted is false.
	MXNetworks(ctx context.Context, a netip.Addr) (in, restricted bool, err error)
	// Verify says whether mail for an address can be delivered, as far as a probe tells, and what
	// it was told (package verify). own: the address is what our own probes come from.
	Verify(ctx context.Context, address string) (v Verified, why string, own bool)
	// ClientCert reports whether relay_clientcerts has the certificate of a client, by a fingerprint.
	ClientCert(ctx context.Context, c *mail.Certificate) (bool, error)
	// RBLReply is the template of the reply for a DNS list (rbl_reply_maps, or
	// default_rbl_reply).
	RBLReply(ctx context.Context, list string) (string, error)
}

// Verified is what is known of an address.
type Verified uint8

// The values of Verified. Unverified: nobody could say, or not yet.
const (
	Unverified Verified = iota
	Deliverable
	Undeliverable
)

// Unverifiable is how a restriction refuses addresses that are not verified
// (unverified_sender_defer_code and its like).
type Unverifiable struct {
	// Defer is the code for an address that nobody could say anything about, Reject for one
	// that cannot be delivered to.
	Defer, Reject int
	// Reason takes the place of what the probe was told, "" for that.
	Reason string
	// Now refuses at once what is only temporary, instead of when the mail would be accepted.
	Now bool
}

// Codes are the reply codes that parameters choose.
type Codes struct {
	AccessMap, AccessMapDefer, RelayDomains, NonFQDN, InvalidHostname, UnknownAddress, UnknownClient, UnknownHostname int
	Plaintext, MultiRecipientBounce, RBL                                                                              int
	// Default is reject_code, DeferCode is defer_code.
	Default, Defer int
	// Sender and Recipient are unverified_sender_… and unverified_recipient_….
	Sender, Recipient Unverifiable
	// Expansion are the bytes that values in replies may have (smtpd_expansion_filter); "": any.
	Expansion string
	// NullKey is smtpd_null_access_lookup_key.
	NullKey string
	// TempfailNow answers lookup failures at once instead of when the mail would be accepted:
	// "defer" in unknown_address_tempfail_action, unknown_helo_hostname_tempfail_action.
	AddressTempfailNow, HostnameTempfailNow bool
}

// DefaultCodes returns the codes of a configuration that sets none.
func DefaultCodes() Codes {
	return Codes{AccessMap: 554, AccessMapDefer: 450, RelayDomains: 554, NonFQDN: 504, InvalidHostname: 501, UnknownAddress: 450,
		UnknownClient: 450, UnknownHostname: 450, Plaintext: 450, MultiRecipientBounce: 550, RBL: 554, Default: 554, Defer: 450, NullKey: "<>",
		Sender: Unverifiable{Defer: 450, Reject: 450}, Recipient: Unverifiable{Defer: 450, Reject: 450}}
}
