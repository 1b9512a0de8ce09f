package maincf

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/mtad/mtad/core/conf/lines"
)

// Setting is one `name = value`.
type Setting struct {
	Name, Value string
	// Line is the number, from 1, of the line the setting begins on.
	Line int
}

// SyntaxError is a line that is not `name = value`.
type SyntaxError struct {
	File    string
	Line    int
	Problem string
}

// Error returns "FILE:LINE: what is wrong".
func (e *SyntaxError) Error() string { return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Problem) }

// Parse returns the settings of data in their order, and what is wrong with the lines that are
// none. file is for the errors.
func Parse(file string, data []byte) ([]Setting, []*SyntaxError) {
	var (
		settings []Setting
		problems []*SyntaxError
	)
	refuse := func(line int, problem string) {
		problems = append(problems, &SyntaxError{file, line, problem})
	}
	if i := bytes.IndexByte(data, 0); i >= 0 {
		refuse(1+bytes.Count(data[:i], []byte("\n")), "a null character")
		return nil, problems
	}
	for _, l := range lines.Read(data) {
		if l.Indented {
			refuse(l.Number(0), "the first line begins with white space")
		}
		s, problem := split(l.Text)
		if problem != "" {
			refuse(l.Number(0), problem)
			continue
		}
		s.Line = l.Number(0)
		settings = append(settings, s)
	}
	return settings, problems
}

// white is what isspace(3) calls white space.
const white = " \t\r\n\v\f"

// split takes a logical line apart; problem is "" when it can be.
func split(text string) (s Setting, problem string) {
	text = strings.Trim(text, white)
	end := strings.IndexAny(text, white+"=")
	if end < 0 {
		return s, fmt.Sprintf("missing '=' after attribute name: %q", text)
	}
	name, rest := text[:end], strings.TrimLeft(text[end:], white)
	switch {
	case name == "":
		return s, fmt.Sprintf("missing attribute name: %q", text)
	case !strings.HasPrefix(rest, "="):
		return s, fmt.Sprintf("missing '=' after attribute name: %q", text)
	}
	return Setting{Name: name, Value: strings.TrimLeft(rest[1:], white)}, ""
}
