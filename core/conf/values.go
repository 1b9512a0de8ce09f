package conf

import (
	"fmt"
	"strings"
	"time"

	"github.com/mtad/mtad/core/conf/param"
	"github.com/mtad/mtad/core/conf/value"
)

// find returns a parameter that the program reads. A name that is none is a mistake of the
// program.
func find(name string) *param.Param {
	if p, ok := param.Find(name); ok {
		return p
	}
	if _, fallback, ok := param.SplitTransport(name); ok {
		return fallback
	}
	panic(fmt.Sprintf("conf: the program reads %q, which is no parameter", name))
}

// wrongType is a mistake of the program.
func wrongType(name string, p *param.Param, want string) {
	panic(fmt.Sprintf("conf: the program reads %s, which is of type %s, as %s", name, p.Type, want))
}

// String returns the value of a parameter of any type, expanded, without white space at its ends.
// The value of a raw parameter (forward_path, default_rbl_reply ...) is not expanded. Panics for
// a name that is no parameter.
func (c *Config) String(name string) string { return c.good(name, find(name)) }

// good returns the expanded value of name if it is fit for p, and else the default's, which only
// a configuration that Load refuses needs.
func (c *Config) good(name string, p *param.Param) string {
	text, err := c.expandName(name)
	if err == nil && p.Check(text, c.unit(p)) == nil {
		return text
	}
	fallback, err := c.Expand(c.defaultValue(p))
	if err != nil || p.Check(fallback, c.unit(p)) != nil {
		return ""
	}
	return fallback
}

// unit returns the letter of the unit of a time without one: that of the default.
func (c *Config) unit(p *param.Param) byte {
	if p.Type != param.Time {
		return 0
	}
	text, err := c.Expand(p.Default)
	if err != nil {
		return 's'
	}
	return value.DurationUnit(text)
}

// Int returns the value of a parameter of type int, code or size. Panics for others.
func (c *Config) Int(name string) int { return int(c.Size(name)) }

// Size returns the value of a parameter of type int, code or size (bytes). Panics for others.
func (c *Config) Size(name string) int64 {
	p := find(name)
	if !p.IsNumber() {
		wrongType(name, p, "a number")
	}
	n, _ := value.Int(c.good(name, p), p.Range)
	return n
}

// Bool returns the value of a parameter of type bool. Panics for others.
func (c *Config) Bool(name string) bool {
	p := find(name)
	if p.Type != param.Bool {
		wrongType(name, p, "yes or no")
	}
	yes, _ := value.Bool(c.good(name, p))
	return yes
}

// Duration returns the value of a parameter of type time. Panics for others.
func (c *Config) Duration(name string) time.Duration {
	p := find(name)
	if p.Type != param.Time {
		wrongType(name, p, "a time")
	}
	d, _ := value.Duration(c.good(name, p), c.unit(p), p.Range)
	return d
}

// TLSLevel returns the security level of "smtpd", "smtp" or "lmtp": the value of
// PREFIX_tls_security_level or, when that is empty, what PREFIX_enforce_tls and PREFIX_use_tls
// make of it: "verify" (clients, PREFIX_tls_enforce_peername), "encrypt", "may" or "none".
func (c *Config) TLSLevel(prefix string) string {
	if level := c.String(prefix + "_tls_security_level"); level != "" {
		return strings.ToLower(level)
	}
	switch {
	case c.Bool(prefix+"_enforce_tls") && prefix != "smtpd" && c.Bool(prefix+"_tls_enforce_peername"):
		return "verify"
	case c.Bool(prefix + "_enforce_tls"):
		return "encrypt"
	case c.Bool(prefix + "_use_tls"):
		return "may"
	}
	return "none"
}
