package smtpd

import (
	"strconv"
	"strings"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/smtpclient"
	"github.com/mtad/mtad/pipeline/hook"
)

// mailCommand is the MAIL command that a client gave, with the parameters it had: a filter that does
// not know one must not be told of it by a client either (smtpd_discard_ehlo_keywords).
func mailCommand(env *mail.Envelope, size int64) string {
	command := "MAIL FROM:<" + env.Sender + ">"
	if params := hook.MailParams(env, size); params != "" {
		command += " " + params
	}
	return command
}

// forwarding is what a filter learns of the client by XFORWARD: what a proxy in front of us said, if
// one did. The attributes are in Postfix's order.
func (s *session) forwarding() []smtpclient.Attribute {
	f, o := &s.forwarded, &s.origin
	name, address, port, helo, proto := o.ClientName, "", "", o.Helo, strings.TrimPrefix(s.env.Origin.Proto, "UTF8")
	if o.Client.IsValid() {
		address, port = o.Client.Addr().String(), strconv.Itoa(int(o.Client.Port()))
	}
	if f.any {
		name, address, port, helo, proto = f.origin.ClientName, "", f.port, f.helo, f.proto
		if f.origin.Client.IsValid() {
			address = f.origin.Client.Addr().String()
		}
	}
	if strings.Contains(address, ":") {
		address = "IPV6:" + address
	}
	if name == "unknown" {
		name = ""
	}
	switch {
	case strings.HasPrefix(proto, "ESMTP"):
		proto = "ESMTP"
	case strings.HasPrefix(proto, "SMTP") && s.conn.ESMTP() && !f.any:
		proto = "ESMTP"
	}
	source := "REMOTE"
	if s.env.Origin.Local {
		source = "LOCAL"
	}
	return []smtpclient.Attribute{{Name: "NAME", Value: name}, {Name: "ADDR", Value: address}, {Name: "PORT", Value: port},
		{Name: "HELO", Value: helo}, {Name: "IDENT", Value: f.ident}, {Name: "PROTO", Value: proto}, {Name: "SOURCE", Value: source}}
}
