package param

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mtad/mtad/core/conf/value"
)

// Effect is what mtad does with a parameter.
type Effect string

// The effects.
const (
	// Effective: the parameter does what it does in Postfix.
	Effective Effect = "effective"
	// Accepted: the parameter has no effect, and needs none.
	Accepted Effect = "accepted"
	// Unsupported: the parameter would have an effect in Postfix and has none here.
	Unsupported Effect = "unsupported"
)

// Type is what a value is.
type Type string

// The types.
const (
	String       Type = "string"
	Raw          Type = "raw"      // a string in which $name is expanded only where it is used
	Hostname     Type = "hostname" // a domain name
	Bool         Type = "bool"     // yes or no
	Int          Type = "int"
	Code         Type = "code" // an SMTP reply code
	Size         Type = "size" // bytes
	Time         Type = "time"
	Enum         Type = "enum"         // one of some words
	List         Type = "list"         // words
	Match        Type = "match"        // a match list: /file, type:table and !exclusion have a meaning
	Networks     Type = "networks"     // a match list of networks, read by package netlist
	Domains      Type = "domains"      // a match list of domains, read by package domainlist
	Maps         Type = "maps"         // lookup tables
	Restrictions Type = "restrictions" // access rules
	Path         Type = "path"         // the name of a file or directory
)

// Param is one parameter.
type Param struct {
	Name string
	Type Type
	// Default is the value when none is set, not expanded. Computed says that it is found
	// out when the configuration is loaded; then Default names the way.
	Default  string
	Computed bool
	Effect   Effect
	// Text says what the parameter does, why it has no effect, or what to use instead.
	Text string
	// Old says that the name stands for a newer one and is listed only where it is set.
	Old bool
	// Area is the part of the system that the parameter belongs to.
	Area string
	// Values are the words of an Enum or a List, empty for any. NotBuilt are those among them
	// that Postfix knows and mtad does nothing with.
	Values, NotBuilt []string
	// Range bounds an Int, Code, Size (bytes) or Time (seconds).
	Range value.Range
}

// IsNumber reports whether the value is a whole number: Int, Code or Size.
func (p *Param) IsNumber() bool { return p.Type == Int || p.Type == Code || p.Type == Size }

// IsList reports whether the value has elements.
func (p *Param) IsList() bool {
	switch p.Type {
	case List, Match, Networks, Domains, Maps, Restrictions:
		return true
	}
	return false
}

// Check says what is wrong with an expanded value, nil if nothing is. unit is the letter of the
// unit of a time that has none.
func (p *Param) Check(s string, unit byte) (err error) {
	switch p.Type {
	case Bool:
		_, err = value.Bool(s)
	case Int, Code, Size:
		_, err = value.Int(s, p.Range)
	case Time:
		_, err = value.Duration(s, unit, p.Range)
	case Enum:
		err = p.oneOf(s)
	case Hostname:
		err = checkHostname(s)
	}
	return err
}

// Builds reports whether mtad does what an expanded value of an Enum asks for.
func (p *Param) Builds(s string) bool {
	return !slices.ContainsFunc(p.NotBuilt, func(v string) bool { return strings.EqualFold(v, s) })
}

// CheckElement says what is wrong with an element of a List, nil if nothing is.
func (p *Param) CheckElement(element string) error {
	if p.Type != List || len(p.Values) == 0 {
		return nil
	}
	return p.oneOf(element)
}

func (p *Param) oneOf(s string) error {
	if slices.ContainsFunc(p.Values, func(v string) bool { return strings.EqualFold(v, s) }) {
		return nil
	}
	words := slices.DeleteFunc(slices.Clone(p.Values), func(v string) bool { return v == "" })
	return fmt.Errorf("%q is not one of %s", s, strings.Join(words, ", "))
}

// checkHostname refuses what RFC 1035 §2.3.4 and RFC 1123 §2.1 refuse; an underscore passes, as
// in Postfix.
func checkHostname(s string) error {
	if s == "" || len(s) > 255 {
		return fmt.Errorf("%q is not a host name: 1 to 255 characters expected", s)
	}
	for label := range strings.SplitSeq(s, ".") {
		if !validLabel(label) {
			return fmt.Errorf("%q is not a host name: bad label %q", s, label)
		}
	}
	return nil
}

func validLabel(label string) bool {
	if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
		return false
	}
	for i := 0; i < len(label); i++ {
		switch c := label[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_', c >= 0x80:
		default:
			return false
		}
	}
	return true
}
