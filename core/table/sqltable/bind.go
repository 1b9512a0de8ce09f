package sqltable

import (
	"errors"
	"fmt"
	"strings"

	"github.com/mtad/mtad/core/table/query"
)

// bound is a query whose strings with places have become parameters.
type bound struct {
	sql    string
	params []query.Template
}

// dialect is how a database writes strings and parameters.
type dialect struct {
	// double says that "…" is a string too, backslash that a backslash escapes in strings.
	double, backslash bool
	// param returns the text of parameter n, from 1.
	param func(n int) string
}

// bind reads a query. Outside strings only %% may occur.
func (d dialect) bind(text string) (bound, error) {
	var b bound
	var sql strings.Builder
	for i := 0; i < len(text); {
		c := text[i]
		switch {
		case c == '\'' || c == '"' && d.double:
			content, n, err := d.literal(text[i:])
			if err != nil {
				return b, err
			}
			t, err := query.ParseTemplate(content)
			if err != nil {
				return b, err
			}
			if t.Places() == 0 {
				sql.WriteString(strings.ReplaceAll(text[i:i+n], "%%", "%"))
			} else if i > 0 && strings.IndexByte("EeBbXxNnUu&", text[i-1]) >= 0 && !wordBefore(text[:i-1]) {
				return b, fmt.Errorf("a place in a string with a prefix: %s", text[i-1:i+n])
			} else {
				b.params = append(b.params, t)
				sql.WriteString(d.param(len(b.params)))
			}
			i += n
		case c == '%' && i+1 < len(text) && text[i+1] == '%':
			sql.WriteByte('%')
			i += 2
		case c == '%':
			return b, fmt.Errorf("%.2s stands outside quotes, where a key would be SQL: write '%.2s'", text[i:], text[i:])
		default:
			sql.WriteByte(c)
			i++
		}
	}
	b.sql = sql.String()
	return b, nil
}

// wordBefore reports whether text ends within a word, so that what follows is its end and no
// prefix of a string.
func wordBefore(text string) bool {
	if text == "" {
		return false
	}
	c := text[len(text)-1]
	return c == '_' || c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z'
}

// literal reads the string that s begins with: what it says and how long it is.
func (d dialect) literal(s string) (content string, length int, err error) {
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && d.backslash && i+1 < len(s):
			i++
			b.WriteByte(s[i])
		case c == s[0] && i+1 < len(s) && s[i+1] == c:
			i++
			b.WriteByte(c)
		case c == s[0]:
			return b.String(), i + 1, nil
		default:
			b.WriteByte(c)
		}
	}
	return "", 0, errors.New("a string does not close")
}

// fill makes the parameters for a key; ok is false when the key has not what a place asks for.
func (b bound) fill(key string) (args []any, ok bool) {
	for _, p := range b.params {
		text, ok := p.Expand(key, key, query.Plain)
		if !ok {
			return nil, false
		}
		args = append(args, text)
	}
	return args, true
}
