package audit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/mtad/mtad/core/conf"
	"github.com/mtad/mtad/core/conf/list"
	"github.com/mtad/mtad/core/conf/mastercf"
	"github.com/mtad/mtad/core/conf/param"
	"github.com/mtad/mtad/core/table"
	"github.com/mtad/mtad/pipeline/access"
)

// compiler reads restriction lists without asking anybody.
func (v *value) compiler(open func(string) (access.Table, error)) *access.Compiler {
	k := &access.Compiler{Classes: map[string][]string{}, Open: open,
		Anonymous: !v.c.Bool("smtpd_tls_ask_ccert") && !v.c.Bool("smtpd_tls_req_ccert"),
		Policy:    func(string) (access.PolicyService, error) { return silent{}, nil }}
	for _, name := range v.c.List("smtpd_restriction_classes") {
		if raw, _, set := v.c.Lookup(name); set {
			if text, err := v.c.Expand(raw); err == nil {
				k.Classes[name] = list.Split(text)
			}
		}
	}
	return k
}

// silent is a policy service that is only named.
type silent struct{}

// Ask says nothing.
func (silent) Ask(context.Context, *access.Query) string { return "DUNNO" }

// restrictions looks at a list of access rules.
func (v *value) restrictions() {
	words := v.c.List(v.p.Name)
	_, unknown := v.compiler(func(string) (access.Table, error) { return nil, nil }).Compile(v.p.Name, words)
	for _, u := range unknown {
		if !errors.Is(u.Cause, table.ErrType) { // which the table itself is told of
			v.report(conf.Finding{Value: u.Restriction, Note: u.Error() + near(u)})
		}
	}
	for i, w := range words {
		if !final(w) || i > 0 && strings.EqualFold(words[i-1], "warn_if_reject") {
			continue
		}
		if i+1 < len(words) {
			v.report(conf.Finding{Value: words[i+1], Note: fmt.Sprintf("%s is never reached: %s stands before it", words[i+1], w)})
		}
		return
	}
}

// final reports whether a restriction decides always.
func final(word string) bool {
	switch strings.ToLower(word) {
	case "permit", "reject", "defer":
		return true
	}
	return false
}

// near names the restriction that may be meant.
func near(u access.Unknown) string {
	if u.Cause != nil {
		return ""
	}
	for _, name := range access.Names() {
		if param.Near(u.Restriction, name) {
			return "; is " + name + " meant?"
		}
	}
	return ""
}

// guards are the restrictions that refuse to relay for strangers.
func guards() []string {
	return []string{"reject_unauth_destination", "defer_unauth_destination", "reject", "defer", "defer_if_permit", "check_relay_domains"}
}

// relay looks whether strangers could relay: one of the two lists must refuse before it permits.
func (a *auditor) relay(c *conf.Config, s *mastercf.Service) {
	if s == nil && !slices.ContainsFunc(c.Services(), plainServer) {
		return
	}
	guarded, mentioned := false, false
	for _, name := range []string{"smtpd_relay_restrictions", "smtpd_recipient_restrictions"} {
		permitted := false
		for _, w := range c.List(name) {
			guard := slices.Contains(guards(), strings.ToLower(w))
			mentioned = mentioned || guard
			guarded = guarded || guard && !permitted
			permitted = permitted || strings.EqualFold(w, "permit")
		}
	}
	if guarded {
		return
	}
	p, _ := param.Find("smtpd_relay_restrictions")
	raw, _, _ := c.Lookup(p.Name)
	v := value{a: a, c: c, p: p, raw: raw, service: s}
	note := "nothing refuses to relay for strangers, so every recipient is deferred; name reject_unauth_destination here or in smtpd_recipient_restrictions"
	if mentioned {
		note = "an open relay: permit stands before what would refuse strangers, here and in smtpd_recipient_restrictions"
	}
	v.report(conf.Finding{Note: note})
}

// plainServer reports whether a service receives mail by the rules of main.cf.
func plainServer(s mastercf.Service) bool {
	_, relay := s.Override("smtpd_relay_restrictions")
	_, recipient := s.Override("smtpd_recipient_restrictions")
	return s.Program == "smtpd" && !relay && !recipient
}

// everybody looks for networks in mynetworks that hold strangers.
func (v *value) everybody() {
	for _, item := range v.c.Items(v.p.Name) {
		if item.Not || item.IsTable() && !strings.HasPrefix(item.Text, "[") {
			continue
		}
		_, length, ok := strings.Cut(item.Text, "/")
		short := ok && (length == "0" || len(length) == 1 && !strings.Contains(item.Text, "["))
		if short && length < "8" {
			f := conf.Finding{Value: item.Text, Note: fmt.Sprintf("an open relay: %s trusts strangers", item.Text)}
			if item.File != "" {
				f.File, f.Line = item.File, item.Line
			}
			v.report(f)
		}
	}
}
