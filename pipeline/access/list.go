package access

import (
	"context"
	"fmt"
	"strings"

	"github.com/mtad/mtad/core/status"
)

// List is a compiled restriction list. Safe for concurrent use.
type List struct {
	name  string
	rules []rule
}

// rule is one restriction. A refusal may be nil only with Dunno and Permit.
type rule struct {
	name string
	ask  func(ctx context.Context, e Env, c *Codes, q *Query) (Decision, *status.Error)
	warn bool // behind warn_if_reject
}

// Unknown is a restriction that Compile does not know.
type Unknown struct {
	List, Restriction string
}

// Error names the list and the restriction.
func (u Unknown) Error() string {
	return fmt.Sprintf("%s: unknown or unsupported restriction %q; what reaches it is answered 451 4.3.5", u.List, u.Restriction)
}

// Compile reads the restrictions of the list called name (a parameter). The List works in any
// case; unknown restrictions are returned for the log and for mtad check.
func Compile(name string, words []string) (*List, []Unknown) {
	l := &List{name: name}
	var unknown []Unknown
	warn := false
	for _, w := range words {
		key := strings.ToLower(w)
		if key == "warn_if_reject" {
			warn = true
			continue
		}
		ask, ok := restrictions[alias(key)]
		if !ok {
			unknown = append(unknown, Unknown{name, w})
			ask = misconfigured
		}
		l.rules = append(l.rules, rule{name: key, ask: ask, warn: warn})
		warn = false
		if !ok {
			break // its arguments cannot be told from restrictions
		}
	}
	return l, unknown
}

// alias returns the present name of a restriction that has an old one.
func alias(name string) string {
	switch name {
	case "reject_invalid_hostname":
		return "reject_invalid_helo_hostname"
	case "reject_non_fqdn_hostname":
		return "reject_non_fqdn_helo_hostname"
	case "reject_unknown_hostname":
		return "reject_unknown_helo_hostname"
	case "reject_unknown_client":
		return "reject_unknown_client_hostname"
	case "reject_unknown_address":
		return "reject_unknown_sender_domain"
	case "check_relay_domains":
		return "reject_unauth_destination"
	}
	return name
}

// Eval asks the restrictions in order. warned is told of refusals that warn_if_reject turned into
// warnings.
func (l *List) Eval(ctx context.Context, e Env, c *Codes, q *Query, warned func(*status.Error)) (Decision, *status.Error) {
	for i := range l.rules {
		r := &l.rules[i]
		d, refusal := r.ask(ctx, e, c, q)
		switch {
		case d == Dunno:
		case d == Refuse && r.warn:
			warned(refusal.By(r.name))
		case d == Refuse:
			return d, refusal.By(r.name)
		default:
			return d, nil
		}
	}
	return Dunno, nil
}

// Empty reports whether the list has no restriction.
func (l *List) Empty() bool { return l == nil || len(l.rules) == 0 }

func misconfigured(context.Context, Env, *Codes, *Query) (Decision, *status.Error) {
	return Refuse, status.New(451, "4.3.5", "Server configuration error")
}
