package edit

import (
	"fmt"
	"strings"

	"github.com/mtad/mtad/core/conf/mastercf"
)

// Fate is what becomes of a service of master.cf.
type Fate int

// The fates.
const (
	Keep    Fate = iota // as it is
	Replace             // by the text that comes with it
	Remove
	CommentOut
)

// Services returns master.cf with what change says of each service: text, for Replace, is its new
// lines. A line that is no service ends it with an error when change would have to look at it: when
// match says so of its name and type.
func Services(data []byte, match func(name, kind string) bool, change func(s *mastercf.Service) (Fate, string, error)) ([]byte, error) {
	var out []byte
	for _, b := range blocks(data) {
		words := strings.Fields(b.text())
		if b.remarks[0] || len(words) < 2 || !match(words[0], words[1]) {
			out = append(out, b.whole()...)
			continue
		}
		s, err := mastercf.ParseService(b.text())
		if err != nil {
			return nil, err
		}
		fate, text, err := change(&s)
		if err != nil {
			return nil, err
		}
		switch fate {
		case Replace:
			out = append(out, b.replaced(text)...)
		case Remove:
			out = append(out, b.replaced("")...)
		case CommentOut:
			out = append(out, b.commented()...)
		default:
			out = append(out, b.whole()...)
		}
	}
	return out, nil
}

// Append returns master.cf with one more service.
func Append(data []byte, text string) []byte { return append(ended(data), text...) }

// Pattern is SERVICE, SERVICE/TYPE or SERVICE/TYPE/NAME with "*" for any, as postconf names services,
// their columns and their parameters.
type Pattern struct{ Service, Type, Name string }

// ParsePattern reads a pattern. parts is how many parts it has at least and at most.
func ParsePattern(text string, least, most int) (Pattern, error) {
	p := Pattern{"*", "*", "*"}
	words := strings.Split(text, "/")
	if len(words) < least || len(words) > most {
		return p, fmt.Errorf("%q: service_name/type/name expected, %d to %d parts", text, least, most)
	}
	for i, part := range []*string{&p.Service, &p.Type, &p.Name}[:len(words)] {
		if *part = words[i]; words[i] == "" {
			return p, fmt.Errorf("%q: an empty part", text)
		}
	}
	return p, nil
}

// Matches reports whether the pattern names a service.
func (p Pattern) Matches(name, kind string) bool { return is(p.Service, name) && is(p.Type, kind) }

// MatchesName reports whether the pattern names a column or a parameter.
func (p Pattern) MatchesName(name string) bool { return is(p.Name, name) }

func is(pattern, text string) bool { return pattern == "*" || pattern == text }
