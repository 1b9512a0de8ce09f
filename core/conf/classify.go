package conf

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mtad/mtad/core/conf/expand"
	"github.com/mtad/mtad/core/conf/list"
	"github.com/mtad/mtad/core/conf/mastercf"
	"github.com/mtad/mtad/core/conf/param"
)

// checker knows what Check needs to know of the whole configuration.
type checker struct {
	whole *Config
	// transports are the programs of the services that deliver mail or run commands with a
	// time limit.
	transports map[string]mastercf.Program
	// classes are the names in smtpd_restriction_classes, macros the names that values refer
	// to with the name of one that does, tables the prefixes of the parameters of tables that
	// are configured in main.cf.
	classes map[string]bool
	macros  map[string]string
	tables  map[string]string
	// spoilt are the names whose settings are bad.
	spoilt map[string]bool
}

func newChecker(c *Config) *checker {
	k := &checker{whole: c, transports: map[string]mastercf.Program{}, classes: map[string]bool{}, macros: map[string]string{}, tables: map[string]string{}, spoilt: map[string]bool{}}
	for _, s := range c.services {
		if p, _ := mastercf.ProgramNamed(s.Program); p.Transport || s.Program == "spawn" {
			k.transports[s.Name] = p
		}
	}
	for name := range c.origins {
		k.refers(name, c.values[name])
	}
	for _, s := range c.services {
		for _, o := range s.Overrides {
			k.refers(o.Name, o.Value)
		}
		if value, ok := s.Override("smtpd_restriction_classes"); ok {
			k.addClasses(value)
		}
	}
	k.addClasses(c.String("smtpd_restriction_classes"))
	return k
}

func (k *checker) addClasses(value string) {
	for _, class := range list.Split(value) {
		k.classes[class] = true
	}
}

// refers notes what the value of name refers to: macros, and tables whose parameters stand in
// main.cf (`ldap:NAME`, with NAME_server_host and so on; ldap_table(5)).
func (k *checker) refers(name, value string) {
	for _, macro := range expand.References(value) {
		if first, ok := k.macros[macro]; !ok || name < first {
			k.macros[macro] = name
		}
	}
	for _, word := range list.Split(value) {
		word = strings.TrimPrefix(strings.TrimLeft(word, "!"), "proxy:")
		kind, source, _ := strings.Cut(word, ":")
		switch kind {
		case "ldap", "mysql", "pgsql", "sqlite", "redis", "memcache", "mongodb":
			if source != "" && !strings.ContainsAny(source[:1], "/.{") {
				k.tables[source+"_"] = word
			}
		}
	}
}

// classify says what mtad does with a name that is set, and returns the parameter that says what
// its value must be, nil if nothing does.
func (k *checker) classify(f *Finding, name string) *param.Param {
	if p, ok := param.Find(name); ok {
		f.Status, f.Note = Status(p.Effect), p.Text
		return p
	}
	if transport, p, ok := param.SplitTransport(name); ok && k.transports[transport].Name != "" {
		f.Status, f.Note = Status(p.Effect), fmt.Sprintf("%s of the transport %s: %s", p.Name, transport, p.Text)
		if program := k.transports[transport]; program.Effect == param.Unsupported {
			f.Status, f.Note = StatusUnsupported, fmt.Sprintf("of the transport %s, whose program %s is not built: %s", transport, program.Name, program.Note)
		}
		return p
	}
	classes, _ := param.Find("smtpd_restriction_classes")
	switch {
	case k.classes[name]:
		f.Status, f.Note = Status(classes.Effect), "a restriction class"
		if classes.Effect != param.Effective {
			f.Note += ": " + classes.Text
		}
		return nil
	case k.macros[name] != "":
		f.Status, f.Note = StatusEffective, "used by "+k.macros[name]
		return nil
	}
	for prefix, table := range k.tables {
		if strings.HasPrefix(name, prefix) {
			f.Status, f.Note = StatusEffective, "a setting of the table "+table
			if kind, _, _ := strings.Cut(table, ":"); kind == "memcache" || kind == "mongodb" {
				f.Status, f.Note = StatusUnsupported, f.Note+", whose type is not built"
			}
			return nil
		}
	}
	f.Status, f.Note = StatusUnknown, k.unknown(name)
	return nil
}

// unknown says what may be meant by a name that nobody knows.
func (k *checker) unknown(name string) string {
	if transport, _, ok := param.SplitTransport(name); ok {
		return fmt.Sprintf("no service named %s in master.cf delivers mail", transport)
	}
	var also []string
	for class := range k.classes {
		also = append(also, class)
	}
	slices.Sort(also)
	if near := param.Nearest(name, also...); near != "" {
		return fmt.Sprintf("not a parameter; is %s meant?", near)
	}
	return "not a parameter, and no value refers to it"
}
