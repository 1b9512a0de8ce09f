package grammar

import (
	"math"
	"strconv"
	"strings"

	"github.com/mtad/mtad/core/addr"
	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/status"
)

// Offered says which extensions parameters may use.
type Offered struct{ DSN, Auth, SMTPUTF8, BinaryMIME, XVERP bool }

// Parameters that were seen, to find duplicates.
const (
	seenSize = 1 << iota
	seenBody
	seenUTF8
	seenRet
	seenEnvID
	seenAuth
	seenNotify
	seenORcpt
)

// AfterKeyword returns what follows keyword ("FROM:", "TO:", in any case) in the argument of MAIL or
// RCPT; ok is false when there is nothing.
func AfterKeyword(arg, keyword string) (rest string, ok bool) {
	if len(arg) <= len(keyword) || !strings.EqualFold(arg[:len(keyword)], keyword) {
		return "", false
	}
	return arg[len(keyword):], true
}

// ParseMail reads what follows "MAIL FROM:" (RFC 5321 §4.1.1.2).
func ParseMail(s string, g Paths, o Offered) (m MailArgs, refusal status.Reply) {
	m.Size = -1
	path, rest, ok := g.cutPath(s)
	if !ok {
		return m, badSender
	}
	if trimmed := strings.Trim(path, " \t"); trimmed != "" {
		if m.Sender, ok = g.Address(path); !ok {
			return m, badSender
		}
	} else if path != "" && g.Strict || s == "" {
		return m, badSender
	}
	seen := 0
	for rest != "" {
		var p string
		if p, rest = NextWord(rest); p == "" {
			break
		}
		if refusal = mailParam(&m, p, o, &seen); refusal.Code != 0 {
			return m, refusal
		}
	}
	if !m.SMTPUTF8 && !addr.IsASCII(m.Sender) {
		return m, g.undeclared(m.Sender, badSender)
	}
	return m, status.Reply{}
}

// ParseRcpt reads what follows "RCPT TO:" (RFC 5321 §4.1.1.3). utf8 says whether the transaction
// is one with SMTPUTF8.
func ParseRcpt(s string, g Paths, o Offered, utf8 bool) (r RcptArgs, refusal status.Reply) {
	path, rest, ok := g.cutPath(s)
	if !ok {
		return r, badRecipient
	}
	if r.Recipient, ok = g.Address(path); !ok {
		return r, badRecipient
	}
	seen := 0
	for rest != "" {
		var p string
		if p, rest = NextWord(rest); p == "" {
			break
		}
		if refusal = rcptParam(&r, p, o, &seen); refusal.Code != 0 {
			return r, refusal
		}
	}
	if !utf8 && !addr.IsASCII(r.ORcpt) {
		return r, needUTF8
	}
	if !utf8 && !addr.IsASCII(r.Recipient) {
		return r, g.undeclared(r.Recipient, badRecipient)
	}
	return r, status.Reply{}
}

// undeclared is the reply to an address in UTF-8 outside an SMTPUTF8 transaction: as in Postfix, the
// local part may have it unless strict_smtputf8 says otherwise, the domain never.
func (g Paths) undeclared(address string, bad status.Reply) status.Reply {
	switch {
	case !g.UTF8:
		return needUTF8
	case !addr.IsASCII(addr.Domain(address)):
		return bad
	}
	return status.Reply{}
}

// NextWord cuts the next word, parted by white space, off s; "" when there is none.
func NextWord(s string) (param, rest string) {
	s = strings.TrimLeft(s, " \t")
	if i := strings.IndexAny(s, " \t"); i >= 0 {
		return s[:i], s[i:]
	}
	return s, ""
}

func mailParam(m *MailArgs, p string, o Offered, seen *int) status.Reply {
	key, value, has := strings.Cut(p, "=")
	switch {
	case strings.EqualFold(key, "SIZE") && has:
		m.Size = parseSize(value)
		return need(m.Size >= 0 && once(seen, seenSize), badSize)
	case strings.EqualFold(key, "BODY") && has:
		var ok bool
		if m.Body, ok = parseBody(value, o); !ok {
			return unsupported(p)
		}
		return need(once(seen, seenBody), badParam("BODY"))
	case strings.EqualFold(key, "SMTPUTF8") && !has && o.SMTPUTF8:
		m.SMTPUTF8 = true
		return need(once(seen, seenUTF8), badParam("SMTPUTF8"))
	case strings.EqualFold(key, "RET") && has && o.DSN:
		m.Ret = parseRet(value)
		return need(m.Ret != mail.RetDefault && once(seen, seenRet), badParam("RET"))
	case strings.EqualFold(key, "ENVID") && has && o.DSN:
		m.EnvID = value
		return need(isEnvID(value) && once(seen, seenEnvID), badParam("ENVID"))
	case strings.EqualFold(key, "XVERP") && o.XVERP: // Postfix's VERP_README
		m.XVERP, m.VERP = true, p[len(key):]
		return status.Reply{}
	case strings.EqualFold(key, "AUTH") && has && o.Auth:
		var ok bool
		m.Auth, ok = parseAuthParam(value)
		return need(ok && once(seen, seenAuth), badParam("AUTH"))
	}
	return unsupported(p)
}

