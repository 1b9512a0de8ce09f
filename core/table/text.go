package table

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/mtad/mtad/core/conf/lines"
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

func openText(name string) (Table, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxText+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxText {
		return nil, fmt.Errorf("larger than %d bytes", maxText)
	}
	return ParseText(name, data)
}

// ParseText reads a text table; file is for errors. Of a key that occurs twice the first counts,
// as with postmap.
func ParseText(file string, data []byte) (Table, error) {
	t := text{}
	for _, l := range lines.Read(data) {
		key, value, err := cutKey(l.Text)
		if err != nil || l.Indented {
			if err == nil {
				err = errors.New("begins with white space but continues no line")
			}
			return nil, fmt.Errorf("%s:%d: %w", file, l.Number(0), err)
		}
		key = strings.ToLower(key)
		if _, twice := t[key]; !twice {
			t[key] = value
		}
	}
	return t, nil
}

// cutKey takes the key off a line; a key in double quotes may have white space and escaped
// quotes.
func cutKey(line string) (key, value string, err error) {
	if !strings.HasPrefix(line, `"`) {
		i := strings.IndexAny(line, " \t")
		if i < 0 {
			return "", "", fmt.Errorf("key %q has no value", line)
		}
		return line[:i], strings.TrimSpace(line[i:]), nil
	}
	var b strings.Builder
	for i := 1; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\\' && i+1 < len(line):
			i++
			b.WriteByte(line[i])
		case c == '"':
			return b.String(), strings.TrimSpace(line[i+1:]), nil
		default:
			b.WriteByte(c)
		}
	}
	return "", "", fmt.Errorf("the quotes of %s do not close", line)
}

// openUnix opens passwd.byname or group.byname: the whole line, by name.
func openUnix(name string, o Options) (Table, error) {
	file, def := o.Passwd, "/etc/passwd"
	switch name {
	case "passwd.byname":
	case "group.byname":
		file, def = o.Group, "/etc/group"
	default:
		return nil, fmt.Errorf("unix:%s: want passwd.byname or group.byname", name)
	}
	if file == "" {
		file = def
	}
	return unixFile(file), nil
}

// unixFile is a file of lines "name:…", read at each lookup: accounts come and go.
type unixFile string

// Lookup returns the line of a name.
func (f unixFile) Lookup(_ context.Context, key string) (string, bool, error) {
	data, err := os.ReadFile(string(f))
	if err != nil {
		return "", false, err
	}
	for line := range strings.Lines(string(data)) {
		if name, _, ok := strings.Cut(line, ":"); ok && name == key {
			return strings.TrimRight(line, "\n"), true, nil
		}
	}
	return "", false, nil
}
