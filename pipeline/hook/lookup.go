package hook

import (
	"context"
	"fmt"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/plugins/sdk"
)

// Table is a lookup table, as core/table has them.
type Table interface {
	Lookup(ctx context.Context, key string) (value string, found bool, err error)
}

// Table returns the plugin called name as a lookup table. A plugin that fails, or answers
// tempfail, is an error of the lookup, never "not found", whatever its on_error says.
func (s *Set) Table(name string) (Table, error) {
	p := s.find(name)
	switch {
	case p == nil:
		return nil, fmt.Errorf("there is no plugin %q", name)
	case !s.has(p, sdk.PointLookup):
		return nil, fmt.Errorf("plugin %s has no lookup hook", name)
	}
	return &lookup{s, p}, nil
}

func (s *Set) find(name string) *plugin {
	for _, p := range s.plugins {
		if p.name == name {
			return p
		}
	}
	return nil
}

// has reports whether p is asked at a point.
func (s *Set) has(p *plugin, pt sdk.Point) bool {
	for _, q := range s.chains[pt] {
		if p == q {
			return true
		}
	}
	return false
}

type lookup struct {
	set *Set
	p   *plugin
}

// Lookup asks the plugin.
func (l *lookup) Lookup(ctx context.Context, key string) (string, bool, error) {
	m := l.set.detached(&mail.Envelope{})
	m.asked.key = key
	action, reply, _, err := m.call(ctx, l.p, sdk.PointLookup)
	switch {
	case err != nil:
		m.failed(l.p, sdk.PointLookup, err)
		return "", false, fmt.Errorf("plugin %s: lookup: %w", l.p.name, err)
	case l.p.Shadow:
		m.shadow(l.p, sdk.PointLookup, action, reply, m.host.given.String())
		return "", false, nil
	case action == sdk.ActTempfail:
		return "", false, refusal(action, reply).By("plugin " + l.p.name)
	}
	return m.host.given.value, action == sdk.ActFound, nil
}
