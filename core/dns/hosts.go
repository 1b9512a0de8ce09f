package dns

import (
	"net/netip"
	"slices"
	"strings"
)

const maxHosts = 4 << 20 // bytes of a hosts file

// hostsFile is what a hosts(5) file says. It is never changed once it is made.
type hostsFile struct {
	addrs map[string][]netip.Addr // by name: lower case, no final dot
	names map[netip.Addr][]string
}

// parseHosts reads text; lines that do not start with an address and names that no host has are
// skipped.
func parseHosts(text []byte) *hostsFile {
	h := &hostsFile{addrs: make(map[string][]netip.Addr), names: make(map[netip.Addr][]string)}
	for line := range strings.Lines(string(text)) {
		line, _, _ = strings.Cut(line, "#")
		words := strings.Fields(line)
		if len(words) < 2 {
			continue
		}
		addr, err := netip.ParseAddr(words[0])
		if err != nil {
			continue
		}
		for _, name := range words[1:] {
			h.add(addr.Unmap(), name)
		}
	}
	return h
}

func (h *hostsFile) add(addr netip.Addr, name string) {
	name = trimDot(name)
	if !isHostName(name) {
		return
	}
	if list := h.addrs[name]; len(list) < maxRecords && !slices.Contains(list, addr) {
		h.addrs[name] = append(list, addr)
	}
	if list := h.names[addr]; len(list) < maxRecords && !slices.Contains(list, name) {
		h.names[addr] = append(list, name)
	}
}

// lookup returns the addresses of name (absolute, final dot) in one family; listed tells whether
// the file has the name at all.
func (h *hostsFile) lookup(name string, family Family) (found []netip.Addr, listed bool) {
	all, listed := h.addrs[trimDot(name)]
	for _, a := range all {
		if familyOf(a)&family != 0 {
			found = append(found, a)
		}
	}
	return found, listed
}

func familyOf(a netip.Addr) Family {
	if a.Is4() {
		return IPv4
	}
	return IPv6
}
