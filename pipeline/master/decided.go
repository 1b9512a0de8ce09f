package master

import (
	"slices"
	"strings"

	"github.com/mtad/mtad/core/conf"
	"github.com/mtad/mtad/core/conf/mastercf"
	"github.com/mtad/mtad/pipeline/ctl"
	"github.com/mtad/mtad/pipeline/hook"
)

// decider names who or what deferred a recipient, by what is known of the last attempt and of the
// configuration of now.
type decider struct {
	cfg     *conf.Config
	plugins []hook.PluginStats
}

// decided returns it in words, "" when nothing was decided yet.
func (d *decider) decided(w *ctl.WhyRecipient) string {
	_, text, _ := strings.Cut(w.Reply, " ") // behind the code
	if _, rest, ok := strings.Cut(text, " "); ok {
		text = rest // and the enhanced code
	}
	program := d.program(w.Transport)
	switch {
	case w.Unroutable != "":
		return "the routing, which fails: " + w.Unroutable
	case w.Suspended != nil:
		return "the administrator, who suspended it"
	case w.Reply == "":
		return ""
	case text == "deferred transport" && slices.Contains(d.cfg.List("defer_transports"), w.Transport):
		return "defer_transports, which has " + w.Transport
	case strings.HasPrefix(text, "delivery temporarily suspended: "):
		return "the queue manager, which gave the next hop up for a while after that failure"
	case d.isPlugin(w.Relay):
		return "plugin " + w.Relay
	case program == "error" || program == "retry":
		return "the route: mail for this address goes to transport " + w.Transport
	case strings.Contains(w.Relay, "["):
		return "the server " + w.Relay
	case program == "smtp" || program == "lmtp":
		return "nobody: " + w.Nexthop + " could not be asked"
	}
	return "the delivery agent of transport " + w.Transport
}

func (d *decider) program(transport string) string {
	i := slices.IndexFunc(d.cfg.Services(), func(s mastercf.Service) bool { return s.Name == transport && s.Type != "inet" })
	if i < 0 {
		return ""
	}
	return d.cfg.Services()[i].Program
}

func (d *decider) isPlugin(name string) bool {
	return slices.ContainsFunc(d.plugins, func(p hook.PluginStats) bool { return p.Name == name })
}
