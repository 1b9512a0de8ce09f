package smtpclient

import (
	"strconv"

	"github.com/mtad/mtad/core/mail"
)

// maxPathBytes is what fits into a batch several times over. RFC 5321 §4.5.3.1 asks for 256;
// aliases make longer ones.
const maxPathBytes = 2000

// sendable reports whether an address in external form can stand between "<" and ">" without
// ending the path or the line: no control bytes, and space and angle brackets only in quotes.
func sendable(address string) bool {
	quoted := false
	for i := 0; i < len(address); i++ {
		switch c := address[i]; {
		case c < ' ' || c == 0x7f:
			return false
		case c == '\\' && quoted:
			if i++; i == len(address) || address[i] < ' ' || address[i] == 0x7f {
				return false
			}
		case c == '"':
			quoted = !quoted
		case (c == ' ' || c == '<' || c == '>') && !quoted:
			return false
		}
	}
	return !quoted && len(address) <= maxPathBytes
}

// isParameter reports whether a value can stand behind "=" in a parameter (RFC 5321 §4.1.2
// esmtp-value, with UTF-8 as RFC 6531 §3.3 allows it) of a length that no command line suffers from.
func isParameter(value string, utf8 bool) bool {
	for i := 0; i < len(value); i++ {
		if c := value[i]; c <= ' ' || c == 0x7f || c >= 0x80 && !utf8 {
			return false
		}
	}
	return value != "" && len(value) <= maxPathBytes
}

// appendMail appends the MAIL command with the parameters that the peer knows.
func (c *Conn) appendMail(b []byte, tx *Transaction) []byte {
	f := &c.features
	b = append(append(append(b, "MAIL FROM:<"...), tx.Sender...), '>')
	if f.Has(Size) {
		b = strconv.AppendInt(append(b, " SIZE="...), tx.Text.Size(), 10)
	}
	if f.Has(EightBitMIME) {
		switch tx.Body {
		case mail.Body7Bit:
			b = append(b, " BODY=7BIT"...)
		case mail.Body8BitMIME, mail.BodyBinaryMIME:
			b = append(b, " BODY=8BITMIME"...)
		}
	}
	if tx.SMTPUTF8 && f.Has(SMTPUTF8) {
		b = append(b, " SMTPUTF8"...)
	}
	if f.Has(DSN) {
		b = appendReturn(b, tx)
	}
	if c.authed {
		b = append(b, " AUTH=<>"...)
	}
	return append(b, "\r\n"...)
}

// appendReturn appends the parameters of RFC 3461 §4.3 and §4.4.
func appendReturn(b []byte, tx *Transaction) []byte {
	switch tx.Ret {
	case mail.RetFull:
		b = append(b, " RET=FULL"...)
	case mail.RetHeaders:
		b = append(b, " RET=HDRS"...)
	}
	if isParameter(tx.EnvID, false) {
		b = append(append(b, " ENVID="...), tx.EnvID...)
	}
	return b
}

// appendRcpt appends the RCPT command for r.
func (c *Conn) appendRcpt(b []byte, r *mail.Recipient) []byte {
	b = append(append(append(b, "RCPT TO:<"...), r.Address...), '>')
	if c.features.Has(DSN) {
		b = appendNotify(b, r.Notify)
		if isParameter(r.ORcpt, c.features.Has(SMTPUTF8)) {
			b = append(append(b, " ORCPT="...), r.ORcpt...)
		}
	}
	return append(b, "\r\n"...)
}

// appendNotify appends the parameter of RFC 3461 §4.1.
func appendNotify(b []byte, n mail.Notify) []byte {
	if n == mail.NotifyDefault {
		return b
	}
	b = append(b, " NOTIFY="...)
	if n&mail.NotifyNever != 0 {
		return append(b, "NEVER"...)
	}
	start := len(b)
	for _, w := range [...]struct {
		bit  mail.Notify
		word string
	}{{mail.NotifySuccess, "SUCCESS"}, {mail.NotifyFailure, "FAILURE"}, {mail.NotifyDelay, "DELAY"}} {
		if n&w.bit != 0 {
			if len(b) > start {
				b = append(b, ',')
			}
			b = append(b, w.word...)
		}
	}
	return b
}

// appendChunk appends the BDAT command for the only chunk of a text (RFC 3030 §2).
func appendChunk(b []byte, size int) []byte {
	return append(strconv.AppendInt(append(b, "BDAT "...), int64(size), 10), " LAST\r\n"...)
}
