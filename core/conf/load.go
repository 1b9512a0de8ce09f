package conf

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/knadh/koanf/v2"

	"github.com/mtad/mtad/core/conf/maincf"
	"github.com/mtad/mtad/core/conf/mastercf"
	"github.com/mtad/mtad/core/conf/param"
	"github.com/mtad/mtad/core/conf/tomlcf"
)

// delimiter separates the parts of koanf's keys. No name of a parameter holds it, so that names
// with dots are names.
const delimiter = "\x00"

// Load reads the configuration in dir and fails if anything in it is wrong.
func Load(dir string, opts ...Option) (*Config, error) {
	c, err := Read(dir, opts...)
	if err != nil {
		return nil, err
	}
	if err := c.Validate(); err != nil {
		return nil, err
	}
	return c, nil
}

// Read reads the configuration in dir, good or bad: Check and Validate say which. Until they are
// content, a parameter with a bad value reads as its default.
func Read(dir string, opts ...Option) (*Config, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("conf.Read: %w", err)
	}
	b := builder{s: &snapshot{dir: abs, options: newOptions(opts), origins: map[string]Origin{}, replaced: map[string][]Origin{}},
		k: koanf.New(delimiter)}
	if err := b.build(); err != nil {
		return nil, fmt.Errorf("conf.Read: %w", err)
	}
	return b.s.view(nil), nil
}

// builder puts the layers together.
type builder struct {
	s *snapshot
	k *koanf.Koanf
}

func (b *builder) build() error {
	layers := []func() error{b.defaults, b.mainCF, b.tomlCF, b.environment, b.commandLine}
	if b.s.options.bare {
		layers = []func() error{b.defaults, b.environment, b.commandLine}
	}
	for _, load := range layers {
		if err := load(); err != nil {
			return err
		}
	}
	b.s.values = make(map[string]string, len(b.k.Keys()))
	for name, v := range b.k.All() {
		b.s.values[name], _ = v.(string)
	}
	return b.masterCF()
}

// defaults loads the default values that are not computed.
func (b *builder) defaults() error {
	layer := values{}
	for _, p := range param.All() {
		if !p.Computed {
			layer[p.Name] = p.Default
		}
	}
	return b.k.Load(layer, nil)
}

// file reads a file of the configuration directory; found is false when there is none.
func (b *builder) file(name string) (path string, data []byte, found bool, err error) {
	path = filepath.Join(b.s.dir, name)
	data, err = os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return path, nil, false, nil
	}
	return path, data, err == nil, err
}

// text is a koanf.Provider of a text.
type text []byte

// ReadBytes returns the text.
func (t text) ReadBytes() ([]byte, error) { return t, nil }

// Read is not used: koanf has a parser for the text.
func (t text) Read() (map[string]any, error) { return nil, errors.New("conf: a text needs a parser") }

// note remembers where a name was set.
func (b *builder) note(name string, origin Origin) {
	if old, ok := b.s.origins[name]; ok {
		b.s.replaced[name] = append(b.s.replaced[name], old)
	}
	b.s.origins[name] = origin
}

func (b *builder) problem(f Finding) { b.s.problems = append(b.s.problems, f) }

func (b *builder) mainCF() error {
	path, data, found, err := b.file("main.cf")
	if err != nil || !found {
		return err
	}
	b.s.hasMain = true
	return b.k.Load(text(data), maincf.Parser{File: path,
		OnSetting: func(s maincf.Setting) { b.note(s.Name, Origin{MainCF, path, s.Line}) },
		OnProblem: func(e *maincf.SyntaxError) {
			b.problem(Finding{Note: e.Problem, File: path, Line: e.Line, Bad: true})
		}})
}

func (b *builder) tomlCF() error {
	path, data, found, err := b.file("mtad.toml")
	if err != nil {
		return err
	}
	if !found {
		if !b.s.hasMain {
			return fmt.Errorf("%s has neither main.cf nor mtad.toml", b.s.dir)
		}
		return nil
	}
	return b.k.Load(text(data), tomlcf.Parser{File: path, Dir: b.s.dir,
		OnSetting: func(s maincf.Setting) { b.note(s.Name, Origin{TOML, path, s.Line}) },
		OnPlugin:  func(p tomlcf.Plugin) { b.s.plugins = append(b.s.plugins, p) },
		OnProblem: func(p *tomlcf.Problem) {
			b.problem(Finding{Parameter: p.Key, Note: p.Text, File: path, Line: p.Line, Bad: true})
		}})
}

// values is a koanf.Provider of names and values.
type values map[string]any

// ReadBytes is not used: koanf has no parser for values.
func (v values) ReadBytes() ([]byte, error) { return nil, errors.New("conf: values are no text") }

// Read returns the values.
func (v values) Read() (map[string]any, error) { return v, nil }

// environment takes MTAD_NAME=value. Case does not matter for names that are known.
func (b *builder) environment() error {
	known := map[string]string{}
	for _, p := range param.All() {
		known[strings.ToLower(p.Name)] = p.Name
	}
	layer := values{}
	for _, e := range b.s.options.environ {
		name, value, ok := strings.Cut(e, "=")
		if name, isOurs := strings.CutPrefix(name, "MTAD_"); ok && isOurs && name != "" {
			name = strings.ToLower(name)
			if proper, ok := known[name]; ok {
				name = proper
			}
			b.note(name, Origin{Environment, "environment", 0})
			layer[name] = strings.TrimSpace(value)
		}
	}
	return b.k.Load(layer, nil)
}

// commandLine takes name=value.
func (b *builder) commandLine() error {
	layer := values{}
	for _, o := range b.s.options.overrides {
		settings, problems := maincf.Parse("command line", []byte(strings.ReplaceAll(o, "\n", " ")))
		if len(problems) > 0 || len(settings) != 1 {
			b.problem(Finding{Note: fmt.Sprintf("-o %q: name=value expected", o), File: "command line", Bad: true})
			continue
		}
		b.note(settings[0].Name, Origin{CommandLine, "command line", 0})
		layer[settings[0].Name] = settings[0].Value
	}
	return b.k.Load(layer, nil)
}

// masterCF reads the services; without a master.cf they are Postfix's.
func (b *builder) masterCF() error {
	path, data, found, err := b.file("master.cf")
	if err != nil {
		return err
	}
	if !found || b.s.options.bare {
		b.s.entries = mastercf.Stock()
		b.s.services = slices.Clone(b.s.entries)
		return nil
	}
	early, err := b.s.view(nil).Expand("${{$compatibility_level} <level {1} ? {y}}")
	defaults := mastercf.Defaults{Chroot: err == nil && early == "y"}
	usable, problems := mastercf.Parse(path, data, defaults)
	services, warnings := mastercf.Unique(usable)
	defaults.AnyProgram = true // postconf shows them all
	entries, _ := mastercf.Parse(path, data, defaults)
	b.s.entries, b.s.services = entries, services
	for _, p := range append(problems, warnings...) {
		b.problem(Finding{Parameter: p.Service, Note: p.Text, File: p.File, Line: p.Line, Bad: !p.Warning, Warn: p.Warning})
	}
	return nil
}
