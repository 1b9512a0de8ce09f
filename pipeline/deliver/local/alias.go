package local

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/mtad/mtad/core/addr"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/pipeline/deliver"
	"github.com/mtad/mtad/pipeline/deliver/local/target"
)

// alias delivers to what the aliases have for a name; false when they have nothing. extension is what
// was cut off to get the name.
func (x *expansion) alias(ctx context.Context, s state, name, extension string) bool {
	if len(x.o.Aliases) == 0 || s.alias == name { // an alias of itself is the user
		return false
	}
	for _, m := range x.o.Aliases {
		value, found, err := find(ctx, m.Table, name)
		if err != nil {
			x.failed(&s, tryLater("alias database unavailable", err))
			return true
		}
		if found {
			x.expand(ctx, s, m, name, value, extension)
			return true
		}
	}
	return false
}

// find asks for a name, and for its quoted form if that differs: tables have either.
func find(ctx context.Context, t Table, name string) (value string, found bool, err error) {
	value, found, err = t.Lookup(ctx, name)
	if quoted := addr.Quote(name); !found && err == nil && quoted != name {
		return t.Lookup(ctx, quoted)
	}
	return value, found, err
}

// expand delivers to the right-hand side of an alias.
func (x *expansion) expand(ctx context.Context, s state, m AliasMap, name, value, extension string) {
	if x.req.Entry.Probe() {
		x.attempt(&s, "probe", func() (string, error) { return "aliased to " + value, nil })
		return
	}
	next := s
	next.alias, next.via, next.unmatched = name, deliver.ByAlias, ""
	if x.o.Propagate.Alias {
		next.unmatched = extension
	}
	if err := x.owned(ctx, &next, m, name); err != nil {
		x.failed(&s, tryLater("alias database unavailable", err))
		return
	}
	var err error
	if next.rights, err = x.tableOwner(ctx, m); err != nil {
		x.failed(&s, tryLater("user lookup failed, try again later", err))
		return
	}
	all := target.Parse(value)
	if len(all) == 0 {
		x.failed(&s, misconfigured(fmt.Errorf("the alias %s stands for nothing", name)))
		return
	}
	x.targets(ctx, next, all)
}

// tableOwner returns the account that an alias table belongs to; nil for root's.
func (x *expansion) tableOwner(ctx context.Context, m AliasMap) (*User, error) {
	if m.Owner == nil {
		return nil, nil
	}
	return x.accountOf(ctx, m.Owner())
}

// accountOf returns the account of a uid; nil for root and for a uid that is nobody's.
func (x *expansion) accountOf(ctx context.Context, uid int) (*User, error) {
	if uid <= 0 || x.o.Users == nil {
		return nil, nil
	}
	u, found, err := x.o.Users.LookupID(ctx, uid)
	if err != nil || !found {
		return nil, err
	}
	return &u, nil
}

// owned lets the owner- alias of an alias be the sender: what cannot be delivered is the owner's
// business. Notices have no sender, and keep none.
func (x *expansion) owned(ctx context.Context, s *state, m AliasMap, name string) error {
	if x.o.OwnerSpecial && special(name) {
		return nil
	}
	owner := "owner-" + name
	value, found, err := find(ctx, m.Table, owner)
	switch {
	case err != nil:
		return err
	case !found:
		if x.o.ResetOwner {
			s.owner = ""
		}
		return nil
	}
	s.owner = owner
	if s.sender == "" {
		return nil
	}
	s.sender = x.o.Resolver.Standard(addr.Quote(owner))
	if x.o.ExpandOwner {
		all := target.Parse(value)
		if len(all) != 1 || all[0].Kind != target.Address {
			x.o.Log.Warning(fmt.Sprintf("alias %s: expand_owner_alias wants one address, it has %q", owner, value))
			return nil
		}
		s.sender = x.o.Resolver.Standard(all[0].Value)
	}
	return nil
}

func special(name string) bool {
	return strings.HasPrefix(name, "owner-") || strings.HasSuffix(name, "-request")
}

var errRelative = errors.New("an :include: file is named by its whole path")

// restricted is the error for a kind of target that its source may not have.
func restricted(what, parameter string) error {
	return status.New(550, "5.7.1", "mail to %s is restricted", what).By(parameter)
}
