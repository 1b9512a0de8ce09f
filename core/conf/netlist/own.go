package netlist

import (
	"fmt"
	"net/netip"
	"slices"
)

// Style is a value of mynetworks_style.
type Style string

// The styles (postconf(5) mynetworks_style).
const (
	Host   Style = "host"   // the addresses of this machine alone
	Subnet Style = "subnet" // the subnets it is on
	Class  Style = "class"  // the class A, B or C networks it is on; IPv6 as with Subnet
)

// Own returns the networks that style trusts, without repetitions. addresses are the machine's
// addresses with the lengths of their subnets' prefixes.
func Own(style Style, addresses []netip.Prefix) ([]netip.Prefix, error) {
	var networks []netip.Prefix
	for _, p := range addresses {
		n, err := widen(style, netip.PrefixFrom(p.Addr().Unmap().WithZone(""), p.Bits()))
		if err != nil {
			return nil, err
		}
		if n.IsValid() && !slices.Contains(networks, n) {
			networks = append(networks, n)
		}
	}
	return networks, nil
}

// widen returns the network around the address p that style trusts.
func widen(style Style, p netip.Prefix) (netip.Prefix, error) {
	switch style {
	case Host:
		return netip.PrefixFrom(p.Addr(), p.Addr().BitLen()), nil
	case Subnet:
		return p.Masked(), nil
	case Class:
		if p.Addr().Is4() {
			return p.Addr().Prefix(classLength(p.Addr().As4()[0]))
		}
		return p.Masked(), nil
	}
	return netip.Prefix{}, fmt.Errorf("%q is not a mynetworks_style: host, subnet or class expected", style)
}

// classLength returns the prefix length of the class of an IPv4 address that begins with first.
func classLength(first byte) int {
	switch {
	case first < 128:
		return 8
	case first < 192:
		return 16
	case first < 224:
		return 24
	}
	return 32
}
