package audit

import (
	"cmp"
	"slices"
	"strings"

	"github.com/mtad/mtad/core/conf"
	"github.com/mtad/mtad/core/conf/mastercf"
	"github.com/mtad/mtad/core/conf/param"
)

// Run returns the findings about c, in the order of files and lines. Each of them is worth a look
// (Warn); with the Bad ones the daemon refuses to start.
func Run(c *conf.Config) []conf.Finding {
	a := &auditor{c: c, seen: map[string]bool{}}
	a.view(c, nil)
	for _, s := range c.Services() {
		if len(s.Overrides) > 0 {
			a.view(c.For(s), &s)
		}
	}
	a.classes()
	a.services()
	a.console()
	slices.SortStableFunc(a.findings, func(x, y conf.Finding) int {
		return cmp.Or(cmp.Compare(x.File, y.File), cmp.Compare(x.Line, y.Line))
	})
	return a.findings
}

// auditor collects findings.
type auditor struct {
	c        *conf.Config
	findings []conf.Finding
	seen     map[string]bool // notes, so that each is said once
	named    map[string]bool // tables that parameters name which are set; nil before it is asked
}

// view looks at the configuration as a whole, or at what a service sees of its own.
func (a *auditor) view(c *conf.Config, s *mastercf.Service) {
	for _, p := range param.All() {
		raw, where, set := c.Lookup(p.Name)
		if raw == "" || s != nil && (!set || where.Layer != conf.MasterCF) || !p.IsList() || p.Effect != param.Effective {
			continue
		}
		v := value{a: a, c: c, p: p, raw: raw, service: s}
		v.tables()
		v.special()
	}
	if s == nil || s.Program == "smtpd" {
		a.relay(c, s)
	}
	a.certificates(c, s)
}

// value is the value of one parameter in a view.
type value struct {
	a       *auditor
	c       *conf.Config
	p       *param.Param
	raw     string
	service *mastercf.Service
}

// warn reports something about the value as a whole.
func (v *value) warn(note string) { v.report(conf.Finding{Note: note}) }

// report adds a finding. One without a place of its own stands where the parameter is set.
func (v *value) report(f conf.Finding) {
	f.Parameter, f.Status, f.Warn = v.p.Name, conf.Status(v.p.Effect), true
	if f.Value == "" {
		f.Value = v.raw
	}
	if f.File == "" {
		_, where, _ := v.c.Lookup(v.p.Name)
		f.File, f.Line = where.File, where.Line
	}
	if v.service != nil {
		f.Service = v.service.String()
	}
	v.a.add(f)
}

// add adds a finding unless it was said already, of the whole or of another service.
func (a *auditor) add(f conf.Finding) {
	key := f.Parameter + "\x00" + f.Note + "\x00" + f.File
	if a.seen[key] {
		return
	}
	a.seen[key] = true
	a.findings = append(a.findings, f)
}

// special looks at what is special about a parameter.
func (v *value) special() {
	switch {
	case v.p.Type == param.Restrictions && strings.HasPrefix(v.p.Name, "smtpd_"):
		v.restrictions()
	case v.p.Name == "mynetworks":
		v.everybody()
	case v.p.Name == "defer_transports":
		v.transports()
	case v.p.Name == "smtpd_forbidden_commands":
		v.forbidden()
	}
}

// forbidden looks at the names in smtpd_forbidden_commands.
func (v *value) forbidden() {
	for _, w := range v.c.List(v.p.Name) {
		switch {
		case strings.Contains(w, ":"):
		case slices.Contains([]string{"EHLO", "HELO", "MAIL", "RCPT", "DATA", "QUIT"}, strings.ToUpper(w)):
			v.warn("forbids " + strings.ToUpper(w) + ", without which no mail comes in")
		case strings.ContainsAny(w, "/^$*\\"):
			v.warn(w + " is no name of a command; patterns stand in a table")
		}
	}
}

// transports looks for names that no service has.
func (v *value) transports() {
	for _, name := range v.c.List(v.p.Name) {
		if !slices.ContainsFunc(v.c.Services(), func(s mastercf.Service) bool { return s.Name == name }) {
			v.report(conf.Finding{Value: name, Note: "no service of master.cf is named " + name + ": nothing is deferred by it"})
		}
	}
}
