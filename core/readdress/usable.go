package readdress

import "strings"

// maxUsable is the most bytes of an address that a plugin may answer with (docs/abi.md).
const maxUsable = 320

// Usable reports whether an address can be the answer of a plugin at the rewrite point: of at most 320
// bytes, with nothing in it that separates or comments addresses, spaces and controls included, but in
// quotes or an address literal.
func Usable(address string) bool {
	quoted, literal := false, false
	for i := 0; i < len(address); i++ {
		switch c := address[i]; {
		case c < ' ' || c == 0x7f:
			return false
		case quoted && c == '\\':
			if i++; i == len(address) || address[i] < ' ' || address[i] == 0x7f {
				return false
			}
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '[' || c == ']':
			literal = c == '['
		case c == ' ' || c == '<' || c == '>', !literal && strings.IndexByte(`,;:()\`, c) >= 0:
			return false
		}
	}
	return address != "" && len(address) <= maxUsable && !quoted
}
