package grammar

import "github.com/mtad/mtad/core/mail"

// MailArgs are the arguments of MAIL (RFC 5321 §4.1.1.2).
type MailArgs struct {
	// Sender in external form; "" for <>.
	Sender string
	// Size is the SIZE parameter in bytes (RFC 1870), -1 when not given.
	Size int64
	// Body, SMTPUTF8, Ret, EnvID as in mail.Envelope. EnvID is xtext, checked.
	Body     mail.BodyType
	SMTPUTF8 bool
	Ret      mail.Ret
	EnvID    string
	// XVERP says that the parameter of this name was given; VERP is what followed it, "" or "=" and the
	// delimiters.
	XVERP bool
	VERP  string
	// Auth is the AUTH= parameter decoded from xtext (RFC 4954 §5), "" when not given; "<>"
	// as it came.
	Auth string
}

// RcptArgs are the arguments of RCPT (RFC 5321 §4.1.1.3).
type RcptArgs struct {
	// Recipient in external form: "postmaster" without domain is allowed (§4.1.1.3), and any
	// local part without domain unless the grammar is strict; source routes are gone (§4.1.1.3,
	// appendix C).
	Recipient string
	// Notify and ORcpt as in mail.Recipient. ORcpt is "type;xtext", checked.
	Notify mail.Notify
	ORcpt  string
}
