package policy

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/pipeline/access"
)

// request writes the attributes of a request, in Postfix's order.
func (c *Client) request(q *access.Query) []byte {
	o := q.Origin
	r := attributes(make([]byte, 0, 1024))
	r.add("request", "smtpd_access_policy")
	r.add("protocol_state", q.State)
	r.add("protocol_name", o.Protocol())
	r.add("client_address", host(o.Client))
	r.add("client_name", nameOr(o.ClientName))
	r.add("client_port", strconv.Itoa(int(o.Client.Port())))
	r.add("reverse_client_name", nameOr(o.ReverseName))
	r.add("server_address", host(q.Server))
	r.add("server_port", strconv.Itoa(int(q.Server.Port())))
	r.add("helo_name", o.Helo)
	r.add("sender", q.Sender)
	r.add("recipient", q.Recipient)
	r.add("recipient_count", strconv.Itoa(recipients(q)))
	r.add("queue_id", q.ID)
	r.add("instance", q.Instance)
	r.add("size", strconv.FormatInt(max(q.Size, 0), 10))
	r.add("etrn_domain", q.Etrn)
	r.add("stress", c.o.Stress)
	r.add("sasl_method", o.SASLMethod)
	r.add("sasl_username", o.SASLUser)
	r.add("sasl_sender", o.SASLSender)
	r.certificate(o.Certificate)
	r.add("encryption_protocol", o.TLSVersion)
	r.add("encryption_cipher", o.TLSCipher)
	r.add("encryption_keysize", strconv.Itoa(o.TLSBits))
	r.add("policy_context", c.o.Context)
	r.add("compatibility_level", c.o.Compatibility)
	r.add("mail_version", c.o.Version)
	return append(r, '\n')
}

// certificate adds what the client showed: names only of a certificate that is trusted, in xtext.
func (a *attributes) certificate(c *mail.Certificate) {
	if c == nil {
		c = &mail.Certificate{}
	}
	subject, issuer := "", ""
	if c.Trusted {
		subject, issuer = xtext(c.Subject), xtext(c.Issuer)
	}
	a.add("ccert_subject", subject)
	a.add("ccert_issuer", issuer)
	a.add("ccert_fingerprint", c.Print)
	a.add("ccert_pubkey_fingerprint", c.KeyPrint)
}

// xtext encodes "+", "=" and what is not printable ASCII as "+XX" (RFC 3461 §4).
func xtext(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if c := s[i]; c > ' ' && c < 0x7f && c != '+' && c != '=' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "+%02X", c)
		}
	}
	return b.String()
}

// recipients is the count that is told: before DATA Postfix says 0.
func recipients(q *access.Query) int {
	if q.State == "DATA" || q.State == "END-OF-MESSAGE" {
		return q.Recipients
	}
	return 0
}

type attributes []byte

func (a *attributes) add(name, value string) {
	*a = append(append(append(append(*a, name...), '='), status.Clean(value)...), '\n')
}

func host(ap netip.AddrPort) string {
	if !ap.IsValid() {
		return ""
	}
	return ap.Addr().Unmap().String()
}

func nameOr(name string) string {
	if name == "" {
		return "unknown"
	}
	return name
}
