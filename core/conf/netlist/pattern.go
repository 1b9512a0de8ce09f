package netlist

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/mtad/mtad/core/conf/domainlist"
	"github.com/mtad/mtad/core/conf/list"
)

// newElement reads one element.
func newElement(text string, open domainlist.Opener) (e element, err error) {
	switch {
	case text[0] == '[' || strings.Contains(text, "/") && !strings.Contains(text, ":"):
		e.network, err = parseNetwork(text)
	case strings.Contains(text, ":"):
		e.table, err = openTable(text, open)
	case looksNumeric(text):
		e.network, err = parseNetwork(text)
	default:
		e.name = strings.ToLower(text)
	}
	return e, err
}

// parseNetwork reads ADDRESS or NETWORK/LENGTH, the address perhaps in brackets.
func parseNetwork(text string) (netip.Prefix, error) {
	address, length, isNetwork := text, "", false
	if inside, ok := strings.CutPrefix(text, "["); ok {
		var closed bool
		if address, length, closed = strings.Cut(inside, "]"); !closed {
			return netip.Prefix{}, fmt.Errorf("no \"]\" in %q", text)
		}
		if isNetwork = length != ""; isNetwork {
			if length, ok = strings.CutPrefix(length, "/"); !ok {
				return netip.Prefix{}, badNetwork(text)
			}
		}
	} else {
		address, length, isNetwork = strings.Cut(text, "/")
	}
	a, err := netip.ParseAddr(address)
	if err != nil || a.Zone() != "" {
		return netip.Prefix{}, badNetwork(text)
	}
	if !isNetwork {
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	return network(a, length, text)
}

// network puts address and length together and refuses host bits. A network of IPv4-in-IPv6
// addresses is accepted and matches nobody, as in Postfix: such clients count as IPv4.
func network(a netip.Addr, length, text string) (netip.Prefix, error) {
	bits, err := strconv.ParseUint(length, 10, 8)
	if err != nil || int(bits) > a.BitLen() {
		return netip.Prefix{}, badNetwork(text)
	}
	p := netip.PrefixFrom(a, int(bits))
	if m := p.Masked(); m != p {
		return p, fmt.Errorf("host bits are set in the network %q: %q expected", text, Format(m))
	}
	return p, nil
}

func badNetwork(text string) error {
	return fmt.Errorf("%q is not a network: ADDRESS or NETWORK/LENGTH expected, IPv6 in brackets", text)
}

// Format returns a network in the form that network lists read: 10.0.0.0/8, [2001:db8::]/32.
func Format(p netip.Prefix) string {
	if p.Addr().Is4() {
		return p.String()
	}
	return fmt.Sprintf("[%s]/%d", p.Addr(), p.Bits())
}

// openTable opens `type:name`, unless it is an IPv6 address that lacks its brackets.
func openTable(text string, open domainlist.Opener) (domainlist.Table, error) {
	address, _, _ := strings.Cut(text, "/")
	if _, err := netip.ParseAddr(address); err == nil {
		return nil, fmt.Errorf("the IPv6 address of %q needs brackets, as in [2001:db8::]/32", text)
	}
	if open == nil {
		return nil, fmt.Errorf("no tables can be opened for %s", text)
	}
	return open(text)
}

// looksNumeric reports whether text has digits and dots alone, which no host name has.
func looksNumeric(text string) bool { return strings.Trim(text, "0123456789.") == "" }

func place(item list.Item, err error) error {
	if item.File == "" {
		return err
	}
	return fmt.Errorf("%s:%d: %w", item.File, item.Line, err)
}
