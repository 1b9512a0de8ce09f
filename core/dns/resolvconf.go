package dns

import (
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Bounds of resolv.conf(5).
const (
	maxNameservers = 3
	maxSearch      = 6
	maxNdots       = 15
	maxResolvConf  = 64 << 10
)

// resolvConf is what a resolv.conf(5) file says. It is never changed once it is made.
type resolvConf struct {
	servers  []string // "address:port", at least one
	search   []string // absolute names with final dot
	ndots    int
	timeout  time.Duration
	attempts int
	rotate   bool // spread the queries over the servers
	useTCP   bool // "use-vc": no UDP
}

// parseResolvConf reads text, leniently as resolv.conf(5) asks: what is not understood is skipped,
// values out of range are brought into it, and no server at all means the one on this host.
func parseResolvConf(text []byte) *resolvConf {
	c := &resolvConf{ndots: 1, timeout: 5 * time.Second, attempts: 2}
	for line := range strings.Lines(string(text)) {
		words := strings.Fields(line)
		if len(words) < 2 || words[0][0] == '#' || words[0][0] == ';' {
			continue
		}
		switch words[0] {
		case "nameserver":
			c.addServer(words[1])
		case "domain":
			c.setSearch(words[1:2])
		case "search":
			c.setSearch(words[1:])
		case "options":
			c.setOptions(words[1:])
		}
	}
	if len(c.servers) == 0 {
		c.addServer("127.0.0.1")
	}
	return c
}

func (c *resolvConf) addServer(word string) {
	a, err := netip.ParseAddr(word)
	if err == nil && len(c.servers) < maxNameservers {
		c.servers = append(c.servers, net.JoinHostPort(a.String(), "53"))
	}
}

// setSearch replaces the search list: the last "domain" or "search" line counts.
func (c *resolvConf) setSearch(words []string) {
	c.search = nil
	for _, w := range words {
		if name, err := queryName(w); err == nil && len(c.search) < maxSearch {
			c.search = append(c.search, name)
		}
	}
}

func (c *resolvConf) setOptions(words []string) {
	for _, w := range words {
		key, value, _ := strings.Cut(w, ":")
		n, err := strconv.Atoi(value)
		switch {
		case key == "rotate":
			c.rotate = true
		case key == "use-vc":
			c.useTCP = true
		case err != nil || n < 0:
		case key == "ndots":
			c.ndots = min(n, maxNdots)
		case key == "timeout":
			c.timeout = min(max(time.Duration(min(n, 1000))*time.Second, time.Second), maxTimeout)
		case key == "attempts":
			c.attempts = min(max(n, 1), maxAttempts)
		}
	}
}

// candidates returns the absolute names to try for name, given as the caller wrote it and as
// queryName made it. A name without a dot is completed with defnames, others with search; without
// search the first domain of the list is the only one, as resolver(3) has RES_DEFNAMES and
// RES_DNSRCH.
func (c *resolvConf) candidates(written, absolute string, defnames, search bool) []string {
	dotted := strings.Count(absolute, ".") > 1
	if len(c.search) == 0 || strings.HasSuffix(written, ".") || dotted && !search || !dotted && !defnames {
		return []string{absolute}
	}
	domains := c.search
	if !search {
		domains = domains[:1]
	}
	var names []string
	for _, domain := range domains {
		if full := absolute + strings.TrimPrefix(domain, "."); len(full) <= maxNameLength+1 {
			names = append(names, full)
		}
	}
	if strings.Count(absolute, ".")-1 >= c.ndots {
		return append([]string{absolute}, names...)
	}
	return append(names, absolute)
}
