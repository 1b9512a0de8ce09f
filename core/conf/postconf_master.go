package conf

import (
	"fmt"
	"maps"
	"slices"

	"github.com/mtad/mtad/core/conf/edit"
	"github.com/mtad/mtad/core/conf/mastercf"
)

// MasterLines returns what `postconf -M` prints: one line per service of master.cf. warnings are as
// those of Postconf, also for names that match nothing; the error is about a name that is none.
func (c *Config) MasterLines(q Query) (lines, warnings []string, err error) {
	return c.master(q, 2, func(s *mastercf.Service, _ edit.Pattern) []string {
		switch {
		case q.JSON:
			var fields []field
			for _, f := range s.Fields() {
				fields = append(fields, field{f.Name[len(s.String())+1:], f.Value})
			}
			return []string{object(fields...)}
		case q.Fold:
			return []string{s.Fold()}
		}
		return []string{s.Format()}
	})
}

// MasterFields returns what `postconf -F` prints: NAME/TYPE/COLUMN = TEXT; the rest is as of
// MasterLines.
func (c *Config) MasterFields(q Query) (lines, warnings []string, err error) {
	return c.master(q, 3, func(s *mastercf.Service, p edit.Pattern) (rows []string) {
		for _, f := range s.Fields() {
			if !p.MatchesName(f.Name[len(s.String())+1:]) {
				continue
			}
			form, value := q.Form, f.Value
			if q.Fold && !q.JSON { // it is folded where the command's options end
				form.Fold, value = false, f.Folded
			}
			rows = append(rows, form.row(f.Name, value))
		}
		return rows
	})
}

// MasterParameters returns what `postconf -P` prints: NAME/TYPE/PARAMETER = VALUE of each -o, in
// the order of the names; the rest is as of MasterLines.
func (c *Config) MasterParameters(q Query) (lines, warnings []string, err error) {
	return c.master(q, 3, func(s *mastercf.Service, p edit.Pattern) (rows []string) {
		values := map[string]string{}
		for _, o := range s.Overrides {
			values[o.Name] = o.Value
		}
		for _, name := range slices.Sorted(maps.Keys(values)) {
			value := values[name]
			if !p.MatchesName(name) {
				continue
			}
			if q.Expand {
				if text, err := c.For(*s).Expand(value); err == nil {
					value = text
				}
			}
			rows = append(rows, q.row(s.String()+"/"+name, oneSpace(value)))
		}
		return rows
	})
}

// master returns the rows of the services that the names match, in the order of the names.
func (c *Config) master(q Query, parts int, rows func(*mastercf.Service, edit.Pattern) []string) (lines, warnings []string, err error) {
	names := q.Names
	if len(names) == 0 {
		names = []string{"*"}
	}
	for _, name := range names {
		p, err := edit.ParsePattern(name, 1, parts)
		if err != nil {
			return nil, nil, err
		}
		found := len(q.Names) == 0
		for i := range c.entries {
			s := &c.entries[i]
			if !p.Matches(s.Name, string(s.Type)) {
				continue
			}
			if q.Expand {
				if expanded, err := s.Expanded(c.For(*s).Expand); err == nil {
					s = &expanded
				}
			}
			own := rows(s, p)
			found = found || len(own) > 0
			lines = append(lines, own...)
		}
		if !found {
			warnings = append(warnings, fmt.Sprintf("unmatched request: %q", name))
		}
	}
	return lines, append(warnings, c.unused()...), nil
}
