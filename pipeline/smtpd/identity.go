package smtpd

import (
	"context"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/maillog"
	"github.com/mtad/mtad/core/smtp"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/pipeline/access"
)

var _ smtp.Identifier = (*session)(nil)

// identifiable are the attributes that XCLIENT takes.
const identifiable = "XCLIENT NAME ADDR PROTO HELO REVERSE_NAME PORT LOGIN DESTADDR DESTPORT"

// MayIdentify reports whether the client, as it is known now, may say by XCLIENT that it is another one
// (smtpd_authorized_xclient_hosts).
func (s *session) MayIdentify(context.Context) bool { return s.mayIdentify }

// Identify makes the session that of another client: access rules, plugins and the log see the one that
// the attributes describe. Those that are not told stay as they are, but for what belongs to HELO and
// AUTH. All of them are taken or, when one is wrong, none.
func (s *session) Identify(ctx context.Context, attributes map[string]string) (smtp.Identity, error) {
	next := s.origin
	next.Helo, next.Proto, next.SASLUser, next.SASLMethod, next.SASLSender = "", "SMTP", "", "", ""
	known := [...]string{"NAME", "REVERSE_NAME", "ADDR", "PORT", "HELO", "PROTO", "LOGIN", "DESTADDR", "DESTPORT"}
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		if !slices.Contains(known[:], name) {
			return smtp.Identity{}, status.New(501, "5.5.4", "Bad XCLIENT attribute name: %s", status.Clean(name))
		}
	}
	for _, name := range known { // the reverse name behind the name, which sets both
		if value, told := attributes[name]; told && !identify(&next, name, value) {
			return smtp.Identity{}, status.New(501, "5.5.4", "Bad %s syntax: %s", name, status.Clean(value))
		}
	}
	esmtp := next.Proto == "ESMTP"
	s.reset(ctx)
	s.closeHooks()
	s.hooks, s.lasting, s.origin = nil, access.Effects{}, next
	s.origin.Proto = s.proto(esmtp)
	s.mayIdentify = s.h.o.IdentifyFrom(ctx, next.ClientName, next.Client.Addr())
	if err := s.greet(ctx, "XCLIENT"); err != nil {
		return smtp.Identity{}, &smtp.Refused{Err: s.negativeError(err), Client: maillog.ClientName(&s.origin)}
	}
	return smtp.Identity{Helo: next.Helo, ESMTP: esmtp, Authenticated: next.SASLUser != ""}, nil
}

// identify sets one attribute; false: its value is none.
func identify(o *mail.Origin, name, value string) bool {
	if status.Clean(value) != value {
		return false
	}
	missing := value == "" || strings.EqualFold(value, "[UNAVAILABLE]") || strings.EqualFold(value, "[TEMPUNAVAIL]")
	switch name {
	case "NAME", "REVERSE_NAME":
		return identifyName(o, name, value, missing)
	case "ADDR", "PORT":
		return setEnd(&o.Client, name == "PORT", value, missing)
	case "DESTADDR", "DESTPORT":
		return setEnd(&o.Server, name == "DESTPORT", value, missing)
	case "HELO":
		if !missing {
			o.Helo = strings.Map(harmless, value)
		}
	case "PROTO":
		if !missing {
			o.Proto = strings.ToUpper(value)
		}
		return o.Proto == "SMTP" || o.Proto == "ESMTP"
	case "LOGIN":
		if !missing {
			o.SASLUser, o.SASLMethod = value, "XCLIENT"
		}
	}
	return true
}

// harmless replaces what could be taken for something else in a name that was told.
func harmless(r rune) rune {
	if strings.ContainsRune(" <>()\\\";@", r) {
		return '?'
	}
	return r
}

// identifyName sets the client's name: a verified one, which is its reverse name too, or that alone.
func identifyName(o *mail.Origin, attribute, value string, missing bool) bool {
	if missing {
		value = "unknown"
	} else if !hostName(value) {
		return false
	}
	if attribute == "NAME" {
		o.ClientName = value
	}
	if attribute == "REVERSE_NAME" || !missing {
		o.ReverseName = value
	}
	return true
}

// setEnd sets the address or the port of one end of a connection. An address that is not known is
// 0.0.0.0, which is nobody's.
func setEnd(end *netip.AddrPort, port bool, value string, missing bool) bool {
	if port {
		n, err := strconv.ParseUint(value, 10, 16)
		if err != nil && !missing {
			return false
		}
		*end = netip.AddrPortFrom(end.Addr(), uint16(n))
		return true
	}
	a := netip.IPv4Unspecified()
	if !missing {
		if len(value) > 5 && strings.EqualFold(value[:5], "IPV6:") {
			value = value[5:]
		}
		var err error
		if a, err = netip.ParseAddr(value); err != nil || a.Zone() != "" {
			return false
		}
	}
	*end = netip.AddrPortFrom(a.Unmap(), end.Port())
	return true
}

// hostName reports whether a name could be a host's.
func hostName(name string) bool {
	if len(name) > 255 {
		return false
	}
	for label := range strings.SplitSeq(strings.TrimSuffix(name, "."), ".") {
		if label == "" || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
	}
	for i := 0; i < len(name); i++ {
		switch c := name[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '.', c == '_':
		default:
			return false
		}
	}
	_, err := netip.ParseAddr(name)
	return err != nil
}
