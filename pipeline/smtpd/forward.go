package smtpd

import (
	"context"
	"net/netip"
	"strconv"
	"strings"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/maillog"
	"github.com/mtad/mtad/core/smtp"
	"github.com/mtad/mtad/core/status"
)

var _ smtp.Forwarder = (*session)(nil)

// forwardable are the attributes that XFORWARD takes.
const forwardable = "XFORWARD NAME ADDR PROTO HELO SOURCE PORT IDENT"

// forwarded is what a filter in front of us says of the next message. It shows in the log; who the
// client is, and what it may do, does not change.
type forwarded struct {
	any    bool // something was said
	client bool // name or address are known
	origin mail.Origin
	ident  string
	source string // LOCAL, REMOTE or ""
	// helo, proto and port are for a filter behind us (smtpd_proxy_filter).
	helo, proto, port string
}

// MayForward reports whether the client may say where mail came from
// (smtpd_authorized_xforward_hosts).
func (s *session) MayForward(ctx context.Context) bool {
	may := s.h.o.ForwardFrom
	return may != nil && may(ctx, s.peerName, s.peer)
}

// Forward takes attributes; all of them or, when one is wrong, none.
func (s *session) Forward(_ context.Context, attributes map[string]string) error {
	f := s.forwarded
	for name, value := range attributes {
		if value == "[UNAVAILABLE]" || value == "[TEMPUNAVAIL]" {
			value = ""
		}
		if !f.set(name, value) {
			return status.New(501, "5.5.4", "Error: bad %s attribute value: %s", name, status.Clean(value))
		}
	}
	f.any = true
	s.forwarded = f
	return nil
}

// set sets one attribute; an empty value is not known.
func (f *forwarded) set(name, value string) bool {
	if status.Clean(value) != value {
		return false
	}
	switch name {
	case "NAME":
		f.origin.ClientName = value
		f.client = f.client || value != ""
	case "ADDR":
		if value == "" {
			return true
		}
		if len(value) > 5 && strings.EqualFold(value[:5], "IPV6:") {
			value = value[5:]
		}
		a, err := netip.ParseAddr(value)
		if err != nil || a.Zone() != "" {
			return false
		}
		f.origin.Client, f.client = netip.AddrPortFrom(a, 0), true
	case "PORT":
		if value == "" {
			return true
		}
		_, err := strconv.ParseUint(value, 10, 16)
		f.port = value
		return err == nil
	case "HELO":
		f.helo = value
	case "PROTO":
		f.proto = value
		return value == "" || value == "SMTP" || value == "ESMTP"
	case "IDENT":
		f.ident = value
	case "SOURCE":
		f.source = value
		return value == "" || value == "LOCAL" || value == "REMOTE"
	default:
		return false
	}
	return true
}

// logClient logs whose message it is.
func (s *session) logClient() {
	more := ""
	if s.forwarded.ident != "" {
		more += ", orig_queue_id=" + s.forwarded.ident
	}
	if s.forwarded.client {
		more += ", orig_client=" + maillog.ClientName(&s.forwarded.origin)
	}
	id := s.env.ID
	if id == "" {
		id = "NOQUEUE" // the filter behind us is to queue it
	}
	s.h.o.Log.ClientOf(id, &s.origin, more)
}
