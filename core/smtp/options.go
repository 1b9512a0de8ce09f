package smtp

import (
	"crypto/tls"
	"log/slog"
	"net"
	"time"

	"github.com/mtad/mtad/core/smtp/grammar"
	"github.com/mtad/mtad/core/smtp/wire"
)

// BareNewline says what is done about an LF without CR (smtpd_forbid_bare_newline). In no case
// does one take part in the end of a message.
type BareNewline uint8

const (
	// Normalize takes a bare LF as a line end, and a bare CR in a message as a space.
	Normalize BareNewline = iota
	// Reject answers a command or message with a bare LF with Options.BareNewlineCode and
	// ends the connection.
	Reject
)

// Options of a Server. Take Defaults and change what differs. Times that are 0 are Postfix's
// default; limits that are 0 are off.
type Options struct {
	// Hostname is myhostname: the name in EHLO replies and fatal replies.
	Hostname string
	// Banner is the text after 220 (smtpd_banner), "" for "HOSTNAME ESMTP mtad".
	Banner string

	// MaxMessageBytes is message_size_limit, announced by SIZE and enforced on the text.
	MaxMessageBytes int64
	// MaxLocalPart and MaxDomain are the longest parts of an address in octets; 64 and 255
	// (RFC 5321 §4.5.3.1.1, §4.5.3.1.2) when 0. Postfix has no such limits.
	MaxLocalPart, MaxDomain int
	// StrictRFC821 is strict_rfc821_envelopes: addresses as RFC 5321 writes them only.
	StrictRFC821 bool
	// NullDomain and NumericDomain are resolve_null_domain and resolve_numeric_domain; LooseUTF8 is
	// strict_smtputf8 = no: local parts in UTF-8 are taken outside SMTPUTF8 transactions.
	NullDomain, NumericDomain, LooseUTF8 bool
	// BareNewline is smtpd_forbid_bare_newline, BareNewlineCode (550 when 0)
	// smtpd_forbid_bare_newline_reject_code.
	BareNewline     BareNewline
	BareNewlineCode int

	// Trace is told each command line and each line of a reply as it comes, in the client's order; line
	// is valid during the call and may have any bytes. What AUTH carries is left out. nil: nobody listens.
	Trace func(c ConnInfo, fromClient bool, line []byte)
	// TranscriptBytes is how much of the dialogue is kept for ConnInfo.Transcript; 0: none.
	TranscriptBytes int

	// Timeout is smtpd_timeout (300s): the time a client has for one command line, reply
	// or block of text.
	Timeout time.Duration
	// DataTimeout is the same for each block of a message's text; Timeout when 0.
	DataTimeout time.Duration
	// PerRequestDeadline is smtpd_per_request_deadline: DataTimeout is for the whole text,
	// plus one second for each MinDataRate bytes that arrived.
	PerRequestDeadline bool
	// MinDataRate is smtpd_min_data_rate in bytes per second (500), used with
	// PerRequestDeadline.
	MinDataRate int
	// TLSTimeout is smtpd_starttls_timeout (300s), for the handshake.
	TLSTimeout time.Duration
	// DrainLimit is how long sessions may go on with a message after Serve's context has
	// ended (10s).
	DrainLimit time.Duration

	// SoftErrors is smtpd_soft_error_limit: from so many errors on, each reply waits for
	// ErrorDelay (smtpd_error_sleep_time). HardErrors is smtpd_hard_error_limit: at so many
	// the connection ends. A message that is accepted sets the count back.
	SoftErrors, HardErrors int
	ErrorDelay             time.Duration
	// JunkCommands is smtpd_junk_command_limit: beyond so many NOOP, RSET, VRFY… without a
	// message, each counts as an error.
	JunkCommands int
	// MaxAuthLine is the longest line of an authentication exchange in octets with its end
	// (smtpd_sasl_response_limit); at least, and 0 for, the 12288 of RFC 4954 §4, at most 32768.
	MaxAuthLine int
	// CommandRate is the most commands in one minute of one connection; beyond it the
	// connection ends with 421. Postfix has no such limit.
	CommandRate int
	// Processes is how many connections are served at a time (the process limit of the
	// service in master.cf): more wait without a greeting until another ends.
	Processes int
	// MaxConnections is the most connections of the server; more get 421 at once.
	MaxConnections int
	// Stressed returns the server whose options and policy connections get from when all Processes
	// (2 or more) are taken until 1000 s later, nil for no other; OnStress is told when such a time
	// begins. Both are called often, by any goroutine; nil: nothing changes.
	Stressed func() *Server
	OnStress func()
	// Closed reports that new connections get 421 at once, for the time being; nil: they do not.
	Closed func() bool
	// Meter is told of the connections; nil: nobody counts them.
	Meter Meter

	// RequireHelo is smtpd_helo_required.
	RequireHelo bool
	// ForbidUnauthPipelining is smtpd_forbid_unauth_pipelining: who sends ahead where it
	// has no leave to gets 554 and the connection ends.
	ForbidUnauthPipelining bool
	// DisableVRFY is disable_vrfy_command; DisableETRN does the same for ETRN.
	DisableVRFY, DisableETRN bool
	// SMTPUTF8 is smtputf8_enable.
	SMTPUTF8 bool
	// BinaryMIME offers BINARYMIME (RFC 3030). Postfix has it not.
	BinaryMIME bool
	// DiscardKeywords are EHLO keywords that are not announced, in any case
	// (smtpd_discard_ehlo_keywords). CHUNKING, DSN, SMTPUTF8 and BINARYMIME then do not work
	// either.
	DiscardKeywords []string
	// Noop says which commands are answered 250 and do nothing (smtpd_noop_commands); verb is in upper
	// case. nil: none but NOOP.
	Noop func(verb string) bool
	// Forbidden says which unknown commands end the connection (smtpd_forbidden_commands);
	// verb is in upper case. Header lines ("Subject:") always do.
	Forbidden func(verb string) bool

	// TLS offers STARTTLS when not nil. It is not changed and not copied.
	TLS *tls.Config
	// ImplicitTLS is smtpd_tls_wrappermode: TLS before the greeting.
	ImplicitTLS bool
	// RequireTLS is smtpd_tls_security_level=encrypt: without TLS only NOOP, EHLO, HELO,
	// STARTTLS and QUIT.
	RequireTLS bool

	// Upstream reads from a connection who its client is, before anything else, and returns it with the
	// client's addresses (smtpd_upstream_proxy_protocol). It keeps to a time of its own; an error ends
	// the connection. nil: there is no proxy.
	Upstream func(nc net.Conn) (net.Conn, error)

	// Logger is told of failures to accept and of panics; nil for nobody.
	Logger *slog.Logger
}

