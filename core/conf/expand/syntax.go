package expand

import (
	"fmt"
	"strings"
)

// kind tells the forms of a reference apart.
type kind int

const (
	dollar kind = iota // $$
	plain              // $name
	braced             // ${...} or $(...)
)

// reference is one $ and what belongs to it: text is the name, or what the braces hold.
type reference struct {
	kind kind
	text string
}

// cutReference takes the reference at the start of s, which begins with "$", off s.
func cutReference(s string) (ref reference, rest string, err error) {
	after := s[1:]
	switch {
	case strings.HasPrefix(after, "$"):
		return reference{kind: dollar}, after[1:], nil
	case strings.HasPrefix(after, "{"):
		return cutBraced(s, '{', '}')
	case strings.HasPrefix(after, "("):
		return cutBraced(s, '(', ')')
	}
	n := nameLength(after)
	if n == 0 {
		return ref, "", fmt.Errorf("empty macro name at %q (a dollar sign is written $$)", s)
	}
	return reference{plain, after[:n]}, after[n:], nil
}

func cutBraced(s string, opening, closing byte) (ref reference, rest string, err error) {
	n := balanced(s[1:], opening, closing)
	if n < 0 {
		return ref, "", fmt.Errorf("no %q closes %q", closing, s)
	}
	body := trimLeft(s[2:n])
	if body == "" {
		return ref, "", fmt.Errorf("empty macro name: %q", s[:n+1])
	}
	return reference{braced, body}, s[n+1:], nil
}

// balanced returns the length of s up to and including the closing byte that answers the opening
// byte s begins with, or -1.
func balanced(s string, opening, closing byte) int {
	level := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case opening:
			level++
		case closing:
			if level--; level == 0 {
				return i + 1
			}
		}
	}
	return -1
}

// cutPayload takes `{text}` off the start of s. What the braces hold is kept byte for byte.
func cutPayload(s string) (text, rest string, err error) {
	if !strings.HasPrefix(s, "{") {
		return "", "", fmt.Errorf("%q expected at %q", "{", s)
	}
	n := balanced(s, '{', '}')
	if n < 0 {
		return "", "", fmt.Errorf("no %q closes %q", '}', s)
	}
	return s[1 : n-1], trimLeft(s[n:]), nil
}

// cutOperands returns the operands of `?a`, `:b` or `?{a}:{b}`; one that is missing is "". An
// operand without braces is all that is left, white space included.
func cutOperands(s string) (yes, no string, err error) {
	if s[0] == '?' {
		operand := trimLeft(s[1:])
		if !strings.HasPrefix(operand, "{") {
			return s[1:], "", nil
		}
		if yes, s, err = cutPayload(operand); err != nil || s == "" {
			return yes, "", err
		}
	}
	if s[0] != ':' {
		return "", "", fmt.Errorf("%q expected at %q", ":", s)
	}
	operand := trimLeft(s[1:])
	if !strings.HasPrefix(operand, "{") {
		return yes, s[1:], nil
	}
	no, rest, err := cutPayload(operand)
	if err == nil && rest != "" {
		err = fmt.Errorf("unexpected text %q", rest)
	}
	return yes, no, err
}

// nameLength returns how many bytes at the start of s can be a parameter name.
func nameLength(s string) int {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '_':
		default:
			return i
		}
	}
	return len(s)
}

func trimLeft(s string) string { return strings.TrimLeft(s, " \t\r\n\v\f") }