func rcptParam(r *RcptArgs, p string, o Offered, seen *int) status.Reply {
	key, value, has := strings.Cut(p, "=")
	switch {
	case strings.EqualFold(key, "NOTIFY") && has && o.DSN:
		r.Notify = parseNotify(value)
		return need(r.Notify != mail.NotifyDefault && once(seen, seenNotify), badParam("NOTIFY"))
	case strings.EqualFold(key, "ORCPT") && has && o.DSN:
		r.ORcpt = value
		return need(isORcpt(value) && once(seen, seenORcpt), badParam("ORCPT"))
	}
	return unsupported(p)
}

// once reports whether bit was not in seen, and puts it in.
func once(seen *int, bit int) bool {
	was := *seen&bit != 0
	*seen |= bit
	return !was
}

func need(ok bool, otherwise status.Reply) status.Reply {
	if ok {
		return status.Reply{}
	}
	return otherwise
}

// parseSize returns -1 when s is no number. One that does not fit is as good as the largest.
func parseSize(s string) int64 {
	if s == "" || len(s) > 20 || !isNumeric(s) {
		return -1
	}
	n := int64(0)
	for i := 0; i < len(s); i++ {
		d := int64(s[i] - '0')
		if n > (math.MaxInt64-d)/10 {
			return math.MaxInt64
		}
		n = n*10 + d
	}
	return n
}

func parseBody(s string, o Offered) (mail.BodyType, bool) {
	switch {
	case strings.EqualFold(s, "7BIT"):
		return mail.Body7Bit, true
	case strings.EqualFold(s, "8BITMIME"):
		return mail.Body8BitMIME, true
	case strings.EqualFold(s, "BINARYMIME") && o.BinaryMIME:
		return mail.BodyBinaryMIME, true
	}
	return mail.BodyUnset, false
}

func parseRet(s string) mail.Ret {
	switch {
	case strings.EqualFold(s, "FULL"):
		return mail.RetFull
	case strings.EqualFold(s, "HDRS"):
		return mail.RetHeaders
	}
	return mail.RetDefault
}

// parseNotify returns NotifyDefault when s is malformed: NEVER stands alone (RFC 3461 §4.1).
func parseNotify(s string) mail.Notify {
	if strings.EqualFold(s, "NEVER") {
		return mail.NotifyNever
	}
	var n mail.Notify
	for word := range strings.SplitSeq(s, ",") {
		switch {
		case strings.EqualFold(word, "SUCCESS"):
			n |= mail.NotifySuccess
		case strings.EqualFold(word, "FAILURE"):
			n |= mail.NotifyFailure
		case strings.EqualFold(word, "DELAY"):
			n |= mail.NotifyDelay
		default:
			return mail.NotifyDefault
		}
	}
	return n
}

// parseAuthParam reads AUTH= of MAIL: "<>" or xtext of an address (RFC 4954 §5).
func parseAuthParam(s string) (string, bool) {
	if s == "<>" {
		return s, true
	}
	text, ok := decodeXtext(s)
	return text, ok && isPrintable(text)
}

// ParseChunk reads the arguments of BDAT: a size and LAST or nothing (RFC 3030 §2).
func ParseChunk(arg string) (size int64, last, ok bool) {
	word, rest := NextWord(arg)
	if rest = strings.Trim(rest, " \t"); rest != "" {
		if !strings.EqualFold(rest, "LAST") {
			return 0, false, false
		}
		last = true
	}
	if word == "" || len(word) > 18 || !isNumeric(word) {
		return 0, false, false
	}
	size, err := strconv.ParseInt(word, 10, 64)
	return size, last, err == nil
}

// Refusals of the grammar; the texts are Postfix's.
var (
	badSender    = status.Reply{Code: 501, Enhanced: "5.1.7", Text: "Bad sender address syntax"}
	badRecipient = status.Reply{Code: 501, Enhanced: "5.1.3", Text: "Bad recipient address syntax"}
	badSize      = status.Reply{Code: 501, Enhanced: "5.5.4", Text: "Bad message size syntax"}
	needUTF8     = status.Reply{Code: 553, Enhanced: "5.6.7", Text: "Must declare SMTPUTF8 to send unicode address"}
)

func badParam(name string) status.Reply {
	return status.Reply{Code: 501, Enhanced: "5.5.4", Text: "Bad " + name + " parameter syntax"}
}

// unsupported refuses a parameter that is not known (RFC 5321 §4.1.1.11).
func unsupported(p string) status.Reply {
	return status.Reply{Code: 555, Enhanced: "5.5.4", Text: "Unsupported option: " + p[:min(len(p), 100)]}
}
