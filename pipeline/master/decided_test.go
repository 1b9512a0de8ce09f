package master

import (
	"strings"
	"testing"

	"github.com/mtad/mtad/core/conf/conftest"
	"github.com/mtad/mtad/pipeline/ctl"
	"github.com/mtad/mtad/pipeline/hook"
)

func TestADeferralNamesWhoDecidedIt(t *testing.T) {
	d := &decider{cfg: conftest.Load(t, "compatibility_level = 3.6\ndefer_transports = slow"), plugins: []hook.PluginStats{{Name: "archive"}}}
	smtp := ctl.WhyRecipient{Transport: "smtp", Nexthop: "x.test", Relay: "none"}
	with := func(change func(*ctl.WhyRecipient)) ctl.WhyRecipient {
		w := smtp
		change(&w)
		return w
	}
	for name, c := range map[string]struct {
		w    ctl.WhyRecipient
		want string
	}{
		"nothing yet":          {smtp, ""},
		"a failing table":      {with(func(w *ctl.WhyRecipient) { w.Unroutable = "451 4.3.0 try later [transport_maps]" }), "the routing, which fails: 451 4.3.0 try later [transport_maps]"},
		"an administrator":     {with(func(w *ctl.WhyRecipient) { w.Suspended = &ctl.Suspension{}; w.Reply = "451 4.3.2 x" }), "the administrator, who suspended it"},
		"defer_transports":     {with(func(w *ctl.WhyRecipient) { w.Transport, w.Reply = "slow", "451 4.3.2 deferred transport" }), "defer_transports, which has slow"},
		"a dead next hop":      {with(func(w *ctl.WhyRecipient) { w.Reply = "451 4.4.1 delivery temporarily suspended: connect to x.test" }), "the queue manager"},
		"a plugin":             {with(func(w *ctl.WhyRecipient) { w.Transport, w.Relay, w.Reply = "archive", "archive", "451 4.3.0 not now" }), "plugin archive"},
		"a route":              {with(func(w *ctl.WhyRecipient) { w.Transport, w.Reply = "retry", "451 4.2.0 not now" }), "the route: mail for this address goes to transport retry"},
		"a server":             {with(func(w *ctl.WhyRecipient) { w.Relay, w.Reply = "mx.test[192.0.2.1]:25", "450 4.2.0 greylisted" }), "the server mx.test[192.0.2.1]:25"},
		"a server that is off": {with(func(w *ctl.WhyRecipient) { w.Reply = "451 4.4.1 connect to x.test: refused" }), "nobody: x.test could not be asked"},
		"an agent":             {with(func(w *ctl.WhyRecipient) { w.Transport, w.Relay, w.Reply = "local", "local", "452 4.2.2 mailbox full" }), "the delivery agent of transport local"},
	} {
		if got := d.decided(&c.w); got != c.want && (c.want == "" || !strings.HasPrefix(got, c.want)) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
