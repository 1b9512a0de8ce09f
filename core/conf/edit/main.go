package edit

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Setting is a parameter and its new value.
type Setting struct{ Name, Value string }

// ParseSetting reads "name = value", what postconf -e is given. A value of several lines, a comment
// and a name that is none are refused: they would become other lines of the file.
func ParseSetting(text string) (Setting, error) {
	if err := oneLine(text); err != nil {
		return Setting{}, err
	}
	name, value, ok := strings.Cut(text, "=")
	name = strings.Trim(name, white)
	switch {
	case !ok || strings.ContainsAny(name, white):
		return Setting{}, fmt.Errorf("missing '=' after attribute name: %q", text)
	case name == "":
		return Setting{}, fmt.Errorf("missing attribute name: %q", text)
	}
	return Setting{name, strings.Trim(value, white)}, nil
}

// CheckName refuses what is no name of a parameter or service to delete or to comment out.
func CheckName(name string) error {
	if err := oneLine(name); err != nil {
		return err
	}
	if strings.Trim(name, white) == "" {
		return errors.New("-X or -# requires non-blank parameter names")
	}
	return nil
}

// oneLine refuses text that is not part of one line.
func oneLine(text string) error {
	switch {
	case strings.ContainsAny(text, "\n\r\x00"):
		return errors.New("-e, -X, or -# accepts no multi-line input")
	case strings.HasPrefix(strings.TrimLeft(text, white), "#"):
		return errors.New("-e, -X, or -# accepts no comment input")
	}
	return nil
}

// nameOf returns the name that a line of main.cf sets.
func nameOf(b *block) string {
	text := strings.TrimLeft(b.text(), white)
	if end := strings.IndexAny(text, white+"="); end >= 0 {
		return text[:end]
	}
	return text
}

// Set returns main.cf with the settings: each in the place where its name is set first, or at the end.
func Set(data []byte, settings []Setting) []byte {
	var out []byte
	written := map[string]bool{}
	for _, b := range blocks(data) {
		name := nameOf(&b)
		i := slices.IndexFunc(settings, func(s Setting) bool { return s.Name == name })
		switch {
		case i < 0 || b.remarks[0]:
			out = append(out, b.whole()...)
		case written[name]:
			out = append(out, b.replaced("")...)
		default:
			out = append(out, b.replaced(lastOf(settings, name).line())...)
			written[name] = true
		}
	}
	for _, s := range settings {
		if !written[s.Name] {
			out = append(ended(out), lastOf(settings, s.Name).line()...)
			written[s.Name] = true
		}
	}
	return out
}

func (s Setting) line() string { return s.Name + " = " + s.Value + "\n" }

// lastOf returns the last setting of a name, which counts.
func lastOf(settings []Setting, name string) (last Setting) {
	for _, s := range settings {
		if s.Name == name {
			last = s
		}
	}
	return last
}

// Delete returns main.cf without what sets the names (postconf -X).
func Delete(data []byte, names []string) []byte {
	return without(data, names, func(b *block) []byte { return b.replaced("") })
}

// Comment returns main.cf with what sets the names as comments (postconf -#).
func Comment(data []byte, names []string) []byte { return without(data, names, (*block).commented) }

func without(data []byte, names []string, change func(*block) []byte) []byte {
	var out []byte
	for _, b := range blocks(data) {
		if !b.remarks[0] && slices.Contains(names, nameOf(&b)) {
			out = append(out, change(&b)...)
		} else {
			out = append(out, b.whole()...)
		}
	}
	return out
}
