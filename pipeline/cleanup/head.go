package cleanup

import (
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/status"
)

// head returns the final header block: Received on top, then the fields of the message, which
// finishHeader and the plugins have brought to their final form.
func (j *Job) head() []byte {
	b := make([]byte, 0, j.header.Size()+512)
	b = j.appendReceived(j.appendPrepended(b))
	for i := range j.header.Len() {
		b = append(b, j.header.Field(i).Raw()...)
	}
	return b
}

// Trace returns what this server puts on top of a message that it does not queue itself (smtpd_proxy_filter):
// the fields of PREPEND actions, and Received without an id if received is set.
func (d *Door) Trace(env *mail.Envelope, a Actions, received bool) []byte {
	j := Job{d: d, env: env, actions: a}
	b := j.appendPrepended(nil)
	if received {
		b = j.appendReceived(b)
	}
	return b
}

// appendReceived writes the trace field (RFC 5321 §4.4) in Postfix's layout.
func (j *Job) appendReceived(b []byte) []byte {
	o, now := &j.env.Origin, j.d.o.Clock()
	b = append(b, "Received: "...)
	switch o.Kind {
	case mail.KindSendmail:
		b = j.appendBy(b)
		b = append(b, ", from userid "...)
		b = strconv.AppendInt(b, int64(o.UID), 10)
		b = append(b, ")\r\n\t"...)
	case mail.KindSMTP:
		if !j.d.o.HideClient {
			b = j.appendFrom(b, o)
		}
		b = append(j.appendBy(b), ')', ' ')
		b = append(append(b, "with "...), o.Proto...)
		if j.env.ID != "" {
			b = append(b, ' ')
		}
	default:
		b = append(j.appendBy(b), ")\r\n\t"...)
	}
	if j.env.ID != "" {
		b = append(append(b, "id "...), j.env.ID...)
	}
	switch {
	case o.Kind != mail.KindSMTP:
		b = append(b, "; "...)
	case len(j.env.Recipients) == 1 || len(j.env.Recipients) == 2 && j.env.Recipients[1].Expanded:
		b = append(append(b, "\r\n\tfor <"...), traceText(j.env.Recipients[0].Original)...)
		b = append(b, ">; "...)
	default:
		b = append(b, ";\r\n\t"...)
	}
	b = now.AppendFormat(b, time.RFC1123Z)
	return append(append(append(b, " ("...), zoneName(now)...), ")\r\n"...)
}

// appendFrom writes who the message came from: the HELO name, the client's name and address,
// and TLS and authentication as the parameters ask.
func (j *Job) appendFrom(b []byte, o *mail.Origin) []byte {
	b = append(append(b, "from "...), traceText(o.Helo)...)
	b = append(append(append(b, " ("...), traceText(nameOr(o.ClientName))...), " ["...)
	b = append(append(b, literal(o.Client)...), "])\r\n\t"...)
	if j.d.o.TLSReceived && o.TLSVersion != "" {
		b = append(appendTLS(b, o), "\r\n\t"...)
	}
	if j.d.o.AuthReceived && o.SASLUser != "" {
		b = append(append(append(b, "(Authenticated sender: "...), traceText(o.SASLUser)...), ")\r\n\t"...)
	}
	return b
}

// appendTLS writes the cipher of a connection and the client's certificate, as Postfix does.
func appendTLS(b []byte, o *mail.Origin) []byte {
	b = append(append(append(b, "(using "...), o.TLSVersion...), " with cipher "...)
	b = append(append(b, o.TLSCipher...), " ("...)
	b = strconv.AppendInt(b, int64(o.TLSBits), 10)
	b = append(b, '/')
	b = strconv.AppendInt(b, int64(o.TLSBits), 10)
	b = append(b, " bits)"...)
	c := o.Certificate
	if o.TLSKeys != "" {
		b = append(append(b, "\r\n\t "...), o.TLSKeys...)
	}
	if c != nil && c.Signature != "" {
		b = append(append(b, "\r\n\t client-signature "...), c.Signature...)
	}
	b = append(b, ")\r\n\t"...)
	switch {
	case c == nil && o.CertificateAsked:
		return append(b, "(Client did not present a certificate)"...)
	case c == nil:
		return append(b, "(No client certificate requested)"...)
	}
	b = append(append(append(b, `(Client CN "`...), quotable(c.Subject)...), `", Issuer "`...)
	b = append(append(b, quotable(c.Issuer)...), `" (`...)
	if c.Trusted {
		return append(b, "verified OK))"...)
	}
	return append(b, "not verified))"...)
}

