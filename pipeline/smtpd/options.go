package smtpd

import (
	"context"
	"net/netip"
	"time"

	"github.com/mtad/mtad/core/maillog"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/pipeline/access"
	"github.com/mtad/mtad/pipeline/cleanup"
	"github.com/mtad/mtad/pipeline/hook"
)

// Policy are the restriction lists of a service. A nil list is empty.
type Policy struct {
	Client, Helo, Sender, Relay, Recipient, Data, EndOfData, Etrn *access.List
	Codes                                                         access.Codes
	// DelayReject is smtpd_delay_reject; RecipientFirst is
	// smtpd_relay_before_recipient_restrictions = no.
	DelayReject, RecipientFirst bool
	// Unlisted is smtpd_reject_unlisted_recipient.
	Unlisted bool
	// UnlistedSender is smtpd_reject_unlisted_sender.
	UnlistedSender bool
}

// PeerNames finds the host name of a client.
type PeerNames interface {
	// Name returns the verified name ("unknown" when there is none, or when it does not
	// resolve back to the address) and the unverified one.
	Name(ctx context.Context, client netip.Addr) (name, reverse string)
}

// Options of a Handler.
type Options struct {
	// Service is the name of the service, for the message's origin.
	Service string
	// Hostname is myhostname.
	Hostname string
	Policy   Policy
	Env      access.Env
	// SizeLimit is message_size_limit in bytes, 0 for none.
	SizeLimit int64
	// RecipientLimit is smtpd_recipient_limit; RecipientOvershoot is how many refused
	// recipients beyond it do not count as errors.
	RecipientLimit, RecipientOvershoot int
	// MinFree is queue_minfree in bytes, 0 for no check beyond the message itself.
	MinFree int64
	// FreeBytes returns the room for the queue; nil for no check.
	FreeBytes func() (int64, error)
	// Names looks client names up; nil when smtpd_peername_lookup is off.
	Names PeerNames
	// Trusted says whether a client is in mynetworks, for plugins; nil: nobody is.
	Trusted func(ctx context.Context, name string, client netip.Addr) (bool, error)
	// ForwardFrom says which clients may say by XFORWARD where mail came from
	// (smtpd_authorized_xforward_hosts); nil: none.
	ForwardFrom func(ctx context.Context, name string, client netip.Addr) bool
	// IdentifyFrom says which clients, by name ("" before it is looked up) or address, may say by XCLIENT that
	// they are others (smtpd_authorized_xclient_hosts); nil: none. They are not limited.
	IdentifyFrom func(ctx context.Context, name string, client netip.Addr) bool
	// LocalClient says whose messages are of local origin (local_header_rewrite_clients).
	LocalClient func(o netip.Addr, authenticated bool) bool
	// BareNewlineFrom says which clients may send bare newlines although
	// smtpd_forbid_bare_newline = reject (smtpd_forbid_bare_newline_exclusions); nil: none.
	BareNewlineFrom func(netip.Addr) bool
	// Discard returns the EHLO keywords that a client is not offered, in the place of the server's
	// list; found is false for that list (smtpd_discard_ehlo_keyword_address_maps). nil: that list.
	Discard func(client netip.Addr) (keywords []string, found bool)
	// CommandFilter replaces a command line (smtpd_command_filter); nil: none is replaced.
	CommandFilter func(line string) (replaced string, found bool, err error)
	// Footer returns the template that is added to a negative reply, as it is sent
	// (smtpd_reject_footer, smtpd_reject_footer_maps), "" for none. nil: none ever.
	Footer func(reply string) (template string)
	// Resolvable reports whether an address that came leads anywhere (rewrite.Rewriter.Resolvable). nil:
	// every one does. An error is temporary.
	Resolvable func(ctx context.Context, address string) (bool, error)
	// VERPFrom says which clients may ask for a sender for each recipient by XVERP
	// (smtpd_authorized_verp_clients), nil for none; VERP are the delimiters they need not give
	// (default_verp_delimiters), VERPFilter the characters that they may give (verp_delimiter_filter).
	VERPFrom         func(name string, client netip.Addr) bool
	VERP, VERPFilter string
	// MaySend refuses a sender (local_login_sender_maps); nil: none.
	MaySend func(ctx context.Context, sender string) *status.Error
	// SoftBounce makes every refusal temporary (soft_bounce).
	SoftBounce bool
	// Proxy is the filter that mail passes before it is accepted (smtpd_proxy_filter); nil: mail is
	// queued here.
	Proxy *Proxy
	// Replace returns what is said in the place of a negative reply, "NNN N.N.N text" with lines ended by "\n"
	// (smtpd_reject_filter_maps); ok is false to say what was to be said. nil: that always.
	Replace func(reply string) (replaced string, ok bool)
	// LogPermit says which restrictions that permit are logged (smtpd_log_access_permit_actions); nil:
	// none.
	LogPermit func(action string) bool
	// Filter is content_filter, "" for none.
	Filter string
	// Auth authenticates clients; nil: authentication is not enabled.
	Auth Authenticator
	// TLS is what is made of TLS, where clients have it.
	TLS TLS
	// AuthTLSOnly is smtpd_tls_auth_only: AUTH is neither offered nor taken without TLS.
	AuthTLSOnly bool
	// AuthEquals offers "AUTH=" too (broken_sasl_auth_clients).
	AuthEquals bool
	// NoAuthFor says which clients are not offered AUTH (smtpd_sasl_exceptions_networks); nil: none.
	NoAuthFor func(netip.Addr) bool
	// Limits bounds connections per client; nil for none.
	Limits *ClientLimits
	// Trouble is told at the end of a session what kinds of errors it had (O05–O09 of
	// notify_classes) and how the dialogue went; nil: nobody asks.
	Trouble func(kinds Trouble, client, transcript string)
	// Flush makes deferred mail for a site due (ETRN): ErrNotEligible when that is not offered
	// for it. nil: not offered at all.
	Flush func(ctx context.Context, site string) error
	Door  *cleanup.Door
	// Hooks returns the plugins that are asked about a client, nil for none. An error turns it away.
	Hooks func(ctx context.Context, client netip.Addr) (*hook.Set, *status.Error)
	Log   *maillog.Service
	// Debug logs each refusal's cause.
	Clock func() time.Time
}

// Handler makes sessions for one service. Safe for concurrent use.
type Handler struct{ o Options }

// New returns a handler.
func New(o Options) *Handler {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Proxy != nil {
		o.Proxy.complete()
	}
	return &Handler{o: o}
}

// With returns a handler with other options.
func (h *Handler) With(change func(*Options)) *Handler {
	o := h.o
	change(&o)
	return New(o)
}
