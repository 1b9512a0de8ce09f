package mail

import (
	"net/netip"
	"strings"
	"time"
)

// Envelope is what travels with a message but is not in it. Addresses are in external form
// (package addr). It is a value: copy Recipients before changing them.
type Envelope struct {
	// ID is the queue id, "" before there is one.
	ID string
	// Sender is the envelope sender, "" for notices.
	Sender string
	// Recipients in the order given; never empty once queued.
	Recipients []Recipient
	// Body is the BODY parameter: what the text may contain (RFC 6152, RFC 3030).
	Body BodyType
	// SMTPUTF8 is set when the sender asked for it (RFC 6531).
	SMTPUTF8 bool
	// Ret and EnvID are the DSN wishes of the sender (RFC 3461 §4.3, §4.4); EnvID is xtext
	// as it came.
	Ret   Ret
	EnvID string
	// VERP are the two delimiters of variable envelope return paths, "" for none: each recipient's
	// delivery has a sender of its own (func VERPSender).
	VERP string
	// Origin says where the message came from.
	Origin Origin
	// Arrived is when the message began to arrive; retry and expiry count from it.
	Arrived time.Time
	// Filter is "transport:nexthop" of content_filter or a FILTER action, "" for none. It
	// takes the message's route instead of each recipient's own.
	Filter string
	// Trace is the report that the sender asked for (sendmail -bv, -v).
	Trace Trace
}

// Trace is a report to the sender on what the first attempt came to, recipient by recipient.
type Trace uint8

// The values of Trace: no report; a report in place of a delivery; a report on the delivery.
const (
	TraceNone Trace = iota
	TraceVerify
	TraceRecord
)

// Probe reports whether the message only asks if its recipients can be delivered to: an agent
// answers as for a delivery, but delivers nothing, and nobody is sent a notice but the report of
// TraceVerify.
func (e *Envelope) Probe() bool { return e.Origin.Kind == KindVerify || e.Trace == TraceVerify }

// Recipient is one envelope recipient.
type Recipient struct {
	// Address is where the message goes now, after rewriting.
	Address string
	// Original is the address as it was given (Postfix's original_recipient).
	Original string
	// ORcpt is the ORCPT parameter as it came ("rfc822;xtext"), "" when not given.
	ORcpt string
	// Notify is the NOTIFY parameter; NotifyDefault when not given.
	Notify Notify
	// Expanded says that the address was an alias, which the recipients beside it have taken the place
	// of: nothing is delivered to it, but its sender, who asked to hear of success, hears of that
	// (RFC 3461 §5.2.7.3).
	Expanded bool
}

// Notify is a set of DSN wishes (RFC 3461 §4.1).
type Notify uint8

// NotifyDefault stands for no NOTIFY parameter: failure and delay. NotifyNever stands alone.
const (
	NotifyDefault Notify = 0
	NotifyNever   Notify = 1 << (iota - 1)
	NotifySuccess
	NotifyFailure
	NotifyDelay
)

// Ret is the RET parameter (RFC 3461 §4.3).
type Ret uint8

// The values of Ret.
const (
	RetDefault Ret = iota
	RetFull
	RetHeaders
)

// BodyType is the BODY parameter.
type BodyType uint8

// The values of BodyType. BodyUnset: the client said nothing.
const (
	BodyUnset BodyType = iota
	Body7Bit
	Body8BitMIME
	BodyBinaryMIME
)

// Kind says by which door a message came.
type Kind string

// The kinds of origin; plugins see them as origin.kind.
const (
	KindSMTP     Kind = "smtp"
	KindSendmail Kind = "sendmail"
	KindBounce   Kind = "bounce"
	KindForward  Kind = "forward"
	// KindVerify is a probe: it asks whether its recipient can be delivered to, and is never
	// delivered itself.
	KindVerify Kind = "verify"
)

// Origin is where a message came from. Fields that make no sense for its kind are zero.
type Origin struct {
	Kind Kind
	// Service is the master.cf service that took the message ("smtpd", "pickup").
	Service string
	// ClientName is the verified host name of the client, "unknown" when there is none;
	// ReverseName is its unverified PTR name.
	ClientName, ReverseName string
	Client                  netip.AddrPort
	// Server is the address that the client connected to. It is known while the message comes
	// in; the queue does not keep it.
	Server netip.AddrPort
	// Helo is the name the client gave; Proto is "SMTP", "ESMTP", "ESMTPS", "ESMTPSA",
	// "UTF8SMTP"… as Received shows it (RFC 3848, RFC 6531).
	Helo, Proto string
	// TLSVersion and TLSCipher are OpenSSL's names ("TLSv1.3"), empty without TLS.
	TLSVersion, TLSCipher string
	TLSBits               int
	// TLSKeys says how the keys of a connection came to be and what the server signed them with,
	// as Received and the log show it ("key-exchange X25519 server-signature …"); "" before
	// TLS 1.3. Certificate is what the client showed, nil for nothing; CertificateAsked says
	// that it was asked. They are known while the message comes in; the queue does not keep
	// them.
	TLSKeys          string
	Certificate      *Certificate
	CertificateAsked bool
	// SASLUser, SASLMethod and SASLSender are set after AUTH (and AUTH= on MAIL).
	SASLUser, SASLMethod, SASLSender string
	// UID is the user that submitted by sendmail; -1 when that makes no sense.
	UID int
	// Local says that the message is of local origin: header addresses are completed and
	// missing header fields are added (postconf(5) local_header_rewrite_clients).
	Local bool
	// Trusted says that the client is in mynetworks. It counts while the message is taken; the
	// queue does not keep it.
	Trusted bool
	// Hops is 1 + the hops of the message this one was made from (forwarding, notices).
	Hops int
}

// Protocol is "SMTP" or "ESMTP": what the client speaks, without what TLS, authentication and UTF-8 make of the
// name in Received. It is what Postfix logs and tells policy services and commands; "" before HELO.
func (o *Origin) Protocol() string {
	if strings.HasPrefix(o.Proto, "ESMTP") || strings.HasPrefix(o.Proto, "UTF8SMTP") {
		return "ESMTP"
	}
	return o.Proto
}
