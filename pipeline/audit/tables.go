package audit

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/mtad/mtad/core/conf"
	"github.com/mtad/mtad/core/conf/list"
	"github.com/mtad/mtad/core/conf/param"
	"github.com/mtad/mtad/core/table"
	"github.com/mtad/mtad/core/table/source"
	"github.com/mtad/mtad/pipeline/access"
)

// maxEntries bounds how many entries of a text table are looked at.
const maxEntries = 1_000_000

// tables opens each table that the value names.
func (v *value) tables() {
	if v.p.Name == "address_verify_map" {
		return // mtad makes it, and opens it its own way
	}
	for _, spec := range v.specs() {
		kind, _ := table.Split(spec, v.c.String("default_database_type"))
		switch kind {
		case "plugin", "wasm", "process", "internal":
			continue // a plugin is looked at as one
		}
		if file, ok := strings.CutPrefix(spec, list.Absent); ok && filepath.IsAbs(file) && v.c.IsSet(v.p.Name) {
			v.warn(fmt.Sprintf("open %s: %v; what asks it is deferred", file, fs.ErrNotExist))
		}
		if !v.c.IsSet(v.p.Name) && (missing(spec) || v.a.elsewhere(spec)) {
			continue // many systems have no aliases; what stands in for another value is reported there
		}
		warnings, err := table.Check(spec, v.options(spec))
		for _, w := range warnings {
			v.report(located(spec, w))
		}
		if err != nil {
			v.report(located(spec, err.Error()+"; what asks it is deferred"))
			continue
		}
		v.entries(spec)
	}
}

// specs returns the tables that the value names.
func (v *value) specs() []string {
	var specs []string
	switch v.p.Type {
	case param.Maps:
		specs = v.c.List(v.p.Name)
	case param.Match, param.Domains, param.Networks:
		for _, item := range v.c.Items(v.p.Name) {
			if item.IsTable() {
				specs = append(specs, item.Text)
			}
		}
	case param.Restrictions:
		compiler := v.compiler(func(spec string) (access.Table, error) {
			specs = append(specs, spec)
			return nil, nil
		})
		compiler.Compile(v.p.Name, v.c.List(v.p.Name))
	}
	return specs
}

// missing reports whether the file of a table is not there.
func missing(spec string) bool {
	_, name := table.Split(spec, "")
	_, err := os.Stat(name)
	return errors.Is(err, os.ErrNotExist)
}

// elsewhere reports whether a parameter that is set names a table.
func (a *auditor) elsewhere(spec string) bool {
	if a.named == nil {
		a.named = map[string]bool{}
		for _, p := range param.All() {
			if !p.IsList() || !a.c.IsSet(p.Name) || p.Type == param.Restrictions {
				continue
			}
			for _, s := range (&value{a: a, c: a.c, p: p}).specs() {
				a.named[s] = true
			}
		}
	}
	return a.named[spec]
}

// options are those with which the daemon opens tables.
func (v *value) options(spec string) table.Options {
	o := table.Options{
		Default: v.c.String("default_database_type"), ProxyReadMaps: v.c.List("proxy_read_maps"),
		Aliases: slices.Contains(v.c.List("alias_maps"), spec),
		Parameter: func(name string) (string, bool) {
			raw, _, set := v.c.Lookup(name)
			if !set {
				return "", false
			}
			text, err := v.c.Expand(raw)
			return text, err == nil
		},
	}
	switch v.p.Name {
	case "alias_maps", "transport_maps", "virtual_mailbox_maps", "virtual_uid_maps", "virtual_gid_maps":
		o.NoSubstitution = true
	}
	return o
}

var place = regexp.MustCompile(`(?s)^(?:table \S+: )?(/[^:\n]+):(\d+): (.*)`)

// located makes a finding of a text that may begin with "FILE:LINE: ".
func located(spec, text string) conf.Finding {
	f := conf.Finding{Value: spec, Note: text}
	if m := place.FindStringSubmatch(text); m != nil {
		f.File, f.Note = m[1], m[3]
		f.Line, _ = strconv.Atoi(m[2])
	}
	if !strings.Contains(f.Note, spec) {
		f.Note = spec + ": " + f.Note
	}
	return f
}

