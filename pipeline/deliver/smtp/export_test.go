package smtp

import "github.com/mtad/mtad/core/dns"

// ParsePolicy is parsePolicy with its attributes as "name=value".
func ParsePolicy(entry string) (level string, attributes []string, err error) {
	level, more, err := parsePolicy(entry)
	for _, a := range more {
		attributes = append(attributes, a.name+"="+a.value)
	}
	return level, attributes, err
}

// InTurn is inTurn.
func InTurn(servers []dns.SRV) []dns.SRV { return inTurn(servers) }
