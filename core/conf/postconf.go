package conf

import (
	"slices"
	"strings"

	"github.com/mtad/mtad/core/conf/mastercf"
	"github.com/mtad/mtad/core/conf/param"
)

// Query says what the postconf command is asked.
type Query struct {
	// Names are the parameters, services (name/type, "*" for any), columns or settings to show;
	// none is all.
	Names []string
	// Defaults shows default values (-d), NonDefault only parameters that are set (-n).
	Defaults, NonDefault bool
	// Expand shows values expanded (-x).
	Expand bool
	// Builtin, Service and User are the classes of parameters to list (-C); none is all.
	Builtin, Service, User bool
	Form
}

// Postconf returns what `postconf` prints: one line per parameter, in the order of the names or,
// of all, sorted. warnings are for standard error, without the "postconf: warning: " before them.
func (c *Config) Postconf(q Query) (lines, warnings []string) {
	names := q.Names
	if len(names) == 0 {
		names = c.names(q)
	}
	for _, name := range names {
		value, ok := c.shown(name, q)
		if !ok {
			warnings = append(warnings, name+": unknown parameter")
			continue
		}
		lines = append(lines, q.row(name, oneSpace(value)))
	}
	if !q.Defaults {
		warnings = append(warnings, c.unused()...)
	}
	return lines, warnings
}

// oneSpace puts one space in the place of all white space, as postconf shows values.
func oneSpace(s string) string { return strings.Join(strings.Fields(s), " ") }

// shown returns the value of a name as a query wants it; ok is false when the name is unknown.
func (c *Config) shown(name string, q Query) (value string, ok bool) {
	raw, _, set := c.Lookup(name)
	p, known := param.Find(name)
	if !known {
		_, p, known = param.SplitTransport(name)
	}
	switch {
	case q.Defaults && !known, !known && !set:
		return "", false
	case q.Defaults:
		if raw = "$" + p.Name; p.Name == name {
			raw = c.defaultValue(p)
		}
	}
	if !q.Expand || known && p.Type == param.Raw {
		return raw, true
	}
	if expanded, err := c.Expand(raw); err == nil {
		raw = strings.TrimSpace(expanded)
	}
	return raw, true
}

// names returns what postconf lists: the parameters, those of the transports, and what else is
// set and used.
func (c *Config) names(q Query) []string {
	list := map[string]bool{}
	builtin, service, user := q.Builtin, q.Service, q.User
	if !builtin && !service && !user {
		builtin, service, user = true, true, true
	}
	if !q.NonDefault {
		for _, p := range param.All() {
			list[p.Name] = !p.Old
		}
		for _, s := range c.services {
			for _, name := range transportNames(&s) {
				list[name] = true
			}
		}
	}
	if !q.Defaults {
		k := newChecker(c)
		for name := range c.origins {
			var f Finding
			k.classify(&f, name)
			list[name] = f.Status != StatusUnknown
		}
		list["config_directory"] = list["config_directory"] || c.dir != DefaultDir
	}
	var names []string
	for name, listed := range list {
		_, isBuiltin := param.Find(name)
		_, _, isService := param.SplitTransport(name)
		if listed && (builtin && isBuiltin || service && isService || user && !isBuiltin && !isService) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// transportNames returns the names of the parameters that a service has as a transport.
func transportNames(s *mastercf.Service) []string {
	p, _ := mastercf.ProgramNamed(s.Program)
	var names []string
	for _, suffix := range param.TransportSuffixes() {
		timed := s.Program == "pipe" || s.Program == "spawn"
		if suffix == "time_limit" && timed || suffix != "time_limit" && p.Transport {
			names = append(names, s.Name+"_"+suffix)
		}
	}
	return names
}

// unused returns the warnings about names that nothing knows, in Postfix's words, and which name
// may be meant.
func (c *Config) unused() []string {
	var warnings []string
	for _, f := range c.Check() {
		if f.Status != StatusUnknown || f.Parameter == "" || f.Bad {
			continue
		}
		warning := f.File + ": unused parameter: " + f.Parameter + "=" + f.Value
		if _, near, ok := strings.Cut(f.Note, "; is "); ok {
			warning += " (is " + strings.TrimSuffix(near, " meant?") + " meant?)"
		}
		warnings = append(warnings, warning)
	}
	return warnings
}
