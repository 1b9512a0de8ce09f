package conf

import (
	"strings"

	"github.com/mtad/mtad/core/conf/mastercf"
)

// disabled reports whether the words of master_service_disable take a service away: "type" or "name/type",
// with "!" before what they are not to take. The first that matches decides.
func disabled(words []string, s *mastercf.Service) bool {
	for _, word := range words {
		name, kept := strings.CutPrefix(word, "!")
		if name == string(s.Type) || name == s.String() {
			return !kept
		}
	}
	return false
}
