package master

import (
	"context"
	"net/netip"
	"slices"
	"time"

	"github.com/mtad/mtad/core/dns"
)

// nameTime limits the lookup of a client's name, which it waits for before the greeting.
const nameTime = 10 * time.Second

// names is resolver's PTR and address lookups.
type names interface {
	PTR(ctx context.Context, a netip.Addr) ([]string, error)
	Addrs(ctx context.Context, host string, want dns.Family) ([]netip.Addr, error)
}

// peerNames finds and verifies the host names of clients.
type peerNames struct{ dns names }

// Name returns the name that the address has and that has the address, and the name without that
// proof.
func (p peerNames) Name(ctx context.Context, client netip.Addr) (name, reverse string) {
	ctx, cancel := context.WithTimeout(ctx, nameTime)
	defer cancel()
	ptr, err := p.dns.PTR(ctx, client)
	if err != nil || len(ptr) == 0 {
		return "unknown", "unknown"
	}
	reverse = ptr[0]
	family := dns.IPv4
	if client.Is6() {
		family = dns.IPv6
	}
	addrs, err := p.dns.Addrs(ctx, reverse, family)
	if err != nil || !slices.Contains(addrs, client) {
		return "unknown", reverse
	}
	return reverse, reverse
}
