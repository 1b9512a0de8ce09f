package tomlcf

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/knadh/koanf/parsers/toml/v2"
	"github.com/knadh/koanf/v2"
	gotoml "github.com/pelletier/go-toml/v2"

	"github.com/mtad/mtad/core/conf/maincf"
)

// Problem is something wrong with mtad.toml.
type Problem struct {
	File string
	Line int
	// Key is what it is about: a parameter, or "plugin NAME".
	Key  string
	Text string
}

// Error returns "FILE:LINE: what is wrong".
func (p *Problem) Error() string { return fmt.Sprintf("%s:%d: %s", p.File, p.Line, p.Text) }

// Parser reads mtad.toml for koanf: a map of names to strings, without nesting. The zero Parser
// is usable; it may be used from several goroutines if its functions may.
type Parser struct {
	// File is the name that problems give the text; Dir is what names of files are relative to.
	File, Dir string
	// OnSetting and OnPlugin, when not nil, are told of every parameter and plugin in order.
	OnSetting func(maincf.Setting)
	OnPlugin  func(Plugin)
	// OnProblem, when not nil, is told what is wrong, and Unmarshal returns what can be read.
	// Without it Unmarshal fails.
	OnProblem func(*Problem)
}

var _ koanf.Parser = Parser{}

// Unmarshal returns the parameters of an mtad.toml.
func (p Parser) Unmarshal(data []byte) (map[string]any, error) {
	r := reader{file: p.File, dir: p.Dir}
	r.read(data)
	if p.OnProblem == nil && len(r.problems) > 0 {
		all := make([]error, len(r.problems))
		for i, problem := range r.problems {
			all[i] = problem
		}
		return nil, errors.Join(all...)
	}
	for _, problem := range r.problems {
		p.OnProblem(problem)
	}
	values := make(map[string]any, len(r.settings))
	for _, s := range r.settings {
		if p.OnSetting != nil {
			p.OnSetting(s)
		}
		values[s.Name] = s.Value
	}
	for _, plugin := range r.plugins {
		if p.OnPlugin != nil {
			p.OnPlugin(plugin)
		}
	}
	return values, nil
}

// Marshal writes parameters as TOML.
func (p Parser) Marshal(values map[string]any) ([]byte, error) {
	return toml.Parser().Marshal(values)
}

// reader reads one text.
type reader struct {
	file, dir string
	where     places
	settings  []maincf.Setting
	plugins   []Plugin
	problems  []*Problem
}

func (r *reader) refuse(line int, key, format string, args ...any) {
	r.problems = append(r.problems, &Problem{r.file, line, key, fmt.Sprintf(format, args...)})
}

func (r *reader) read(data []byte) {
	tree, err := toml.Parser().Unmarshal(data)
	if err != nil {
		line := 1
		var decoding *gotoml.DecodeError
		if errors.As(err, &decoding) {
			line, _ = decoding.Position()
		}
		r.refuse(line, "", "not TOML: %v", err)
		return
	}
	r.where = locate(data)
	for name, v := range tree {
		switch v := v.(type) {
		case map[string]any:
			r.refuse(r.where.top[name], name, "unknown table [%s]: only [[plugin]] is one", name)
		case []any:
			if name == "plugin" {
				r.readPlugins(v)
				continue
			}
			r.setting(name, v)
		default:
			r.setting(name, v)
		}
	}
	r.sort()
}

// sort brings what came out of a map into the order of the file.
func (r *reader) sort() {
	slices.SortFunc(r.settings, func(a, b maincf.Setting) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Name, b.Name))
	})
	slices.SortStableFunc(r.problems, func(a, b *Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Text, b.Text))
	})
}

// setting reads one parameter.
func (r *reader) setting(name string, v any) {
	line := r.where.top[name]
	if name == "" || strings.ContainsAny(name, " \t\r\n=\x00") {
		r.refuse(line, name, "%q is not the name of a parameter", name)
		return
	}
	text, err := parameter(v)
	if err != nil {
		r.refuse(line, name, "%s: %v", name, err)
		return
	}
	r.settings = append(r.settings, maincf.Setting{Name: name, Value: text, Line: line})
}
