package mastercf

import (
	"strings"

	"github.com/mtad/mtad/core/conf/list"
)

// goals are where the columns of postconf -M begin.
var goals = [columnCount + 1]int{0, 11, 17, 25, 33, 41, 49, 57}

// Format returns the service as `postconf -M` shows it: one line, the columns aligned.
func (s *Service) Format() string {
	var b strings.Builder
	for i, field := range append(s.columns[:], s.Program) {
		if i > 0 {
			b.WriteString(strings.Repeat(" ", max(1, goals[i]-b.Len())))
		}
		b.WriteString(field)
	}
	for _, a := range s.arguments {
		b.WriteString(" " + a)
	}
	return b.String()
}

// quote puts an argument with white space, or none at all, into braces.
func quote(s string) string {
	if _, braced := list.Payload(s); braced || s == "" || strings.ContainsAny(s, white) {
		return "{" + s + "}"
	}
	return s
}

// Field is one line of `postconf -F`.
type Field struct{ Name, Value string }

// Fields returns the columns as `postconf -F` shows them: "name/type/column" and the text.
func (s *Service) Fields() []Field {
	var fields []Field
	for i, name := range columnNames {
		fields = append(fields, Field{s.String() + "/" + name, s.columns[i]})
	}
	command := strings.Join(append([]string{s.Program}, s.arguments...), " ")
	return append(fields, Field{s.String() + "/command", command})
}
