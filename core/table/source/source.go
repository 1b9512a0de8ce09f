package source

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Format is the form of the entries.
type Format int

const (
	// Map is the form of postmap(1).
	Map Format = iota
	// Aliases is the form of aliases(5).
	Aliases
)

// maxLine bounds one logical line, in bytes.
const maxLine = 1 << 20

// Entry is one key and its value, and the line (from 1) on which it begins.
type Entry struct {
	Key, Value string
	Line       int
}

// Problem is a line that is no entry.
type Problem struct {
	Line int
	Text string
}

// Reader has what Read calls.
type Reader struct {
	Format Format
	// Entry is called for each entry; its error ends Read.
	Entry func(Entry) error
	// Problem is called for each line that is left out; nil to leave them out silently.
	Problem func(Problem)
}

// Read reads a text to its end.
func (rd Reader) Read(r io.Reader) error {
	in := bufio.NewReaderSize(r, 64<<10)
	var logical strings.Builder
	start, indented := 0, false
	flush := func() error {
		text := logical.String()
		logical.Reset()
		if start == 0 {
			return nil
		}
		return rd.line(text, start, indented)
	}
	for number := 1; ; number++ {
		line, err := readLine(in)
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("line %d: %w", number, err)
		}
		switch {
		case blank(line):
		case start > 0 && isSpace(line[0]):
			logical.WriteString(line)
		default:
			if e := flush(); e != nil {
				return e
			}
			start, indented = number, isSpace(line[0])
			logical.WriteString(line)
		}
		if logical.Len() > maxLine {
			return fmt.Errorf("line %d: longer than %d bytes", start, maxLine)
		}
		if err != nil {
			return flush()
		}
	}
}

// readLine reads a physical line without its newline; at the end also io.EOF.
func readLine(in *bufio.Reader) (string, error) {
	var long []byte
	for {
		part, err := in.ReadSlice('\n')
		if err == nil || errors.Is(err, io.EOF) {
			if long != nil {
				part = append(long, part...)
			}
			return strings.TrimSuffix(string(part), "\n"), err
		}
		if long = append(long, part...); !errors.Is(err, bufio.ErrBufferFull) || len(long) > maxLine {
			return "", fmt.Errorf("longer than %d bytes: %w", maxLine, err)
		}
	}
}

func blank(line string) bool {
	for i := 0; i < len(line); i++ {
		if !isSpace(line[i]) {
			return line[i] == '#'
		}
	}
	return true
}

// isSpace is C's isspace in the POSIX locale.
func isSpace(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }

// line handles one logical line.
func (rd Reader) line(text string, number int, indented bool) error {
	if indented {
		rd.problem(number, "logical line must not start with whitespace: "+quoted(text))
		return nil
	}
	cut := cutKey
	if rd.Format == Aliases {
		cut = cutName
	}
	key, value, problem := cut(text)
	if problem != "" {
		rd.problem(number, problem)
		return nil
	}
	return rd.Entry(Entry{key, value, number})
}

func (rd Reader) problem(line int, text string) {
	if rd.Problem != nil {
		rd.Problem(Problem{line, text})
	}
}

// quoted shows the beginning of a text.
func quoted(s string) string {
	if len(s) > 30 {
		s = s[:30]
	}
	return fmt.Sprintf("%q", s)
}

const wantMap = "expected format: key whitespace value"

// cutKey takes an entry of postmap's form apart: the key ends at the first white space outside
// double quotes. Quotes and backslashes stay: `"foo bar"@example.com` is a key as it is looked up.
func cutKey(line string) (key, value, problem string) {
	quotes, end := false, -1
	for i := 0; i < len(line) && end < 0; i++ {
		switch c := line[i]; {
		case c == '\\':
			i++
		case c == '"':
			quotes = !quotes
		case !quotes && isSpace(c):
			end = i
		}
	}
	switch {
	case quotes:
		return "", "", "unbalanced '\"' in " + quoted(line)
	case end < 0:
		return "", "", wantMap
	}
	if value = strings.Trim(line[end:], " \t\r\n\v\f"); value == "" {
		return "", "", wantMap
	}
	return line[:end], value, ""
}
