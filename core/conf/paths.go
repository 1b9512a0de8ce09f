package conf

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// Paths returns the absolute paths of files that the values of the configuration name, wherever in
// a value they stand ("type:/path", "argv=/path"), sorted, each once; not those of the parameters
// in except. The defaults are among them. It is for one who has to be able to read them.
func (c *Config) Paths(except ...string) []string {
	found := map[string]bool{}
	look := func(text string) {
		for _, word := range strings.FieldsFunc(text, separatesPaths) {
			if at := strings.IndexByte(word, '/'); at == 0 || at > 0 && strings.IndexByte(":=!", word[at-1]) >= 0 {
				found[filepath.Clean(word[at:])] = true
			}
		}
	}
	for name, raw := range c.values {
		if slices.Contains(except, name) {
			continue
		}
		if v, err := c.Expand(raw); err == nil {
			look(v)
		}
	}
	for _, s := range c.services {
		for _, o := range s.Overrides {
			if v, err := c.For(s).Expand(o.Value); err == nil && !slices.Contains(except, o.Name) {
				look(v)
			}
		}
		for _, arg := range s.Args {
			look(arg)
		}
	}
	for _, p := range c.plugins {
		look(p.Wasm)
		for _, word := range p.Process {
			look(word)
		}
		for _, v := range p.Config {
			look(v)
		}
	}
	delete(found, "/")
	return slices.Sorted(maps.Keys(found))
}

func separatesPaths(r rune) bool { return strings.ContainsRune(" \t\r\n,{}()\"'", r) }