// Patterns of keys that belong into a table of another type.
var (
	ruleLike    = regexp.MustCompile(`^!?(/.*[\^$\\*+(\[].*|/.*/[a-zA-Z]*)$`)
	networkLike = regexp.MustCompile(`^\[?[0-9a-fA-F.:]+\]?/\d+$`)
	nameLike    = regexp.MustCompile(`^[a-zA-Z0-9_-]*[a-zA-Z][a-zA-Z0-9_-]*(\.[a-zA-Z0-9_-]+)+$`)
)

// entries looks for keys that a table of fixed strings never finds.
func (v *value) entries(spec string) {
	kind, name := table.Split(strings.TrimPrefix(spec, "proxy:"), v.c.String("default_database_type"))
	if !table.Indexed(kind) && kind != "texthash" {
		return
	}
	said := map[string]bool{}
	say := func(line int, what, note string) {
		if !said[what] {
			said[what] = true
			v.report(conf.Finding{Value: spec, File: name, Line: line, Note: spec + ": " + note})
		}
	}
	readEntries(name, v.options(spec).Aliases, func(e source.Entry) {
		switch {
		case ruleLike.MatchString(e.Key):
			say(e.Line, "rule", fmt.Sprintf("the key %s is a regular expression, which %s: does not know; use regexp: or pcre:", e.Key, kind))
		case networkLike.MatchString(e.Key) && (v.p.Type == param.Networks || v.p.Type == param.Restrictions):
			say(e.Line, "network", fmt.Sprintf("the key %s is a network, which is never looked up; use cidr:", e.Key))
		case v.p.Name == "mynetworks" && nameLike.MatchString(e.Key) && !networkLike.MatchString(e.Key):
			say(e.Line, "name", fmt.Sprintf("the key %s is a name: whoever makes the DNS call an address so may relay; list addresses", e.Key))
		}
	})
}

// readEntries reads the text of a table, if there is one.
func readEntries(name string, aliases bool, entry func(source.Entry)) {
	f, err := os.Open(name)
	if err != nil {
		return // an index or a database without its text
	}
	defer f.Close()
	count := 0
	r := source.Reader{
		Entry: func(e source.Entry) error {
			if count++; count > maxEntries {
				return io.EOF
			}
			entry(e)
			return nil
		},
		Problem: func(source.Problem) {}, // table.Check tells of them
	}
	if aliases {
		r.Format = source.Aliases
	}
	_ = r.Read(f) // what cannot be read, table.Check tells
}

// words returns the elements of a parameter that are no tables, and the keys of its text tables.
func words(c *conf.Config, name string) map[string]origin {
	all := map[string]origin{}
	_, where, _ := c.Lookup(name)
	add := func(word string, o origin) {
		if word = strings.ToLower(word); word != "" {
			if _, there := all[word]; !there {
				all[word] = o
			}
		}
	}
	for _, item := range c.Items(name) {
		o := origin{where.File, where.Line}
		if item.File != "" {
			o = origin{item.File, item.Line}
		}
		if item.Not {
			continue
		}
		if !item.IsTable() {
			add(item.Text, o)
			continue
		}
		keysOf(c, item.Text, add)
	}
	return all
}

// origin is a place in a file.
type origin struct {
	file string
	line int
}

// keysOf tells the keys of a table that is a text or stands in the configuration itself.
func keysOf(c *conf.Config, spec string, tell func(string, origin)) {
	kind, name := table.Split(strings.TrimPrefix(spec, "proxy:"), c.String("default_database_type"))
	switch {
	case table.Indexed(kind) || kind == "texthash":
		readEntries(name, false, func(e source.Entry) { tell(e.Key, origin{name, e.Line}) })
	case kind == "inline":
		text, _ := list.Payload(name)
		for _, entry := range list.Split(text) {
			entry, _ = list.Payload(entry)
			key, _, _ := strings.Cut(entry, "=")
			tell(strings.TrimSpace(key), origin{})
		}
	}
}

// readPairs reads the keys and values of a text table.
func readPairs(name string, to map[string]string) {
	readEntries(name, false, func(e source.Entry) { to[strings.ToLower(e.Key)] = e.Value })
}
