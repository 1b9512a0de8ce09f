package rewrite

import (
	"context"
	"fmt"
	"strings"

	"github.com/mtad/mtad/core/status"
)

// Aliases expands a recipient that Recipient returned with virtual_alias_maps, again and again. A
// recipient without alias is returned alone. An alias that names itself is kept and not expanded
// again. An alias that exceeds a limit, as a loop does, is refused with 451, never shortened.
func (r *Rewriter) Aliases(ctx context.Context, recipient string) ([]string, error) {
	if len(r.o.Maps.VirtualAlias) == 0 {
		return []string{recipient}, nil
	}
	e := expansion{r: r, list: []string{recipient}}
	for i := 0; i < len(e.list); i++ {
		if limit := r.o.Maps.ExpansionLimit; limit > 0 && len(e.list) > limit {
			return nil, aliasError("unreasonable virtual_alias_maps expansion size for %s: more than %d addresses", recipient, limit)
		}
		if err := e.settle(ctx, i); err != nil {
			return nil, err
		}
	}
	return e.list, nil
}

// expansion is a recipient on its way through virtual_alias_maps.
type expansion struct {
	r    *Rewriter
	list []string
	self map[string]bool // aliases that name themselves, in lower case
}

// settle expands entry i until it has no alias; further addresses go to the end of the list.
func (e *expansion) settle(ctx context.Context, i int) error {
	m := &e.r.o.Maps
	for count := 0; !e.self[strings.ToLower(e.list[i])]; count++ {
		if m.RecursionLimit > 0 && count >= m.RecursionLimit {
			return aliasError("unreasonable virtual_alias_maps nesting for %s: more than %d aliases, as a loop has", e.list[i], m.RecursionLimit)
		}
		found, err := e.r.site.Map(ctx, m.VirtualAlias, e.list[i], m.PropagateVirtual)
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return nil
		}
		if err := e.put(i, found); err != nil {
			return err
		}
	}
	return nil
}

// put replaces entry i with what its alias says.
func (e *expansion) put(i int, found []string) error {
	key := e.list[i]
	for n, a := range found {
		if limit := e.r.o.Maps.LengthLimit; limit > 0 && len(a) > limit {
			return aliasError("unreasonable virtual_alias_maps result of %d bytes for %s: limit is %d", len(a), key, limit)
		}
		if strings.EqualFold(a, key) {
			if e.self == nil {
				e.self = map[string]bool{}
			}
			e.self[strings.ToLower(key)] = true
		}
		if n == 0 {
			e.list[i] = a
		} else {
			e.list = append(e.list, a)
		}
	}
	return nil
}

func aliasError(format string, args ...any) *status.Error {
	return status.New(451, "4.6.0", "Alias expansion error").By("virtual_alias_maps").Because(fmt.Errorf(format, args...))
}

// SenderBCC returns the address that sender_bcc_maps adds for an envelope sender, "" for none.
func (r *Rewriter) SenderBCC(ctx context.Context, sender string) (string, error) {
	if sender == "" {
		return "", nil
	}
	f, err := r.Find(ctx, r.o.Maps.SenderBCC, sender)
	return f.Value, err
}

// RecipientBCC returns the address that recipient_bcc_maps adds for a recipient that Recipient
// returned, "" for none.
func (r *Rewriter) RecipientBCC(ctx context.Context, recipient string) (string, error) {
	f, err := r.Find(ctx, r.o.Maps.RecipientBCC, recipient)
	return f.Value, err
}

// AlwaysBCC returns always_bcc.
func (r *Rewriter) AlwaysBCC() string { return r.o.Maps.AlwaysBCC }
