package target

import (
	"strings"

	"github.com/mtad/mtad/core/addr"
)

// Kind is what a target is.
type Kind uint8

// The kinds.
const (
	Address Kind = iota + 1
	Mailbox
	File
	Command
	Include
)

// Target is one place that mail is sent on to.
type Target struct {
	Kind Kind
	// Value is the address in external form, the user of a Mailbox, the path of a File or an
	// Include, the text of a Command.
	Value string
}

const includePrefix = ":include:"

// Parse reads the targets of one line.
func Parse(line string) []Target {
	var all []Target
	for _, element := range split(line) {
		all = append(all, parse(element)...)
	}
	return all
}

// Lines reads the targets of a file: a line that begins with "#" is a comment, and each line stands
// for itself.
func Lines(text string) []Target {
	var all []Target
	for line := range strings.SplitSeq(text, "\n") {
		if !strings.HasPrefix(line, "#") {
			all = append(all, Parse(strings.TrimSuffix(line, "\r"))...)
		}
	}
	return all
}

// split cuts a line at the commas outside quotes, brackets and comments.
func split(line string) []string {
	var all []string
	quoted, depth, begin := false, 0, 0
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '(' || c == '<':
			depth++
		case c == ')' || c == '>':
			depth = max(0, depth-1)
		case c == ',' && depth == 0:
			all, begin = append(all, line[begin:i]), i+1
		}
	}
	return append(all, line[begin:])
}

// parse reads one element. An element that is not a file, a command or an include is a list of
// addresses as in a header: with phrases and comments, which do not count.
func parse(element string) []Target {
	element = strings.TrimSpace(element)
	plain, whole := unquote(element)
	if !whole {
		plain = element
	}
	switch {
	case plain == "":
		return nil
	case plain[0] == '/':
		return []Target{{File, plain}}
	case plain[0] == '|':
		return []Target{{Command, strings.TrimSpace(plain[1:])}}
	case len(plain) >= len(includePrefix) && strings.EqualFold(plain[:len(includePrefix)], includePrefix):
		return []Target{{Include, strings.TrimSpace(plain[len(includePrefix):])}}
	case plain[0] == '\\' && !strings.ContainsAny(plain[1:], `\"`):
		return []Target{{Mailbox, plain[1:]}}
	}
	list, ok := addr.List(element)
	if !ok {
		return []Target{{Address, element}}
	}
	var all []Target
	for _, m := range list {
		if m.Address != "" {
			all = append(all, Target{Address, m.Address})
		}
	}
	return all
}

// unquote returns what stands between the quotes of an element that is quoted as a whole.
func unquote(element string) (plain string, whole bool) {
	if len(element) < 2 || element[0] != '"' {
		return "", false
	}
	var b strings.Builder
	for i := 1; i < len(element); i++ {
		switch c := element[i]; {
		case c == '"':
			return b.String(), i == len(element)-1
		case c == '\\' && i+1 < len(element):
			i++
			b.WriteByte(element[i])
		default:
			b.WriteByte(c)
		}
	}
	return "", false
}