// quotable is traceText between quotes.
func quotable(s string) string { return strings.ReplaceAll(traceText(s), `"`, "?") }

func (j *Job) appendBy(b []byte) []byte {
	b = append(append(b, "by "...), j.d.o.Hostname...)
	return append(append(b, " ("...), j.d.o.MailName...)
}

func nameOr(s string) string {
	if s == "" {
		return "unknown"
	}
	return s
}

// literal is the client's address as RFC 5321 §4.1.3 writes it, without brackets.
func literal(ap netip.AddrPort) string {
	a := ap.Addr().Unmap()
	switch {
	case !a.IsValid():
		return "unknown"
	case a.Is6():
		return "IPv6:" + a.WithZone("").String()
	}
	return a.String()
}

// traceText makes peer text safe to stand in a trace field: no control bytes, no parentheses or
// brackets that could fake its structure.
func traceText(s string) string {
	s = status.Clean(s)
	if !strings.ContainsAny(s, "()\\<>;") {
		return s
	}
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune("()\\<>;", r) {
			return '?'
		}
		return r
	}, s)
}

func zoneName(t time.Time) string {
	name, _ := t.Zone()
	if name == "" || name[0] == '+' || name[0] == '-' {
		return "local"
	}
	return name
}

// appendMissing adds the fields that a message of local origin lacks (RFC 5322 §3.6; the Resent-
// forms when it is resent). sender is the rewritten envelope sender.
func (j *Job) appendMissing(b []byte, sender string) []byte {
	now, prefix := j.d.o.Clock(), ""
	if j.header.Find("Resent-From", 0) >= 0 || j.header.Find("Resent-To", 0) >= 0 || j.header.Find("Resent-Date", 0) >= 0 {
		prefix = "Resent-"
	}
	if j.header.Find(prefix+"Message-Id", 0) < 0 {
		id := now.UTC().Format("<20060102150405.") + j.env.ID + "@" + j.d.o.Hostname + ">"
		b = append(append(append(b, prefix...), "Message-Id: "...), id...)
		b = append(b, "\r\n"...)
		if j.messageID == "" {
			j.messageID = id
			j.d.o.Log.MessageID(j.env.ID, id)
		}
	}
	if j.header.Find(prefix+"Date", 0) < 0 {
		b = append(append(b, prefix...), "Date: "...)
		b = now.AppendFormat(b, time.RFC1123Z)
		b = append(append(append(b, " ("...), zoneName(now)...), ")\r\n"...)
	}
	if j.header.Find(prefix+"From", 0) < 0 {
		b = append(append(b, prefix...), "From: "...)
		if sender == "" {
			sender = "MAILER-DAEMON@" + j.d.o.Origin
		}
		b = append(append(b, sender...), "\r\n"...)
	}
	return j.appendUndisclosed(b)
}

func (j *Job) appendUndisclosed(b []byte) []byte {
	if j.d.o.Undisclosed == "" {
		return b
	}
	for _, name := range []string{"To", "Cc", "Bcc", "Resent-To", "Resent-Cc", "Resent-Bcc"} {
		if j.header.Find(name, 0) >= 0 {
			return b
		}
	}
	return append(append(b, status.Clean(j.d.o.Undisclosed)...), "\r\n"...)
}
