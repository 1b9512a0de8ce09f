package conf

import (
	"encoding/json"
	"strings"
)

// Form is how postconf prints.
type Form struct {
	// ValueOnly leaves the names out (-h), NameOnly the values (-H).
	ValueOnly, NameOnly bool
	// Fold breaks long lines (-f), JSON prints an object per line (-j).
	Fold, JSON bool
}

// How lines are folded: as long as they fit foldAt columns, the next ones indented.
const (
	foldAt     = 80
	foldIndent = "    "
)

// row returns the line, or with Fold the lines, of a name and its value.
func (f Form) row(name, value string) string {
	switch {
	case f.JSON:
		return object(field{"name", name}, field{"value", value})
	case f.NameOnly:
		return name
	case f.ValueOnly && f.Fold:
		return fold("", value)
	case f.ValueOnly:
		return value
	case f.Fold:
		return strings.TrimRight(fold(name+" =", value), " ")
	}
	return strings.TrimRight(name+" = "+value, " ")
}

// fold appends the words of a value to a line.
func fold(line, value string) string {
	var b strings.Builder
	for i, word := range strings.Fields(value) {
		switch {
		case line == "":
			line = word
		case i > 0 && len(line)+1+len(word) > foldAt:
			b.WriteString(line + "\n")
			line = foldIndent + word
		default:
			line += " " + word
		}
	}
	return b.String() + line
}

// field is a member of a JSON object.
type field struct{ name, value string }

// object returns a JSON object with the members in order, without a newline.
func object(fields ...field) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	for i, f := range fields {
		b.WriteByte("{,"[min(i, 1)])
		_ = e.Encode(f.name) // a string.Builder takes everything
		b.WriteByte(':')
		_ = e.Encode(f.value)
	}
	return strings.ReplaceAll(b.String(), "\n", "") + "}"
}
