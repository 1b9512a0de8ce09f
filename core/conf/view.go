package conf

import (
	"maps"
	"slices"
	"time"

	"github.com/mtad/mtad/core/conf/mastercf"
	"github.com/mtad/mtad/core/conf/param"
	"github.com/mtad/mtad/core/conf/value"
)

// Services returns the services of master.cf that count, or Postfix's default set. Their Limit is
// never mastercf.DefaultLimit: default_process_limit stands in its place. The caller must not
// change what they hold.
func (c *Config) Services() []mastercf.Service {
	off := c.List("master_service_disable")
	services := slices.DeleteFunc(slices.Clone(c.services), func(s mastercf.Service) bool { return disabled(off, &s) })
	for i := range services {
		if services[i].Limit == mastercf.DefaultLimit {
			services[i].Limit = c.For(services[i]).Int("default_process_limit")
		}
	}
	return services
}

// For returns the configuration as a service sees it: with its -o settings, service_name and
// process_name. It shares everything else with c.
func (c *Config) For(service mastercf.Service) *Config {
	origin := Origin{MasterCF, service.File, service.Line}
	own := maps.Clone(c.own)
	if own == nil {
		own = map[string]setting{}
	}
	own["service_name"] = setting{service.Name, origin}
	own["process_name"] = setting{service.Program, origin}
	for _, o := range service.Overrides {
		own[o.Name] = setting{o.Value, Origin{MasterCF, service.File, o.Line}}
	}
	return c.view(own)
}

// With returns the configuration with one more setting, which wins: With("stress", "yes") is the
// configuration of a server that is short of places. The value must be fit for the parameter.
func (c *Config) With(name, value string) *Config {
	own := maps.Clone(c.own)
	if own == nil {
		own = map[string]setting{}
	}
	own[name] = setting{value, Origin{Layer: Program, File: "program"}}
	return c.view(own)
}

// Transport reads the parameters of one transport.
type Transport struct {
	c    *Config
	name string
}

// Transport returns the reader of the parameters of a transport, a service that delivers mail:
// c.Transport("slow").Int("destination_concurrency_limit") is slow_destination_concurrency_limit
// or, when that is not set, default_destination_concurrency_limit. The scheduler reads them from
// the configuration as a whole, not from the transport's own view, as in Postfix.
func (c *Config) Transport(name string) Transport { return Transport{c, name} }

// find returns the name to read and the parameter that says its type. A suffix that no transport
// has is a mistake of the program.
func (t Transport) find(suffix string) (name string, p *param.Param) {
	fallback, ok := param.OfTransport(suffix)
	if !ok {
		find("TRANSPORT_" + suffix + "?")
	}
	name = t.name + "_" + suffix
	if own, registered := param.Find(name); registered {
		return name, own
	}
	if t.c.IsSet(name) {
		return name, fallback
	}
	return fallback.Name, fallback
}

// String returns the value of a parameter of any type.
func (t Transport) String(suffix string) string {
	name, p := t.find(suffix)
	return t.c.good(name, p)
}

// Int returns the value of a parameter that is a number. Panics for others.
func (t Transport) Int(suffix string) int {
	name, p := t.find(suffix)
	if !p.IsNumber() {
		wrongType(name, p, "a number")
	}
	n, _ := value.Int(t.c.good(name, p), p.Range)
	return int(n)
}

// Duration returns the value of a parameter that is a time. Panics for others.
func (t Transport) Duration(suffix string) time.Duration {
	name, p := t.find(suffix)
	if p.Type != param.Time {
		wrongType(name, p, "a time")
	}
	d, _ := value.Duration(t.c.good(name, p), t.c.unit(p), p.Range)
	return d
}
