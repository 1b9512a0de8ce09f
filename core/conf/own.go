package conf

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/mtad/mtad/core/conf/expand"
	"github.com/mtad/mtad/core/conf/list"
)

// OwnAddresses returns the addresses on which this system receives mail, with the lengths of
// their subnets' prefixes: those of inet_interfaces that inet_protocols allows, IPv4 first. It
// may ask the DNS for host names in inet_interfaces, for 5 s each, the first time. The result is
// the caller's to keep.
func (c *Config) OwnAddresses() ([]netip.Prefix, error) {
	addresses, err := c.addresses()
	return slices.Clone(addresses), err
}

// ownAddresses finds the own addresses.
func (c *Config) ownAddresses() ([]netip.Prefix, error) {
	protocols, err := expand.Expand("$inet_protocols", c.lookup(busyNetworks()))
	if err != nil {
		return nil, err
	}
	wanted, err := expand.Expand("$inet_interfaces", c.lookup(busyNetworks()))
	if err != nil {
		return nil, err
	}
	local, err := c.options.interfaces()
	if err != nil {
		return nil, fmt.Errorf("the addresses of the interfaces: %w", err)
	}
	chosen, err := c.choose(list.Split(wanted), local)
	if err != nil {
		return nil, fmt.Errorf("inet_interfaces: %w", err)
	}
	return spoken(chosen, list.Split(protocols)), nil
}

// spoken returns the addresses that the protocols allow, each once, IPv4 first.
func spoken(addresses []netip.Prefix, protocols []string) []netip.Prefix {
	v4, v6 := families(protocols)
	var own []netip.Prefix
	for _, p := range addresses {
		p = netip.PrefixFrom(p.Addr().Unmap().WithZone(""), p.Bits())
		if is4 := p.Addr().Is4(); (is4 && v4 || !is4 && v6) && !slices.Contains(own, p) {
			own = append(own, p)
		}
	}
	slices.SortStableFunc(own, func(a, b netip.Prefix) int { return a.Addr().BitLen() - b.Addr().BitLen() })
	return own
}

// families reads inet_protocols.
func families(words []string) (v4, v6 bool) {
	for _, w := range words {
		switch strings.ToLower(w) {
		case "all", "any":
			v4, v6 = true, true
		case "ipv4":
			v4 = true
		case "ipv6":
			v6 = true
		}
	}
	return v4, v6
}

// Protocols reports which protocols inet_protocols allows.
func (c *Config) Protocols() (v4, v6 bool) { return families(c.List("inet_protocols")) }

// choose returns the addresses that the words of inet_interfaces mean.
func (c *Config) choose(words []string, local []netip.Prefix) ([]netip.Prefix, error) {
	var chosen []netip.Prefix
	for _, w := range words {
		switch strings.ToLower(w) {
		case "all":
			return local, nil
		case "loopback-only":
			chosen = append(chosen, slices.DeleteFunc(slices.Clone(local), func(p netip.Prefix) bool { return !p.Addr().IsLoopback() })...)
			continue
		}
		addresses, err := c.resolve(w)
		if err != nil {
			return nil, err
		}
		for _, a := range addresses {
			chosen = append(chosen, subnetOf(a, local))
		}
	}
	return chosen, nil
}

// resolve returns the addresses of an address, perhaps in brackets, or a host name.
func (c *Config) resolve(host string) ([]netip.Addr, error) {
	bare := strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if a, err := netip.ParseAddr(bare); err == nil {
		return []netip.Addr{a.Unmap()}, nil
	}
	if strings.EqualFold(host, "localhost") { // RFC 6761 §6.3
		return []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()}, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), resolveTimeout)
	defer cancel()
	addresses, err := c.options.resolve(ctx, host)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", host, err)
	}
	return addresses, nil
}

// subnetOf returns a with the prefix length that it has on its interface.
func subnetOf(a netip.Addr, local []netip.Prefix) netip.Prefix {
	a = a.Unmap()
	for _, p := range local {
		if p.Addr().Unmap().WithZone("") == a.WithZone("") {
			return p
		}
	}
	return netip.PrefixFrom(a, a.BitLen())
}
