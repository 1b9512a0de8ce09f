package mastercf

import (
	"strings"

	"github.com/mtad/mtad/core/conf/list"
)

// goals are where the columns of postconf -M begin.
var goals = [columnCount + 1]int{0, 11, 17, 25, 33, 41, 49, 57}

// Format returns the service as `postconf -M` shows it: one line, the columns aligned.
func (s *Service) Format() string {
	return strings.Join(append([]string{s.head()}, s.arguments...), " ")
}

// head is the service without the program's arguments.
func (s *Service) head() string {
	var b strings.Builder
	for i, field := range append(s.columns[:], s.Program) {
		if i > 0 {
			b.WriteString(strings.Repeat(" ", max(1, goals[i]-b.Len())))
		}
		b.WriteString(field)
	}
	return b.String()
}

// How postconf -f folds: lines of a service stay below foldAt columns, the next ones are indented.
const (
	foldAt     = 80
	foldIndent = "    "
)

// Fold returns the service as `postconf -Mf` shows it: each -o on a line of its own, long lines folded.
func (s *Service) Fold() string { return s.fold(s.head()) }

// fold appends the arguments to a line. What follows an -o setting stands on a new line too.
func (s *Service) fold(line string) string {
	var b strings.Builder
	fresh := false // the next word begins a line
	for i := 0; i < len(s.arguments); i++ {
		word, alone := s.arguments[i], false
		if s.overrideName(i) != "" {
			i++
			word, alone = word+" "+s.arguments[i], true
		}
		if alone || fresh || len(line)+1+len(word) >= foldAt {
			b.WriteString(line + "\n")
			line = foldIndent + word
		} else {
			line += " " + word
		}
		fresh = alone
	}
	return b.String() + line
}

// quote puts an argument with white space, or none at all, into braces.
func quote(s string) string {
	if _, braced := list.Payload(s); braced || s == "" || strings.ContainsAny(s, white) {
		return "{" + s + "}"
	}
	return s
}

// Field is one line of `postconf -F`. Folded is its value as `postconf -Ff` shows it.
type Field struct{ Name, Value, Folded string }

// Fields returns the columns as `postconf -F` shows them: "name/type/column" and the text.
func (s *Service) Fields() []Field {
	var fields []Field
	for i, name := range columnNames {
		fields = append(fields, Field{s.String() + "/" + name, s.columns[i], s.columns[i]})
	}
	name := s.String() + "/command"
	folded := strings.TrimPrefix(s.fold(name+" = "+s.Program), name+" = ")
	return append(fields, Field{name, s.command(), folded})
}

// Expanded returns the service with the values of its -o settings expanded (postconf -Mx).
func (s *Service) Expanded(expand func(string) (string, error)) (Service, error) {
	changed := *s
	changed.arguments = append([]string(nil), s.arguments...)
	for i := range s.arguments {
		if s.overrideName(i) == "" {
			continue
		}
		text, _ := list.Payload(s.arguments[i+1])
		name, value, _ := strings.Cut(text, "=")
		value, err := expand(value)
		if err != nil {
			return *s, err
		}
		changed.arguments[i+1] = quote(name + "=" + value)
	}
	return changed, nil
}
