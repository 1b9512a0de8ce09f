package sink

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
)

// maxName is how much of a Message-Id goes into a file's name.
const maxName = 100

// dump writes the message to a file of its own.
func (x *session) dump(serial int, id []byte) error {
	name := fmt.Sprintf("%08d-%s.eml", serial, fileName(id))
	return os.WriteFile(filepath.Join(x.s.o.Dump, name), unstuff(x.text), 0o644)
}

// fileName makes a Message-Id fit for a file's name.
func fileName(id []byte) string {
	id = bytes.Trim(id, "<>")
	return string(bytes.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '.', r == '-', r == '_', r == '@':
			return r
		}
		return '_'
	}, id[:min(len(id), maxName)]))
}

// unstuff returns text with the first of two dots removed at the begin of lines (RFC 5321 §4.5.2).
func unstuff(text []byte) []byte {
	text = bytes.TrimPrefix(text, []byte("."))
	return bytes.ReplaceAll(text, []byte("\r\n."), []byte("\r\n"))
}
