package authverify

import (
	"net"
	"strings"

	"blitiri.com.ar/go/spf"

	"github.com/mtad/mtad/core/addr"
	"github.com/mtad/mtad/plugins/sdk"
)

// sender checks SPF of the client for the envelope sender, or for its HELO name when that is null
// (RFC 7208 §2.4). domain is the one that was checked.
func sender(tx sdk.Tx) (r result, domain string) {
	r = result{method: "spf", value: none}
	from, helo := tx.Sender(), ascii(tx.Helo())
	if from == "" {
		domain = helo
		r.props = []prop{{"smtp.helo", helo}}
	} else {
		local, d, _ := addr.Split(from)
		domain = ascii(d)
		from = local + "@" + domain
		r.props = []prop{{"smtp.mailfrom", from}}
	}
	ip := net.ParseIP(tx.ClientAddr())
	if ip == nil || !askable(domain) {
		return r, domain // RFC 7208 §4.3: nothing to ask about
	}
	checked, err := spf.CheckHostWithSender(ip, helo, from, spf.WithResolver(lookup{tx}))
	r.value = value(checked)
	if err != nil && (r.value == tempError || r.value == permError) {
		r.reason = err.Error()
	}
	return r, domain
}

// askable reports whether a name is one that SPF records can stand at: of several labels, no address.
func askable(domain string) bool {
	return strings.Contains(strings.Trim(domain, "."), ".") && net.ParseIP(domain) == nil && domain[0] != '[' && len(domain) <= 253
}
