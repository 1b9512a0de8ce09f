package param

import (
	"cmp"
	"embed"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/mtad/mtad/core/conf/value"
)

//go:embed data/*.tsv
var data embed.FS

// registry is the content of data, read on first use.
type registry struct {
	sorted []*Param
	byName map[string]*Param
	titles map[string]string
}

var known = sync.OnceValue(func() *registry {
	r, err := load(data)
	if err != nil {
		panic(err) // the data are part of the program; the tests read them
	}
	return r
})

// All returns every parameter in the order of names. The caller must not change them.
func All() []*Param { return known().sorted }

// Find finds a parameter by its name, in which case matters.
func Find(name string) (*Param, bool) {
	p, ok := known().byName[name]
	return p, ok
}

// Title returns the headline of an area.
func Title(area string) string { return known().titles[area] }

// EffectiveNames returns the names of the parameters that have an effect, in order. Each must be
// read somewhere, by its name or through the default value of another.
func EffectiveNames() []string {
	var names []string
	for _, p := range All() {
		if p.Effect == Effective {
			names = append(names, p.Name)
		}
	}
	return names
}

// load reads the files data/*.tsv of files.
func load(files fs.FS) (*registry, error) {
	r := &registry{byName: map[string]*Param{}, titles: map[string]string{}}
	names, err := fs.Glob(files, "data/*.tsv")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		area := strings.TrimSuffix(strings.TrimPrefix(name, "data/"), ".tsv")
		if err := r.area(area, string(text)); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	slices.SortFunc(r.sorted, func(a, b *Param) int { return cmp.Compare(a.Name, b.Name) })
	return r, nil
}

// area reads one file.
func (r *registry) area(area, text string) error {
	byDefault := map[Effect]string{}
	for number, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		key, rest, _ := strings.Cut(line, "\t")
		switch {
		case key == "#default-accepted":
			byDefault[Accepted] = rest
		case key == "#default-unsupported":
			byDefault[Unsupported] = rest
		case strings.HasPrefix(key, "#"):
			r.titles[area] = strings.TrimSpace(key[1:])
		default:
			p, err := parseRow(line, byDefault)
			if err == nil && r.byName[p.Name] != nil {
				err = fmt.Errorf("%s stands in %s.tsv too", p.Name, r.byName[p.Name].Area)
			}
			if err != nil {
				return fmt.Errorf("line %d: %w", number+1, err)
			}
			p.Area = area
			r.byName[p.Name] = p
			r.sorted = append(r.sorted, p)
		}
	}
	return nil
}

// parseRow reads one row.
func parseRow(line string, byDefault map[Effect]string) (*Param, error) {
	columns := strings.Split(line, "\t")
	if len(columns) == 4 {
		columns = append(columns, "")
	}
	if len(columns) != 5 {
		return nil, fmt.Errorf("%d columns, want name, type, default, effect, text", len(columns))
	}
	p := &Param{Name: columns[0], Default: columns[2], Effect: Effect(columns[3]), Text: columns[4]}
	p.Name, p.Old = strings.CutPrefix(p.Name, "~")
	p.Default, p.Computed = strings.CutPrefix(p.Default, "@")
	if p.Effect != Effective && p.Effect != Accepted && p.Effect != Unsupported {
		return nil, fmt.Errorf("%s: effect %q", p.Name, p.Effect)
	}
	if p.Text == "" {
		p.Text = byDefault[p.Effect]
	}
	if p.Text == "" {
		return nil, fmt.Errorf("%s: no text", p.Name)
	}
	return p, p.parseType(columns[1])
}

// parseType reads "word", "word(values)" or "word low..high".
func (p *Param) parseType(s string) error {
	s, bounds, bounded := strings.Cut(s, " ")
	if name, values, ok := strings.Cut(strings.TrimSuffix(s, ")"), "("); ok {
		s = name
		for _, v := range strings.Split(values, ",") {
			v, notBuilt := strings.CutPrefix(v, "!")
			p.Values = append(p.Values, v)
			if notBuilt {
				p.NotBuilt = append(p.NotBuilt, v)
			}
		}
	}
	p.Type = Type(s)
	switch p.Type {
	case Int, Size, Time:
		p.Range = value.AtLeast(0)
	case Code:
		p.Range = value.Range{Min: 200, Max: 599}
	case String, Raw, Hostname, Bool, Enum, List, Match, Networks, Domains, Maps, Restrictions, Path:
	default:
		return fmt.Errorf("%s: type %q", p.Name, s)
	}
	if bounded {
		return p.parseRange(bounds)
	}
	return nil
}

func (p *Param) parseRange(bounds string) (err error) {
	low, high, ok := strings.Cut(bounds, "..")
	if p.Range.Min, err = strconv.ParseInt(low, 10, 64); !ok || err != nil {
		return fmt.Errorf("%s: range %q", p.Name, bounds)
	}
	if high != "" {
		if p.Range.Max, err = strconv.ParseInt(high, 10, 64); err != nil {
			return fmt.Errorf("%s: range %q", p.Name, bounds)
		}
	}
	return nil
}
