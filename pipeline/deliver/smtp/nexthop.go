package smtp

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// hop is one destination of a nexthop.
type hop struct {
	// text is the destination as it was written.
	text string
	// name is a domain, or a host, or an address in text form; "" for a unix socket.
	name string
	port uint16
	// direct: name is a host or an address, without MX lookup.
	direct bool
	// path is a unix socket.
	path string
	// service is the port as a name, "" when it is a number or not given; literal: the host stands
	// in brackets.
	service string
	literal bool
}

// maxHops bounds the destinations of one nexthop.
const maxHops = 20

// parseNexthop takes a nexthop apart: destinations that are tried in order, separated by commas
// or white space (transport(5)). The forms of each are
//
//	domain  domain:port  [host]  [host]:port  [address]:port  [IPv6:address]
//
// and, for LMTP, where a domain is a host,
//
//	inet:host  inet:host:port  unix:path
//
// A port is a number or a name of services(5).
func parseNexthop(nexthop string, lmtp bool, port uint16) ([]hop, error) {
	words := strings.FieldsFunc(nexthop, func(r rune) bool {
		return r == ',' || r == ' ' || r == '\t' || r == '\r' || r == '\n'
	})
	if len(words) == 0 || len(words) > maxHops {
		return nil, fmt.Errorf("nexthop %q has %d destinations", nexthop, len(words))
	}
	hops := make([]hop, len(words))
	for i, w := range words {
		h, err := parseHop(w, lmtp, port)
		if err != nil {
			return nil, err
		}
		hops[i] = h
	}
	return hops, nil
}

func parseHop(text string, lmtp bool, port uint16) (hop, error) {
	h := hop{text: text, port: port, direct: lmtp}
	rest := text
	if lmtp {
		if path, ok := strings.CutPrefix(text, "unix:"); ok {
			h.path = path
			return h, h.check()
		}
		rest = strings.TrimPrefix(text, "inet:")
	}
	service := ""
	if inside, ok := strings.CutPrefix(rest, "["); ok {
		end := strings.LastIndexByte(inside, ']')
		if end < 0 {
			return h, fmt.Errorf("destination %q: no ] behind [", text)
		}
		h.name, h.direct, h.literal, rest = inside[:end], true, true, inside[end+1:]
		if rest != "" && rest[0] != ':' {
			return h, fmt.Errorf("destination %q: text behind ]", text)
		}
		service = strings.TrimPrefix(rest, ":")
		h.name = withoutTag(h.name)
	} else if h.name, service, ok = strings.Cut(rest, ":"); ok && service == "" {
		return h, fmt.Errorf("destination %q: no port behind the colon", text)
	}
	if err := h.setPort(service); err != nil {
		return h, err
	}
	return h, h.check()
}

// withoutTag takes the tag off an IPv6 address literal (RFC 5321 §4.1.3).
func withoutTag(name string) string {
	if len(name) > 5 && strings.EqualFold(name[:5], "IPv6:") {
		return name[5:]
	}
	return name
}

// setPort sets the port by number or name; "" leaves it.
func (h *hop) setPort(service string) error {
	if service == "" {
		return nil
	}
	n, err := strconv.ParseUint(service, 10, 16)
	if err != nil && (service[0] < '0' || service[0] > '9') {
		h.service = service
		var p int
		// A file of the system; nothing is asked over the net.
		p, err = net.DefaultResolver.LookupPort(context.Background(), "tcp", service)
		if n = uint64(p); err != nil {
			n, err = submissionPort(service, err)
		}
	}
	if err != nil || n == 0 {
		return fmt.Errorf("destination %q: no port %q", h.text, service)
	}
	h.port = uint16(n)
	return nil
}

// submissionPort knows the ports that clients of servers name, on systems without services(5) (RFC 6409
// §3.1, RFC 8314 §3.3).
func submissionPort(service string, err error) (uint64, error) {
	switch service {
	case "submission":
		return 587, nil
	case "submissions", "smtps":
		return 465, nil
	}
	return 0, err
}

func (h *hop) check() error {
	what := h.name + h.path
	if what == "" {
		return fmt.Errorf("destination %q is empty", h.text)
	}
	for i := 0; i < len(what); i++ {
		if c := what[i]; c <= ' ' || c == 0x7f {
			return fmt.Errorf("destination %q: bad character", h.text)
		}
	}
	return nil
}

// endpoint is one place to connect to.
type endpoint struct {
	host string // its name, for the log
	addr netip.AddrPort
	path string // instead of addr
	// best: nobody of the destination is preferred to it.
	best bool
	// guard: being ourselves would be a loop.
	guard bool
	// exchanger: an MX record names it.
	exchanger bool
}

// named returns "host[address]", as the log and Postfix's texts have it.
func (e *endpoint) named() string {
	if e.path != "" {
		return e.host + "[" + e.path + "]"
	}
	return e.host + "[" + e.addr.Addr().String() + "]"
}

// relay returns "host[address]:port".
func (e *endpoint) relay() string {
	if e.path != "" {
		return e.named()
	}
	return e.named() + ":" + strconv.Itoa(int(e.addr.Port()))
}

// key is what connections to this place share.
func (e *endpoint) key() string {
	if e.path != "" {
		return e.path
	}
	return e.addr.String()
}
