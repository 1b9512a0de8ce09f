package conf

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/mtad/mtad/core/conf/expand"
	"github.com/mtad/mtad/core/conf/mastercf"
	"github.com/mtad/mtad/core/conf/param"
)

// Check reports on everything that is set: first what main.cf, mtad.toml, the environment and the
// command line set, then the services of master.cf. It goes on past bad values.
func (c *Config) Check() []Finding {
	k := newChecker(c)
	findings := slices.Clone(c.problems)
	for name := range c.origins {
		f := k.setting(c, name)
		k.spoilt[name] = strings.HasPrefix(f.Note, "bad value")
		findings = append(findings, f)
	}
	findings = append(findings, k.defaults(c, nil)...)
	findings = append(findings, k.level()...)
	for i := range c.services {
		findings = append(findings, k.service(&c.services[i])...)
	}
	slices.SortStableFunc(findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Parameter, b.Parameter))
	})
	return findings
}

// rank orders findings by where they come from.
func rank(f Finding) int {
	switch {
	case strings.HasSuffix(f.File, "main.cf"):
		return 1
	case strings.HasSuffix(f.File, "mtad.toml"):
		return 2
	case f.File == "environment":
		return 3
	case f.File == "command line":
		return 4
	case strings.HasSuffix(f.File, "master.cf"):
		return 5
	}
	return 0
}

// setting reports on a name that config, or a layer below it, sets.
func (k *checker) setting(config *Config, name string) Finding {
	raw, where, _ := config.Lookup(name)
	f := Finding{Parameter: name, Value: raw, File: where.File, Line: where.Line}
	known := k.classify(&f, name)
	if known != nil {
		if err := config.verify(name, known); err != nil {
			f.bad(err)
		} else if value, _ := config.expandName(name); !known.Builds(value) && f.Status == StatusEffective {
			f.Status = StatusUnsupported
			f.Note = fmt.Sprintf("the value %s is not built; %s", value, f.Note)
		} else if f.Status == StatusUnsupported && config.isDefault(name, known) {
			f.Status, f.Note = StatusAccepted, "the default, which mtad keeps to; another value would be unsupported"
		}
	}
	if replaced := config.replaced[name]; len(replaced) > 0 && where.Layer != MasterCF {
		f.Note = fmt.Sprintf("replaces the value of %s: %s", replaced[len(replaced)-1], f.Note)
		f.Warn = f.Warn || replaced[len(replaced)-1].Layer == where.Layer
	}
	return f
}

// isDefault reports whether a parameter has the value that it would have without being set.
func (c *Config) isDefault(name string, p *param.Param) bool {
	value, err := c.expandName(name)
	if err != nil || p.Computed {
		return false
	}
	usual, err := expand.Expand(p.Default, c.lookup(nil))
	return err == nil && strings.TrimSpace(usual) == value
}

// defaults reports on parameters that are not set, but whose default is bad because of what it
// refers to. those narrows the report to what a view sees otherwise than the whole.
func (k *checker) defaults(config *Config, service *mastercf.Service) []Finding {
	var findings []Finding
	for _, p := range param.All() {
		raw, where, set := config.Lookup(p.Name)
		if set && (service == nil || where.Layer == MasterCF) || !p.Computed && !strings.Contains(raw, "$") {
			continue // reported as a setting, or the same always
		}
		if p.Effect != param.Effective {
			continue
		}
		err := config.verify(p.Name, p)
		if err == nil || service != nil && k.whole.verify(p.Name, p) != nil || k.refersToSpoilt(config, p, raw) {
			continue
		}
		f := Finding{Parameter: p.Name, Value: raw, Status: Status(p.Effect)}
		f.bad(err)
		if service != nil {
			f.Service, f.File, f.Line = service.String(), service.File, service.Line
		}
		findings = append(findings, f)
	}
	return findings
}

// refersToSpoilt reports whether a value is bad because of one that is reported itself.
func (k *checker) refersToSpoilt(config *Config, p *param.Param, raw string) bool {
	if p.Computed {
		raw = computedFrom(p.Name)
	}
	seen := map[string]bool{}
	var search func(text string) bool
	search = func(text string) bool {
		for _, name := range expand.References(text) {
			if k.spoilt[name] {
				return true
			}
			if value, ok := config.rawValue(name, nil); ok && !seen[name] {
				seen[name] = true
				if search(value) {
					return true
				}
			}
		}
		return false
	}
	return search(raw)
}

// level warns of a main.cf without compatibility_level: its defaults are those before Postfix 3.0,
// which few still want.
func (k *checker) level() []Finding {
	if !k.whole.hasMain || k.whole.IsSet("compatibility_level") {
		return nil
	}
	var old []string
	for _, name := range []string{"append_dot_mydomain", "mynetworks_style", "relay_domains", "smtpd_relay_restrictions", "smtputf8_enable"} {
		if k.whole.IsSet(name) || name == "mynetworks_style" && k.whole.IsSet("mynetworks") {
			continue
		}
		text, _ := k.whole.expandName(name)
		old = append(old, fmt.Sprintf("%s = %s", name, text))
	}
	if len(old) == 0 {
		return nil
	}
	return []Finding{{Parameter: "compatibility_level", Value: "0", Status: StatusEffective, File: k.whole.dir + "/main.cf", Warn: true,
		Note: "not set, so the defaults of old times apply: " + strings.Join(old, "; ") + "; set compatibility_level = " + currentLevel}}
}

// service reports on a service and its -o settings.
func (k *checker) service(s *mastercf.Service) []Finding {
	var findings []Finding
	if s.File != "" {
		p, _ := mastercf.ProgramNamed(s.Program)
		findings = append(findings, Finding{Parameter: s.String(), Value: s.Program, Status: Status(p.Effect), Note: p.Note, File: s.File, Line: s.Line})
	}
	if len(s.Overrides) == 0 {
		return findings
	}
	view := k.whole.For(*s)
	names := map[string]bool{}
	for _, o := range s.Overrides {
		names[o.Name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		f := k.setting(view, name)
		f.Service = s.String()
		switch _, _, scheduled := param.SplitTransport(name); {
		case f.Status == StatusUnknown, strings.HasPrefix(f.Note, "bad value"):
		case scheduled:
			f.Status = StatusAccepted
			f.Note = "the scheduler reads it from main.cf; as -o of a service it has no effect, in Postfix neither"
		case cleanupAlone[name] && s.Program != "cleanup":
			f.Status = StatusAccepted
			f.Note = "cleanup alone reads it; as -o of " + s.Program + " it has no effect, in Postfix neither: cleanup_service_name names a cleanup with settings of its own"
		}
		if s.File != "" {
			findings = append(findings, f)
		}
	}
	return append(findings, k.defaults(view, s)...)
}
