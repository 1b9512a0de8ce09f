package dns

import (
	"errors"
	"net/netip"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// RFC 1035 §2.3.4, in text form without the final dot.
const (
	maxNameLength  = 253
	maxLabelLength = 63
	// What is longer than this in UTF-8 is too long in ASCII; Punycode takes quadratic time.
	maxUTF8Length = 4 * maxNameLength
)

var (
	errEmptyName = errors.New("empty name or label")
	errLongName  = errors.New("name or label too long")
	errNameBytes = errors.New("byte that no name in mail has")
	errNotIDNA   = errors.New("not an internationalized name (RFC 5891)")
)

// queryName returns name as it is asked: lower case, A-labels for UTF-8, final dot. It refuses
// what would need escapes in presentation form, so that names can be compared and logged as text.
func queryName(name string) (string, error) {
	if name == "." {
		return name, nil
	}
	name = strings.TrimSuffix(name, ".")
	if !isASCII(name) {
		var err error
		if name, err = toASCII(name); err != nil {
			return "", err
		}
	}
	if err := checkName(name); err != nil {
		return "", err
	}
	return lower(name) + ".", nil
}

// toASCII converts a UTF-8 name by the lookup profile of IDNA 2008 (RFC 5891 §5, UTS 46
// non-transitional, as Postfix does). Leading service labels ("_25._tcp.") are left alone: the
// profile knows host names only.
func toASCII(name string) (string, error) {
	if len(name) > maxUTF8Length {
		return "", errLongName
	}
	if !utf8.ValidString(name) {
		return "", errNameBytes // the profile would take U+FFFD for it
	}
	host := name
	for strings.HasPrefix(host, "_") {
		label, rest, ok := strings.Cut(host, ".")
		if !ok || !isASCII(label) {
			break
		}
		host = rest
	}
	ascii, err := idna.Lookup.ToASCII(host)
	if err != nil {
		return "", errNotIDNA // its own text repeats what may be a long and hostile name
	}
	return name[:len(name)-len(host)] + ascii, nil
}

// checkName checks lengths and bytes of a name without its final dot.
func checkName(name string) error {
	if len(name) > maxNameLength {
		return errLongName
	}
	label := 0
	for i := 0; i < len(name); i++ {
		switch c := name[i]; {
		case c == '.' && label == 0:
			return errEmptyName
		case c == '.':
			label = 0
			continue
		case !isNameByte(c):
			return errNameBytes
		}
		if label++; label > maxLabelLength {
			return errLongName
		}
	}
	if label == 0 {
		return errEmptyName
	}
	return nil
}

// isNameByte reports whether c stands for itself in presentation form (RFC 1035 §5.1). That
// includes "/", which RFC 2317 §4 puts into reverse zones, and "*".
func isNameByte(c byte) bool {
	return c > ' ' && c < 0x7f && strings.IndexByte(`\"'();@`, c) < 0
}

// isHostName reports whether name, without final dot, may be shown and used as the name of a
// host. Underscores are let through, as Postfix does, because hosts have them.
func isHostName(name string) bool {
	if checkName(name) != nil {
		return false
	}
	for i := 0; i < len(name); i++ {
		c := name[i]
		atEdge := i == 0 || i == len(name)-1 || name[i-1] == '.' || name[i+1] == '.'
		if !isAlnum(c) && c != '.' && c != '_' && (c != '-' || atEdge) {
			return false
		}
	}
	return true
}

// isNumeric reports whether host is an address in text form.
func isNumeric(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil
}

// trimDot returns a name of the wire in the form it leaves this package: lower case, no final dot.
func trimDot(name string) string {
	return lower(strings.TrimSuffix(name, "."))
}

// lower folds ASCII letters only: DNS names are octets (RFC 4343 §3).
func lower(s string) string {
	for i := 0; i < len(s); i++ {
		if 'A' <= s[i] && s[i] <= 'Z' {
			return lowerFrom(s, i)
		}
	}
	return s
}

func lowerFrom(s string, i int) string {
	b := []byte(s)
	for ; i < len(b); i++ {
		if 'A' <= b[i] && b[i] <= 'Z' {
			b[i] += 'a' - 'A'
		}
	}
	return string(b)
}

func isASCII(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

func isAlnum(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}
