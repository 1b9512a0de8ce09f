package maincf

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/knadh/koanf/v2"
)

// Parser reads and writes main.cf for koanf: a map of names to strings, without nesting. The zero
// Parser is usable; it may be used from several goroutines if its functions may.
type Parser struct {
	// File is the name that errors give the text.
	File string
	// OnSetting, when not nil, is told every setting in order, also those that later ones
	// replace.
	OnSetting func(Setting)
	// OnProblem, when not nil, is told what is wrong, and Unmarshal returns what can be read.
	// Without it Unmarshal fails.
	OnProblem func(*SyntaxError)
}

var _ koanf.Parser = Parser{}

// Unmarshal returns the settings of a main.cf; of a name that is set twice, the last value.
func (p Parser) Unmarshal(data []byte) (map[string]any, error) {
	settings, problems := Parse(p.File, data)
	var all []error
	for _, problem := range problems {
		if p.OnProblem != nil {
			p.OnProblem(problem)
		} else {
			all = append(all, problem)
		}
	}
	if len(all) > 0 {
		return nil, errors.Join(all...)
	}
	values := make(map[string]any, len(settings))
	for _, s := range settings {
		if p.OnSetting != nil {
			p.OnSetting(s)
		}
		values[s.Name] = s.Value
	}
	return values, nil
}

// Marshal writes a main.cf with the names in order. It fails for a name or a value that main.cf
// cannot hold: a name with white space, "=" or a leading "#", a value with a newline or null.
func (p Parser) Marshal(values map[string]any) ([]byte, error) {
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	slices.Sort(names)
	var b bytes.Buffer
	for _, name := range names {
		value := fmt.Sprint(values[name])
		if name == "" || strings.ContainsAny(name, white+"=\x00") || name[0] == '#' || strings.ContainsAny(value, "\n\x00") {
			return nil, fmt.Errorf("main.cf cannot hold %q = %q", name, value)
		}
		fmt.Fprintf(&b, "%s = %s\n", name, value)
	}
	return b.Bytes(), nil
}
