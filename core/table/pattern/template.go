package pattern

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// template is a result: pieces of text, and numbers of groups between them.
type template struct {
	pieces []piece
	// groups is the highest number of a group, 0 for none.
	groups int
}

// piece is text, or the group of a number above zero.
type piece struct {
	text  string
	group int
}

// parseTemplate reads a result.
func parseTemplate(s string) (template, error) {
	var t template
	var text strings.Builder
	for {
		i := strings.IndexByte(s, '$')
		if i < 0 {
			text.WriteString(s)
			t.add(text.String())
			return t, nil
		}
		text.WriteString(s[:i])
		if s = s[i+1:]; strings.HasPrefix(s, "$") {
			text.WriteByte('$')
			s = s[1:]
			continue
		}
		name, rest, err := cutName(s)
		if err != nil {
			return t, err
		}
		n, err := strconv.Atoi(name)
		if err != nil || n < 1 || n > maxGroups {
			return t, fmt.Errorf("non-numeric or out of range replacement index %q", name)
		}
		t.add(text.String())
		text.Reset()
		t.pieces = append(t.pieces, piece{group: n})
		t.groups, s = max(t.groups, n), rest
	}
}

// maxGroups bounds $number.
const maxGroups = 1000

func (t *template) add(text string) {
	if text != "" {
		t.pieces = append(t.pieces, piece{text: text})
	}
}

// cutName reads what follows a dollar: name, {name} or (name).
func cutName(s string) (name, rest string, err error) {
	if s == "" {
		return "", "", errors.New("bad replacement syntax: nothing follows $")
	}
	if i := strings.IndexByte("{(", s[0]); i >= 0 {
		name, rest, ok := strings.Cut(s[1:], "})"[i:i+1])
		if !ok {
			return "", "", fmt.Errorf("bad replacement syntax: $%s does not close", s)
		}
		return name, rest, nil
	}
	n := 0
	for n < len(s) && (alphanumeric(s[n]) || s[n] == '_') {
		n++
	}
	if n == 0 {
		return "", "", fmt.Errorf("bad replacement syntax: $%c", s[0])
	}
	return s[:n], s[n:], nil
}

// check reports whether a rule with that many groups can have the result.
func (t template) check(groups int, not bool) error {
	switch {
	case t.groups > 0 && not:
		return errors.New("$number found in negative match replacement text")
	case t.groups > groups:
		return fmt.Errorf("out of range replacement index %q", strconv.Itoa(t.groups))
	}
	return nil
}

// expand returns the result; group returns what a group matched.
func (t template) expand(group func(int) string) string {
	if len(t.pieces) == 1 && t.pieces[0].group == 0 {
		return t.pieces[0].text
	}
	var b strings.Builder
	for _, p := range t.pieces {
		if p.group > 0 {
			b.WriteString(group(p.group))
		} else {
			b.WriteString(p.text)
		}
	}
	return b.String()
}
