package query

import (
	"errors"
	"fmt"
	"strings"
)

// Template is text with %-places.
type Template struct{ pieces []piece }

// piece is text, or a place: one of s u d S U D 1 … 9.
type piece struct {
	text  string
	place byte
}

// ParseTemplate reads a template.
func ParseTemplate(s string) (Template, error) {
	var t Template
	var text strings.Builder
	for {
		i := strings.IndexByte(s, '%')
		if i < 0 {
			text.WriteString(s)
			return t.with(text.String()), nil
		}
		text.WriteString(s[:i])
		if i+1 == len(s) {
			return t, errors.New("nothing follows the last %")
		}
		c := s[i+1]
		s = s[i+2:]
		switch {
		case c == '%':
			text.WriteByte('%')
		case strings.IndexByte("sudSUD123456789", c) >= 0:
			t = t.with(text.String())
			text.Reset()
			t.pieces = append(t.pieces, piece{place: c})
		default:
			return t, fmt.Errorf("no such place: %%%c", c)
		}
	}
}

func (t Template) with(text string) Template {
	if text != "" {
		t.pieces = append(t.pieces, piece{text: text})
	}
	return t
}

// Places returns the number of places.
func (t Template) Places() int {
	n := 0
	for _, p := range t.pieces {
		if p.place != 0 {
			n++
		}
	}
	return n
}

// Quote makes a value safe to stand in a question.
type Quote func(string) string

// Plain leaves values as they are.
func Plain(s string) string { return s }

// Expand fills the places: %s %u %d with parts of value, the others with parts of key. ok is false
// when a part is not there.
func (t Template) Expand(value, key string, quote Quote) (string, bool) {
	var b strings.Builder
	for _, p := range t.pieces {
		if p.place == 0 {
			b.WriteString(p.text)
			continue
		}
		part, ok := partOf(p.place, value, key)
		if !ok {
			return "", false
		}
		b.WriteString(quote(part))
	}
	return b.String(), true
}

func partOf(place byte, value, key string) (string, bool) {
	of := value
	if place < 'a' {
		of = key
	}
	user, domain, qualified := cutAddress(of)
	switch place | 0x20 {
	case 's':
		return of, true
	case 'u':
		return user, user != ""
	case 'd':
		return domain, qualified && domain != ""
	}
	if !qualified {
		return "", false
	}
	labels := strings.Split(domain, ".")
	n := int(place - '0')
	if n > len(labels) || labels[len(labels)-n] == "" {
		return "", false
	}
	return labels[len(labels)-n], true
}

// cutAddress takes an address apart at its last "@"; without one all of it is the user.
func cutAddress(s string) (user, domain string, qualified bool) {
	i := strings.LastIndexByte(s, '@')
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}
