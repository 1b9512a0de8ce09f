package edit

import (
	"bytes"
	"strings"
)

// white is what isspace(3) calls white space.
const white = " \t\r\n\v\f"

// block is one logical line with the comments in its midst, or one line that is none.
type block struct {
	// lines are physical lines with their newlines. remarks says which of them are comments or
	// blank; a block of nothing else is one remark.
	lines   [][]byte
	remarks []bool
}

// text returns what the logical line says, "" for a block that is a remark.
func (b *block) text() string {
	var s strings.Builder
	for i, l := range b.lines {
		if !b.remarks[i] {
			s.Write(bytes.TrimRight(l, "\r\n"))
		}
	}
	return s.String()
}

// blocks takes a configuration file apart. Remarks behind the last line of a logical one are blocks
// of their own.
func blocks(data []byte) []block {
	var all []block
	last := -1 // the logical line that may go on
	for line := range bytes.Lines(data) {
		first := bytes.TrimLeft(line, white)
		switch {
		case len(first) == 0 || first[0] == '#':
			all = append(all, block{[][]byte{line}, []bool{true}})
		case len(first) == len(line) || last < 0:
			all = append(all, block{[][]byte{line}, []bool{false}})
			last = len(all) - 1
		default: // the remarks since then are in its midst
			b := &all[last]
			for _, remark := range all[last+1:] {
				b.lines, b.remarks = append(b.lines, remark.lines[0]), append(b.remarks, true)
			}
			b.lines, b.remarks = append(b.lines, line), append(b.remarks, false)
			all = all[:last+1]
		}
	}
	return all
}

// replaced returns the block with other text in the place of what it says; its remarks follow. No
// text at all deletes it.
func (b *block) replaced(text string) []byte {
	out := []byte(text)
	for i, l := range b.lines {
		if b.remarks[i] {
			out = append(out, ended(l)...)
		}
	}
	return out
}

// commented returns the block with "#" before each line that is no remark.
func (b *block) commented() []byte {
	var out []byte
	for i, l := range b.lines {
		if !b.remarks[i] {
			out = append(out, '#')
		}
		out = append(out, l...)
	}
	return out
}

// whole returns the block as it is.
func (b *block) whole() []byte { return bytes.Join(b.lines, nil) }

// ended returns text with a newline at its end.
func ended(text []byte) []byte {
	if n := len(text); n > 0 && text[n-1] != '\n' {
		return append(text[:n:n], '\n')
	}
	return text
}
