package tlspolicy

import (
	"crypto/tls"
	"fmt"
	"strings"
)

// protocol is a version by the name that postconf(5) has for it. Version 0 is older than all that
// Go speaks.
type protocol struct {
	name    string
	version uint16
}

// protocols are the versions, the oldest first.
func protocols() [6]protocol {
	return [...]protocol{{"SSLv2", 0}, {"SSLv3", 0}, {"TLSv1", tls.VersionTLS10}, {"TLSv1.1", tls.VersionTLS11},
		{"TLSv1.2", tls.VersionTLS12}, {"TLSv1.3", tls.VersionTLS13}}
}

// Protocols reads a list as smtp_tls_protocols has it: ">=TLSv1.2", "<=TLSv1.3", "!TLSv1", or the names
// that are allowed. It returns the oldest and the newest version that is left, as tls.Version…
// numbers. A list that leaves none, or has an unknown name, is an error.
func Protocols(words []string) (least, most uint16, err error) {
	all := protocols()
	var off [len(all)]bool
	if only(words) {
		for i := range off {
			off[i] = true
		}
	}
	for _, w := range words {
		if err := apply(&off, w); err != nil {
			return 0, 0, err
		}
	}
	for i, p := range all {
		if p.version == 0 || off[i] {
			continue
		}
		if least == 0 {
			least = p.version
		}
		most = p.version
	}
	if least == 0 {
		return 0, 0, fmt.Errorf("%q leaves no version of TLS", strings.Join(words, " "))
	}
	return least, most, nil
}

// only reports whether the list says what is allowed, not only what is not.
func only(words []string) bool {
	for _, w := range words {
		if !strings.HasPrefix(w, "!") && !strings.HasPrefix(w, "<=") && !strings.HasPrefix(w, ">=") {
			return true
		}
	}
	return false
}

// apply applies one word.
func apply(off *[6]bool, word string) error {
	name := strings.TrimLeft(word, "!<>=")
	for i, p := range protocols() {
		if !strings.EqualFold(p.name, name) {
			continue
		}
		switch {
		case strings.HasPrefix(word, ">="):
			for j := range i {
				off[j] = true
			}
		case strings.HasPrefix(word, "<="):
			for j := i + 1; j < len(off); j++ {
				off[j] = true
			}
		default:
			off[i] = strings.HasPrefix(word, "!")
		}
		return nil
	}
	return fmt.Errorf("unknown protocol %q", word)
}
