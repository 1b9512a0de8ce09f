package table

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/mtad/mtad/core/table/source"
)

// maxText is the most bytes of a text table that is held in memory.
const maxText = 1 << 30

// text is a table in memory, keys folded to lower case.
type text map[string]string

// Lookup finds key in any case.
func (t text) Lookup(_ context.Context, key string) (string, bool, error) {
	v, ok := t[strings.ToLower(key)]
	return v, ok, nil
}

// openTexthash reads a text once: changes need a reload (DATABASE_README).
func openTexthash(name string, o Options) (Table, error) { return o.readText(name) }

// readText reads a text table into memory.
func (o Options) readText(name string) (text, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Size() > maxText {
		return nil, fmt.Errorf("%s: larger than %d bytes", name, maxText)
	}
	return o.parseText(name, f)
}

// parseText reads a text table. Of a key that occurs twice the first counts, as with postmap.
func (o Options) parseText(name string, r io.Reader) (text, error) {
	t := text{}
	var first error
	problem := func(line int, what string) {
		what = fmt.Sprintf("%s:%d: %s", name, line, what)
		if o.Warn != nil {
			o.Warn(what)
		} else if first == nil {
			first = fmt.Errorf("%s", what)
		}
	}
	rd := source.Reader{
		Entry: func(e source.Entry) error {
			key := strings.ToLower(e.Key)
			if _, twice := t[key]; twice {
				if o.Warn != nil {
					problem(e.Line, fmt.Sprintf("duplicate entry: %q", e.Key))
				}
				return nil
			}
			t[key] = e.Value
			return nil
		},
		Problem: func(p source.Problem) { problem(p.Line, p.Text+" -- ignoring this line") },
	}
	if o.Aliases {
		rd.Format = source.Aliases
	}
	if err := rd.Read(r); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if first != nil {
		return nil, first
	}
	return t, nil
}

// ParseText reads a text table in postmap's form; file is for errors. Any line that is no entry is
// an error.
func ParseText(file string, data []byte) (Table, error) {
	t, err := Options{}.parseText(file, bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	return t, nil
}
