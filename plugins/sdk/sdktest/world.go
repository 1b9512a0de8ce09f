package sdktest

import (
	"bytes"
	"maps"
	"slices"
	"strings"

	"github.com/mtad/mtad/plugins/sdk"
)

// World is what plugins see at one moment of a transcript.
type World struct {
	// Props are the properties of the connection, of the transaction and of what a hook is about.
	Props map[string]string
	// Sender and Rcpts are the envelope; Params are the parameters of each recipient, Given the
	// addresses as they were given.
	Sender string
	Rcpts  []Rcpt
	// Fields is the header, each field raw with its line ends; nil before it is known. Body is
	// the body; HasBody says that it is known.
	Fields  [][]byte
	Body    []byte
	HasBody bool
}

// Rcpt is an envelope recipient.
type Rcpt struct{ Addr, Given, Params string }

// clone returns a copy that can be edited. Fields and bodies are never changed in place.
func (w *World) clone() *World {
	c := *w
	c.Props, c.Rcpts, c.Fields = maps.Clone(w.Props), slices.Clone(w.Rcpts), slices.Clone(w.Fields)
	return &c
}

// header returns the header block.
func (w *World) header() []byte { return bytes.Join(w.Fields, nil) }

// splitMessage takes a message apart: its fields and its body. What is no header belongs to the
// body; line ends may be LF or CRLF and become CRLF.
func splitMessage(msg []byte) (fields [][]byte, body []byte) {
	msg = normalize(msg)
	for rest := msg; len(rest) > 0; {
		line := rest[:lineLen(rest)]
		if string(line) == "\r\n" {
			return fields, rest[2:]
		}
		continues := line[0] == ' ' || line[0] == '\t'
		switch {
		case continues && len(fields) > 0:
			k := len(fields) - 1
			fields[k] = append(fields[k][:len(fields[k]):len(fields[k])], line...)
		case nameLen(line) > 0:
			fields = append(fields, line[:len(line):len(line)])
		default:
			return fields, rest
		}
		rest = rest[len(line):]
	}
	return fields, nil
}

func lineLen(text []byte) int {
	if i := bytes.IndexByte(text, '\n'); i >= 0 {
		return i + 1
	}
	return len(text)
}

// nameLen is the length of the name of a field, 0 when it has none (RFC 5322 §2.2).
func nameLen(field []byte) int {
	i := bytes.IndexByte(field, ':')
	if i < 0 || !validName(strings.TrimRight(string(field[:i]), " \t")) {
		return 0
	}
	return len(bytes.TrimRight(field[:i], " \t"))
}

func validName(name string) bool {
	for i := 0; i < len(name); i++ {
		if c := name[i]; c <= ' ' || c >= 0x7f || c == ':' {
			return false
		}
	}
	return name != "" && len(name) <= 255
}

// normalize makes every line end CRLF, and gives the last line one.
func normalize(text []byte) []byte {
	out := make([]byte, 0, len(text)+2)
	for i, c := range text {
		if c == '\n' && (i == 0 || text[i-1] != '\r') {
			out = append(out, '\r')
		}
		out = append(out, c)
	}
	if len(out) > 0 && !bytes.HasSuffix(out, []byte("\r\n")) {
		out = append(out, "\r\n"...)
	}
	return out
}

// part returns a part of a field as sdk.Part says.
func part(field []byte, what sdk.Part) ([]byte, sdk.Errno) {
	switch what {
	case sdk.PartName:
		return field[:nameLen(field)], sdk.OK
	case sdk.PartRaw:
		return bytes.TrimSuffix(field, []byte("\r\n")), sdk.OK
	case sdk.PartValue:
		_, v, _ := bytes.Cut(field, []byte(":"))
		v = bytes.Trim(v, " \t\r\n")
		// RFC 5322 §2.2.3: unfolding removes the line end before white space.
		return bytes.ReplaceAll(bytes.ReplaceAll(v, []byte("\r"), nil), []byte("\n"), nil), sdk.OK
	}
	return nil, sdk.ErrInvalid
}

// newField writes a field; line ends in the value become folding.
func newField(name, value string) []byte {
	b := append([]byte(name), ':')
	if value != "" && value[0] != ' ' && value[0] != '\t' {
		b = append(b, ' ')
	}
	value = strings.ReplaceAll(strings.TrimRight(value, "\r\n"), "\r", "")
	for i, line := range strings.Split(value, "\n") {
		if i > 0 {
			b = append(b, "\r\n"...)
			if line != "" && line[0] != ' ' && line[0] != '\t' {
				b = append(b, '\t')
			}
		}
		b = append(b, line...)
	}
	return append(b, "\r\n"...)
}

// clean makes a text fit for one line of a log or a reply.
func clean(s string) string {
	b := []byte(s)
	for i, c := range b {
		switch {
		case c == '\r' || c == '\n' || c == '\t':
			b[i] = ' '
		case c < ' ' || c == 0x7f:
			b[i] = '?'
		}
	}
	return string(b)
}
