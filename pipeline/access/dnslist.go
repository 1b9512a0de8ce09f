package access

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/mtad/mtad/core/addr"
	"github.com/mtad/mtad/core/dns"
	"github.com/mtad/mtad/core/status"
)

// dnsList is a list in the DNS: "domain" or "domain=d.d.d.d".
type dnsList struct {
	word   string // as the configuration has it
	domain string
	filter *[4][]span // nil: any address counts
}

// span is a range of octets, ends included.
type span struct{ low, high int }

// parseDNSList reads "zen.example=127.0.0.[2..11;127]" (postconf(5) reject_rbl_client).
func parseDNSList(word string) (dnsList, error) {
	domain, filter, ok := strings.Cut(word, "=")
	l := dnsList{word: word, domain: strings.TrimSuffix(domain, ".")}
	if l.domain == "" {
		return l, fmt.Errorf("%s: needs a domain", word)
	}
	if !ok {
		return l, nil
	}
	var octets [4][]span
	rest := filter
	for i := range octets {
		var part string
		if strings.HasPrefix(rest, "[") {
			end := strings.IndexByte(rest, ']')
			if end < 0 {
				return l, fmt.Errorf("%s: the bracket does not close", word)
			}
			part, rest = rest[1:end], rest[end+1:]
		} else if end := strings.IndexByte(rest, '.'); end >= 0 {
			part, rest = rest[:end], rest[end:]
		} else {
			part, rest = rest, ""
		}
		if i < 3 && !strings.HasPrefix(rest, ".") || i == 3 && rest != "" {
			return l, fmt.Errorf("%s: want d.d.d.d after =", word)
		}
		rest = strings.TrimPrefix(rest, ".")
		var err error
		if octets[i], err = parseSpans(part); err != nil {
			return l, fmt.Errorf("%s: %w", word, err)
		}
	}
	l.filter = &octets
	return l, nil
}

func parseSpans(part string) (spans []span, err error) {
	for _, item := range strings.Split(part, ";") {
		low, high, isRange := strings.Cut(item, "..")
		if !isRange {
			high = low
		}
		a, err1 := strconv.Atoi(low)
		b, err2 := strconv.Atoi(high)
		if err1 != nil || err2 != nil || a < 0 || b > 255 || a > b {
			return nil, fmt.Errorf("%q is no octet or range of octets", item)
		}
		spans = append(spans, span{a, b})
	}
	return spans, nil
}

// match reports whether the filter lets an address count.
func (l *dnsList) match(a netip.Addr) bool {
	if l.filter == nil {
		return true
	}
	if !a.Is4() {
		return false
	}
	for i, octet := range a.As4() {
		in := false
		for _, s := range l.filter[i] {
			in = in || int(octet) >= s.low && int(octet) <= s.high
		}
		if !in {
			return false
		}
	}
	return true
}

// lookup asks whether prefix is listed, and with what remark. What the DNS does not answer is an
// error.
func (l *dnsList) lookup(ctx context.Context, e Env, prefix string) (listed bool, remark string, err error) {
	name := prefix + "." + l.domain
	list, err := e.Addrs(ctx, name, dns.IPv4)
	switch {
	case errors.Is(err, dns.ErrNotFound), errors.Is(err, dns.ErrBadName):
		return false, "", nil
	case err != nil:
		return false, "", err
	}
	for _, a := range list {
		if l.match(a.Unmap()) {
			if txt, err := e.TXT(ctx, name); err == nil && len(txt) > 0 {
				remark = txt[0]
			}
			return true, remark, nil
		}
	}
	return false, "", nil
}

// reversed is a client's address as DNS lists name it (RFC 5782 §2.1, §2.4).
func reversed(a netip.Addr) string {
	a = a.Unmap()
	if a.Is4() {
		b := a.As4()
		return fmt.Sprintf("%d.%d.%d.%d", b[3], b[2], b[1], b[0])
	}
	const hex = "0123456789abcdef"
	b := a.As16()
	out := make([]byte, 0, 63)
	for i := 15; i >= 0; i-- {
		out = append(out, hex[b[i]&15], '.', hex[b[i]>>4])
		if i > 0 {
			out = append(out, '.')
		}
	}
	return string(out)
}

// dnsLists are the restrictions that take a DNS list.
var dnsLists = map[string]func(dnsList) ask{
	"reject_rbl":                  rejectRBL,
	"reject_rbl_client":           rejectRBL,
	"reject_rhsbl_client":         func(l dnsList) ask { return rejectRHSBL(l, "client") },
	"reject_rhsbl_reverse_client": func(l dnsList) ask { return rejectRHSBL(l, "reverse") },
	"reject_rhsbl_helo":           func(l dnsList) ask { return rejectRHSBL(l, "helo") },
	"reject_rhsbl_sender":         func(l dnsList) ask { return rejectRHSBL(l, "sender") },
	"reject_rhsbl_recipient":      func(l dnsList) ask { return rejectRHSBL(l, "recipient") },
	"permit_dnswl_client":         permitDNSWL,
	"permit_rhswl_client":         permitRHSWL,
}

