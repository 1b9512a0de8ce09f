package pattern

import (
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/dlclark/regexp2"
)

// matchTimeout bounds one match of an expression that only a backtracking engine can run.
const matchTimeout = 250 * time.Millisecond

// engine runs one expression. It returns nil for no match; with groups, what it returns knows
// what the groups matched.
type engine interface {
	match(key string, groups bool) (match, error)
}

type match interface {
	// group returns what group n matched, "" for a group that took no part.
	group(n int) string
}

// never is an expression that does not match.
type never struct{}

func (never) match(string, bool) (match, error) { return nil, nil }

// linear runs an expression with Go's regexp, in time linear in the key.
type linear struct {
	re *regexp.Regexp
	// lineEnd runs keys that end with a newline, for expressions where "$" also matches before it;
	// nil for those where it does not.
	lineEnd func() engine
}

func (e *linear) match(key string, groups bool) (match, error) {
	if e.lineEnd != nil && strings.HasSuffix(key, "\n") {
		return e.lineEnd().match(key, groups)
	}
	text, wide := widen(key)
	if !groups {
		if e.re.MatchString(text) {
			return indexes{}, nil
		}
		return nil, nil
	}
	at := e.re.FindStringSubmatchIndex(text)
	if at == nil {
		return nil, nil
	}
	return indexes{text, at, wide}, nil
}

// indexes is a match as Go's regexp tells it.
type indexes struct {
	text string
	at   []int
	wide bool
}

func (m indexes) group(n int) string {
	if 2*n+1 >= len(m.at) || m.at[2*n] < 0 {
		return ""
	}
	text := m.text[m.at[2*n]:m.at[2*n+1]]
	if m.wide {
		return narrow(text)
	}
	return text
}

// backtracking runs an expression with regexp2.
type backtracking struct{ re *regexp2.Regexp }

func newBacktracking(expr string) (*backtracking, error) {
	re, err := regexp2.Compile(expr, regexp2.None)
	if err != nil {
		return nil, err
	}
	re.MatchTimeout = matchTimeout
	return &backtracking{re}, nil
}

func (e *backtracking) match(key string, groups bool) (match, error) {
	text, _ := widen(key)
	m, err := e.re.FindStringMatch(text)
	if err != nil || m == nil {
		return nil, err
	}
	return captures{m}, nil
}

// captures is a match as regexp2 tells it.
type captures struct{ m *regexp2.Match }

func (c captures) group(n int) string {
	if g := c.m.GroupByNumber(n); g != nil && len(g.Captures) > 0 {
		return narrow(g.String())
	}
	return ""
}

// lazily makes the engine when it is first asked for.
func lazily(expr string) func() engine {
	return sync.OnceValue(func() engine {
		e, err := newBacktracking(expr)
		if err != nil {
			return never{} // not reached: the expression was compiled once already
		}
		return e
	})
}

// widen returns s with each byte as the character of that number. Expressions are matched byte by
// byte, as Postfix does in its C locale; both engines know only characters.
func widen(s string) (text string, wide bool) {
	if ascii(s) {
		return s, false
	}
	var b strings.Builder
	b.Grow(len(s) * 2)
	for i := 0; i < len(s); i++ {
		b.WriteRune(rune(s[i]))
	}
	return b.String(), true
}

// narrow undoes widen.
func narrow(s string) string {
	if ascii(s) {
		return s
	}
	b := make([]byte, 0, len(s))
	for _, r := range s {
		b = append(b, byte(r))
	}
	return string(b)
}

func ascii(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}
