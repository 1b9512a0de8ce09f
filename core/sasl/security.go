package sasl

import (
	"fmt"
	"strings"
)

// Security is what smtpd_sasl_security_options says: properties that a mechanism must not have, and
// those that it must have.
type Security struct{ Never, Always Properties }

var securityWords = map[string]Security{
	"noplaintext": {Never: Plaintext}, "noactive": {Never: Active}, "nodictionary": {Never: Dictionary}, "noanonymous": {Never: Anonymous},
	"forward_secrecy": {Always: ForwardSecrecy}, "mutual_auth": {Always: MutualAuth},
}

// ParseSecurity reads the words of smtpd_sasl_security_options, in any case.
func ParseSecurity(words []string) (s Security, err error) {
	for _, w := range words {
		one, ok := securityWords[strings.ToLower(w)]
		if !ok {
			return s, fmt.Errorf("unknown SASL security option %q", w)
		}
		s.Never |= one.Never
		s.Always |= one.Always
	}
	return s, nil
}

// Allows reports whether a mechanism is as demanded.
func (s Security) Allows(m Mechanism) bool {
	return m.Props&s.Never == 0 && m.Props&s.Always == s.Always
}