func rejectRBL(l dnsList) ask {
	return func(ctx context.Context, e Env, c *Codes, q *Query) (Decision, *status.Error) {
		a := q.Origin.Client.Addr().Unmap()
		return l.reject(ctx, e, c, q, reversed(a), a.String(), "Client host")
	}
}

func rejectRHSBL(l dnsList, thing string) ask {
	return func(ctx context.Context, e Env, c *Codes, q *Query) (Decision, *status.Error) {
		var domain, class string
		switch thing {
		case "client":
			domain, class = q.Origin.ClientName, "Client host"
		case "reverse":
			domain, class = q.Origin.ReverseName, "Unverified Client host"
		case "helo":
			domain, class = q.Origin.Helo, "Helo command"
		case "sender":
			domain, class = addr.Domain(q.Sender), "Sender address"
		case "recipient":
			domain, class = addr.Domain(q.Recipient), "Recipient address"
		}
		what := domain
		if thing == "sender" {
			what = q.Sender
		} else if thing == "recipient" {
			what = q.Recipient
		}
		if domain == "" || domain == "unknown" || strings.HasPrefix(domain, "[") {
			return Dunno, nil
		}
		return l.reject(ctx, e, c, q, strings.TrimSuffix(domain, "."), what, class)
	}
}

// reject refuses what is listed. What the DNS does not answer is not listed, as in Postfix: a list
// that is down must not stop all mail. The log says so.
func (l *dnsList) reject(ctx context.Context, e Env, c *Codes, q *Query, prefix, what, class string) (Decision, *status.Error) {
	listed, remark, err := l.lookup(ctx, e, prefix)
	if err != nil {
		q.note("warning", prefix+"."+l.domain+": RBL lookup error: "+err.Error())
		return Dunno, nil
	}
	if !listed {
		return Dunno, nil
	}
	template, err := e.RBLReply(ctx, l.word) // with its filter, as in Postfix
	if err != nil {
		return tempfail(q, err)
	}
	text := Expand(template, func(name string) string {
		return Filter(l.macro(name, c, q, what, class, remark), c.Expansion)
	})
	code := c.RBL
	if len(text) > 4 && text[3] == ' ' {
		if n, ok := replyCode(text[:3]); ok {
			code, text = n, text[4:]
		}
	}
	enhanced, text := splitEnhanced(code, text)
	if enhanced == "" {
		enhanced = classOf(code) + ".7.1"
	}
	return Refuse, status.New(code, enhanced, "%s", text)
}

// macro is a name of default_rbl_reply.
func (l *dnsList) macro(name string, c *Codes, q *Query, what, class, remark string) string {
	o := q.Origin
	switch name {
	case "rbl_code":
		return strconv.Itoa(c.RBL)
	case "rbl_domain":
		return l.domain
	case "rbl_reason":
		return remark
	case "rbl_txt":
		return remark
	case "rbl_what":
		return what
	case "rbl_class":
		return class
	case "client":
		return clientText(o)
	case "client_address":
		return o.Client.Addr().Unmap().String()
	case "client_name":
		return nameOr(o.ClientName)
	case "reverse_client_name":
		return nameOr(o.ReverseName)
	case "helo_name":
		return o.Helo
	case "sender":
		if q.Sender == "" {
			return "<>"
		}
		return q.Sender
	case "sender_domain":
		return addr.Domain(q.Sender)
	case "sender_name":
		return addr.Local(q.Sender)
	case "recipient":
		return q.Recipient
	case "recipient_domain":
		return addr.Domain(q.Recipient)
	case "recipient_name":
		return addr.Local(q.Recipient)
	}
	return ""
}

func permitDNSWL(l dnsList) ask {
	return func(ctx context.Context, e Env, c *Codes, q *Query) (Decision, *status.Error) {
		return l.permit(ctx, e, q, reversed(q.Origin.Client.Addr()))
	}
}

func permitRHSWL(l dnsList) ask {
	return func(ctx context.Context, e Env, c *Codes, q *Query) (Decision, *status.Error) {
		if n := q.Origin.ClientName; n != "" && n != "unknown" {
			return l.permit(ctx, e, q, n)
		}
		return Dunno, nil
	}
}

// permit permits what is listed, unless that would let a stranger relay. A list that does not
// answer turns a later refusal into a deferral.
func (l *dnsList) permit(ctx context.Context, e Env, q *Query, prefix string) (Decision, *status.Error) {
	if q.HasRecipient {
		if ok, err := e.AuthDestination(ctx, q.Recipient); !ok || err != nil {
			return Dunno, nil
		}
	}
	listed, _, err := l.lookup(ctx, e, prefix)
	switch {
	case err != nil:
		q.deferIfReject(status.New(450, "4.7.1", "<%s>: %s rejected: Service unavailable", q.name, q.class).Because(err))
	case listed:
		return Permit, nil
	}
	return Dunno, nil
}
