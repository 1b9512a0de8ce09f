package list

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/mtad/mtad/core/conf/lines"
)

// Bounds of one list: how deep files may name files, and how many elements it may have.
const (
	maxDepth = 20
	maxItems = 1 << 20
)

// separators stand between elements.
const separators = ", \t\r\n\v\f"

// Item is one element of a match list.
type Item struct {
	// Text is the element without the "!" before it.
	Text string
	// Not says that what the element matches is excluded.
	Not bool
	// File and Line say where the element stands; File is "" for the value of the parameter.
	File string
	Line int
}

// IsTable reports whether the element is a table, `type:name`; "[" begins an IPv6 address.
func (i Item) IsTable() bool {
	return !strings.HasPrefix(i.Text, "[") && strings.Contains(i.Text, ":")
}

// String returns the element as it was written.
func (i Item) String() string {
	if i.Not {
		return "!" + i.Text
	}
	return i.Text
}

// Split returns the elements of value. What stands in braces is one element, braces included;
// braces that do not close reach to the end.
func Split(value string) []string {
	var elements []string
	for {
		value = strings.TrimLeft(value, separators)
		if value == "" {
			return elements
		}
		n := elementLength(value)
		elements = append(elements, value[:n])
		value = value[n:]
	}
}

// elementLength returns the length of the element that s begins with.
func elementLength(s string) int {
	level := 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '{':
			level++
		case c == '}':
			level = max(0, level-1)
		case level == 0 && strings.IndexByte(separators, c) >= 0:
			return i
		}
	}
	return len(s)
}

// Payload returns what the braces around s hold, without the white space at both ends; ok is
// false when s is not one pair of braces with its content.
func Payload(s string) (text string, ok bool) {
	if s == "" || s[0] != '{' || closing(s) != len(s)-1 {
		return s, false
	}
	return strings.Trim(s[1:len(s)-1], " \t\r\n\v\f"), true
}

// closing returns the index of the brace that closes the one s begins with, or -1.
func closing(s string) int {
	level := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '{':
			level++
		case '}':
			if level--; level == 0 {
				return i
			}
		}
	}
	return -1
}

// Closed reports whether every brace that opens in s is closed.
func Closed(s string) bool {
	level := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '{':
			level++
		case '}':
			level = max(0, level-1)
		}
	}
	return level == 0
}

// ReadFile returns the content of a file.
type ReadFile func(path string) ([]byte, error)

// Absent begins the element that stands for a file that is not there: a table of which all lookups
// fail, as Postfix has it.
const Absent = "fail:"

// Items returns the elements of a match list, with those of the files it names. A file that is not there is
// Absent.
func Items(value string, read ReadFile) ([]Item, error) {
	r := reader{read: read}
	err := r.add(value, Item{}, 0)
	return r.items, err
}

type reader struct {
	read  ReadFile
	items []Item
}

// add appends the elements of value. at carries where they stand and whether they are excluded.
func (r *reader) add(value string, at Item, depth int) error {
	for _, element := range Split(value) {
		item := at
		item.Text = strings.TrimLeft(element, "!")
		if (len(element)-len(item.Text))%2 == 1 {
			item.Not = !at.Not
		}
		switch {
		case item.Text == "":
			return where(at, fmt.Errorf("no pattern after %q", element))
		case !Closed(item.Text):
			return where(at, fmt.Errorf("the braces of %q do not close", item.Text))
		case item.Text[0] != '/':
			r.items = append(r.items, item)
			continue
		case len(r.items) > maxItems:
			return where(at, fmt.Errorf("the list has more than %d elements", maxItems))
		}
		if err := r.file(item, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// file appends the elements of the file that item names.
func (r *reader) file(item Item, depth int) error {
	if depth > maxDepth {
		return where(item, fmt.Errorf("files name files more than %d levels deep", maxDepth))
	}
	data, err := r.read(item.Text)
	if errors.Is(err, fs.ErrNotExist) {
		item.Text = Absent + item.Text
		r.items = append(r.items, item)
		return nil
	}
	if err != nil {
		return where(item, err)
	}
	for _, l := range lines.Read(data) {
		at := Item{Not: item.Not, File: item.Text, Line: l.Number(0)}
		if err := r.add(l.Text, at, depth); err != nil {
			return err
		}
	}
	return nil
}

// where adds the place of item to err.
func where(item Item, err error) error {
	if item.File == "" {
		return err
	}
	return fmt.Errorf("%s:%d: %w", item.File, item.Line, err)
}
