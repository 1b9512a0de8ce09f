package status

import (
	"strconv"
	"strings"
)

// Reply is an SMTP reply: code, enhanced code (RFC 2034, may be empty) and text. Lines of a
// reply with several lines are separated by "\n". The zero Reply says nothing.
type Reply struct {
	Code     int
	Enhanced string
	Text     string
}

// Temporary reports whether the reply is of class 4.
func (r Reply) Temporary() bool { return r.Code/100 == 4 }

// Permanent reports whether the reply is of class 5.
func (r Reply) Permanent() bool { return r.Code/100 == 5 }

// Positive reports whether the reply is of class 2 or 3.
func (r Reply) Positive() bool { return r.Code/100 == 2 || r.Code/100 == 3 }

// IsZero reports whether the reply says nothing.
func (r Reply) IsZero() bool { return r.Code == 0 }

// String returns the reply on one line, as log lines show it: "550 5.1.1 no such user".
func (r Reply) String() string {
	var b strings.Builder
	b.WriteString(strconv.Itoa(r.Code))
	if r.Enhanced != "" {
		b.WriteByte(' ')
		b.WriteString(r.Enhanced)
	}
	if r.Text != "" {
		b.WriteByte(' ')
		b.WriteString(strings.ReplaceAll(r.Text, "\n", " "))
	}
	return b.String()
}

// DSN returns the enhanced code, or the general one of the reply's class when it has none
// (RFC 3463 §3.1: X.0.0 other undefined status).
func (r Reply) DSN() string {
	if r.Enhanced != "" {
		return r.Enhanced
	}
	return strconv.Itoa(r.Code/100) + ".0.0"
}

// Clean returns s without the bytes that may not stand in a reply or a log line: CR and LF
// become a space, NUL and other control bytes (and DEL) become "?". Bytes ≥ 0x80 are kept.
func Clean(s string) string {
	for i := 0; i < len(s); i++ {
		if s[i] < ' ' || s[i] == 0x7f {
			return cleanFrom(s, i)
		}
	}
	return s
}

func cleanFrom(s string, i int) string {
	b := []byte(s)
	for ; i < len(b); i++ {
		switch c := b[i]; {
		case c == '\r' || c == '\n' || c == '\t':
			b[i] = ' '
		case c < ' ' || c == 0x7f:
			b[i] = '?'
		}
	}
	return string(b)
}

// ValidEnhanced reports whether s is an enhanced status code (RFC 3463 §2) of the given class
// (2, 4 or 5): class "." 1–3 digits "." 1–3 digits.
func ValidEnhanced(s string, class int) bool {
	if len(s) < 5 || int(s[0]-'0') != class || s[1] != '.' {
		return false
	}
	subject, detail, ok := strings.Cut(s[2:], ".")
	return ok && digits(subject) && digits(detail)
}

func digits(s string) bool {
	if len(s) < 1 || len(s) > 3 {
		return false
	}
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// SplitEnhanced takes a leading enhanced code off text ("5.1.1 no such user") when its class
// fits code; otherwise enhanced is "" and rest is text.
func SplitEnhanced(code int, text string) (enhanced, rest string) {
	word, tail, _ := strings.Cut(text, " ")
	if ValidEnhanced(word, code/100) {
		return word, strings.TrimLeft(tail, " ")
	}
	return "", text
}