// Defaults returns Postfix's defaults.
func Defaults() Options {
	return Options{
		Hostname:               "localhost",
		MaxMessageBytes:        10240000,
		Timeout:                300 * time.Second,
		MinDataRate:            500,
		TLSTimeout:             300 * time.Second,
		DrainLimit:             10 * time.Second,
		SoftErrors:             10,
		HardErrors:             20,
		ErrorDelay:             time.Second,
		JunkCommands:           100,
		ForbidUnauthPipelining: true,
		SMTPUTF8:               true,
		Forbidden:              DefaultForbidden,
	}
}

// DefaultForbidden is the default of smtpd_forbidden_commands: CONNECT, GET, POST, and whatever
// does not begin with a letter.
func DefaultForbidden(verb string) bool {
	switch verb {
	case "CONNECT", "GET", "POST":
		return true
	}
	return verb != "" && (verb[0] < 'A' || verb[0] > 'Z')
}

// complete fills in what must not be zero.
func (o *Options) complete() {
	orDuration(&o.Timeout, 300*time.Second)
	orDuration(&o.DataTimeout, o.Timeout)
	orDuration(&o.TLSTimeout, 300*time.Second)
	orDuration(&o.DrainLimit, 10*time.Second)
	orInt(&o.MaxLocalPart, 64)
	orInt(&o.MaxDomain, 255)
	orInt(&o.MinDataRate, 500)
	orInt(&o.BareNewlineCode, 550)
	o.MaxAuthLine = min(max(o.MaxAuthLine, grammar.MaxAuthLine), wire.LargeBuffer)
	if o.Hostname == "" {
		o.Hostname = "localhost"
	}
	if o.Banner == "" {
		o.Banner = o.Hostname + " ESMTP mtad"
	}
	if o.Meter == nil {
		o.Meter = noMeter{}
	}
	if o.Forbidden == nil {
		o.Forbidden = func(string) bool { return false }
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
}

func orDuration(d *time.Duration, otherwise time.Duration) {
	if *d <= 0 {
		*d = otherwise
	}
}

func orInt(n *int, otherwise int) {
	if *n <= 0 {
		*n = otherwise
	}
}
