package main

import (
	"slices"

	"github.com/mtad/mtad/core/conf/param"
	"github.com/mtad/mtad/core/table"
)

// postconfList prints what this program has of a kind: postconf -a, -A, -l and -m.
func (sh *shell) postconfList(o *postconfOptions) int {
	switch {
	case o.has('m'):
		return sh.lines(table.Types())
	case o.has('l'):
		return sh.lines(built("mailbox_delivery_lock"))
	case o.has('a'):
		return sh.lines(built("smtpd_sasl_type"))
	}
	return sh.lines(built("smtp_sasl_type"))
}

// built returns the words that a parameter may have and that do something, in the order of the
// registry; none when the parameter does nothing.
func built(name string) []string {
	p, ok := param.Find(name)
	if !ok || p.Effect != param.Effective {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(p.Values), func(v string) bool { return v == "" || !p.Builds(v) })
}
