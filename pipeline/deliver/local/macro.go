package local

import (
	"strings"

	"github.com/mtad/mtad/core/addr"
	"github.com/mtad/mtad/core/conf/expand"
)

// macros are the names that forward_path, luser_relay and command_execution_directory may have.
type macros map[string]string

// macros returns the values for a recipient.
func (x *expansion) macros(s *state) macros {
	m := macros{
		"user": s.user, "extension": s.extension, "local": s.local, "domain": addr.Domain(s.address),
		"recipient": addr.Internal(s.address), "recipient_delimiter": s.delimiter, "mailbox": s.user,
		"home": "", "shell": "",
	}
	if s.account != nil {
		m["home"], m["shell"] = s.account.Home, s.account.Shell
	}
	return m
}

// expand puts values in the place of their names. What is not in allowed becomes "_", since anyone
// may have written it; the home directory and the shell are the system's. "" allows all.
func (m macros) expand(text, allowed string) (string, error) {
	return expand.Expand(text, func(name string) (string, bool) {
		v, ok := m[name]
		if name != "home" && name != "shell" {
			v = censor(v, allowed)
		}
		return strings.ReplaceAll(v, "$", "$$"), ok
	})
}

// censor replaces what is not allowed.
func censor(s, allowed string) string {
	if allowed == "" {
		return s
	}
	b := []byte(s)
	for i, c := range b {
		if strings.IndexByte(allowed, c) < 0 {
			b[i] = '_'
		}
	}
	return string(b)
}
