package hook

import (
	"context"
	"fmt"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/plugins/sdk"
	"github.com/mtad/mtad/queue"
)

// Resolver returns next with the route hook behind it: the plugins see the way that next found
// for a recipient, and the first that answers changes it. A message that goes through a filter
// (content_filter, FILTER) is not asked about: the filter takes the place of every route. It is
// next itself when no plugin has the hook.
func (s *Set) Resolver(next queue.Resolver) queue.Resolver {
	if !s.Wants(sdk.PointRoute) {
		return next
	}
	return &router{s, next}
}

type router struct {
	set  *Set
	next queue.Resolver
}

// Resolve finds the route of a recipient. A plugin that fails is a temporary error, except with
// on_error = "continue".
func (r *router) Resolve(ctx context.Context, env *mail.Envelope, rc mail.Recipient) (queue.Route, error) {
	way, err := r.next.Resolve(ctx, env, rc)
	if err != nil || env.Filter != "" {
		return way, err
	}
	m := r.set.detached(env)
	m.rcpt = &rc
	m.asked = question{transport: way.Transport, nexthop: way.Nexthop}
	e := m.ask(ctx, sdk.PointRoute, func(p *plugin, a *answers) bool {
		if a.transport != "" {
			way.Transport = a.transport
		}
		if a.nexthop != "" {
			way.Nexthop = a.nexthop
		}
		r.set.o.Log.Info(fmt.Sprintf("%splugin %s: route <%s> to %s:%s", m.prefix(), p.name, rc.Address, way.Transport, way.Nexthop))
		return true
	})
	if e != nil {
		return queue.Route{}, e
	}
	return way, nil
}
