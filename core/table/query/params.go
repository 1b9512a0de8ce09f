package query

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/mtad/mtad/core/conf/lines"
)

// Params are the parameters of one table.
type Params struct {
	name string
	get  func(string) (string, bool)
	used map[string]bool
	all  map[string]string
}

// Load reads the parameters of the table of that name: a file, or a prefix of parameters that
// parameter (may be nil) looks up.
func Load(name string, parameter func(string) (string, bool)) (*Params, error) {
	p := &Params{name: name, used: map[string]bool{}}
	if strings.HasPrefix(name, "/") || strings.HasPrefix(name, ".") {
		data, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		if p.all, err = Parse(name, data); err != nil {
			return nil, err
		}
		p.get = func(key string) (string, bool) { v, ok := p.all[key]; return v, ok }
		return p, nil
	}
	if parameter == nil {
		return nil, fmt.Errorf("%s: want the full path of a configuration file", name)
	}
	p.get = func(key string) (string, bool) { return parameter(name + "_" + key) }
	return p, nil
}

// Parse reads a configuration file; file is for errors. Of a name that occurs twice the last
// counts.
func Parse(file string, data []byte) (map[string]string, error) {
	all := map[string]string{}
	for _, l := range lines.Read(data) {
		name, value, ok := strings.Cut(l.Text, "=")
		if name = strings.TrimSpace(name); !ok || name == "" || l.Indented {
			return nil, fmt.Errorf("%s:%d: want name = value", file, l.Number(0))
		}
		all[name] = strings.TrimSpace(value)
	}
	return all, nil
}

// Has reports whether a parameter is set to something.
func (p *Params) Has(name string) bool { return p.String(name, "") != "" }

// String returns a parameter, or def when it is not set.
func (p *Params) String(name, def string) string {
	p.used[name] = true
	if v, ok := p.get(name); ok {
		return v
	}
	return def
}

// Int returns a number of at least 0.
func (p *Params) Int(name string, def int) (int, error) {
	s := p.String(name, strconv.Itoa(def))
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%s: %s = %s: want a number", p.name, name, s)
	}
	return n, nil
}

// Bool returns a yes or no.
func (p *Params) Bool(name string, def bool) (bool, error) {
	switch s := strings.ToLower(p.String(name, "")); s {
	case "yes", "true":
		return true, nil
	case "no", "false":
		return false, nil
	case "":
		return def, nil
	default:
		return false, fmt.Errorf("%s: %s = %s: want yes or no", p.name, name, s)
	}
}

// Seconds returns a time given in seconds, with an optional unit s, m or h.
func (p *Params) Seconds(name string, def time.Duration) (time.Duration, error) {
	s := p.String(name, "")
	if s == "" {
		return def, nil
	}
	number, unit := strings.TrimRight(s, "smh"), time.Second
	switch strings.TrimPrefix(s, number) {
	case "m":
		unit = time.Minute
	case "h":
		unit = time.Hour
	}
	n, err := strconv.Atoi(number)
	if err != nil || n <= 0 || n > 86400 {
		return 0, fmt.Errorf("%s: %s = %s: want a number of seconds", p.name, name, s)
	}
	return time.Duration(n) * unit, nil
}

// List returns the words of a parameter.
func (p *Params) List(name, def string) []string {
	return strings.FieldsFunc(p.String(name, def), func(r rune) bool { return strings.ContainsRune(", \t\r\n", r) })
}

// Unused returns the names in the file that nobody asked for: misspelt, or of no effect here.
func (p *Params) Unused() []string {
	var names []string
	for name := range p.all {
		if !p.used[name] {
			names = append(names, name)
		}
	}
	return names
}
