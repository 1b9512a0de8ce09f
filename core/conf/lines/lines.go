package lines

import (
	"bytes"
	"sort"
	"strings"
)

// Line is one logical line.
type Line struct {
	// Text is the line's physical lines one after the other, without their newlines; the
	// leading white space of continuation lines is kept.
	Text string
	// Indented says that the line began with white space although no line stands before it
	// that it could continue.
	Indented bool

	parts []part
}

// part says that the text from offset on stands on physical line number.
type part struct{ offset, number int }

// Number returns the number, from 1, of the physical line on which the text at offset stands.
func (l *Line) Number(offset int) int {
	i := sort.Search(len(l.parts), func(i int) bool { return l.parts[i].offset > offset })
	if i == 0 {
		return 1
	}
	return l.parts[i-1].number
}

// Read returns the logical lines of data in order. The lines do not share memory with data.
func Read(data []byte) []Line {
	var (
		all     []Line
		current *Line
		text    strings.Builder
	)
	flush := func() {
		if current != nil {
			current.Text = text.String()
			text.Reset()
		}
	}
	for number := 1; len(data) > 0; number++ {
		var line []byte
		line, data = cut(data)
		if blank(line) {
			continue
		}
		if current == nil || !isSpace(line[0]) {
			flush()
			all = append(all, Line{Indented: isSpace(line[0])})
			current = &all[len(all)-1]
		}
		current.parts = append(current.parts, part{text.Len(), number})
		text.Write(line)
	}
	flush()
	return all
}

// cut takes the first physical line off data, without its newline.
func cut(data []byte) (line, rest []byte) {
	if i := bytes.IndexByte(data, '\n'); i >= 0 {
		return data[:i], data[i+1:]
	}
	return data, nil
}

// blank reports whether line says nothing: only white space, or a comment.
func blank(line []byte) bool {
	for _, c := range line {
		if !isSpace(c) {
			return c == '#'
		}
	}
	return true
}

// isSpace is C's isspace in the POSIX locale, which is what Postfix asks.
func isSpace(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }
