package checks

import "strings"

// Class says where a unit stands, and so which table is asked.
type Class int

// The classes.
const (
	Header Class = iota // a field of the message that is not about MIME
	MIME                // a field about MIME, or of a MIME part
	Nested              // a field of an attached message
	Body                // a line of a body
	NumClasses
)

// names are the parameters of cleanup; other stages put their prefix before them.
var names = [NumClasses]string{"header_checks", "mime_header_checks", "nested_header_checks", "body_checks"}

// String returns the name of the class's table, as Postfix has it.
func (c Class) String() string { return names[c] }

// Where is the word that the log has for it.
func (c Class) Where() string {
	if c == Body {
		return "body"
	}
	return "header"
}

// mimeFields are the fields of a message's header that are about MIME.
var mimeFields = []string{"Content-Description", "Content-Disposition", "Content-ID", "Content-Transfer-Encoding",
	"Content-Type", "MIME-Version"}

// ClassOf is the class of a field in a header of class c.
func ClassOf(field string, c Class) Class {
	if c == MIME || len(field) == 0 || field[0]|0x20 != 'c' && field[0]|0x20 != 'm' {
		return c
	}
	name, _, _ := strings.Cut(field, ":")
	name = strings.TrimRight(name, " \t")
	for _, f := range mimeFields {
		if strings.EqualFold(name, f) {
			return MIME
		}
	}
	return c
}

// Joined is a field as the tables see it: lines that end in LF, and no line end behind the last.
func Joined(raw []byte) string {
	s := strings.TrimRight(string(raw), "\r\n")
	if strings.IndexByte(s, '\r') >= 0 {
		s = strings.ReplaceAll(s, "\r\n", "\n")
	}
	return s
}

// Field takes a header field apart that a table made. ok is false when it is none.
func Field(text string) (name, value string, ok bool) {
	name, value, ok = strings.Cut(text, ":")
	name = strings.TrimRight(name, " \t")
	return name, strings.TrimPrefix(value, " "), ok && name != "" && !strings.ContainsAny(name, " \t")
}
