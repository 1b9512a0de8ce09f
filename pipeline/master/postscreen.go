package master

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/mtad/mtad/core/conf"
	"github.com/mtad/mtad/core/conf/mastercf"
	"github.com/mtad/mtad/core/table"
	"github.com/mtad/mtad/pipeline/access"
	"github.com/mtad/mtad/pipeline/hook/kv"
	"github.com/mtad/mtad/pipeline/postscreen"
	"github.com/mtad/mtad/plugins/sdk"
)

// takesMail says whether a service listens for SMTP clients.
func takesMail(s mastercf.Service) bool {
	return s.Type == mastercf.Inet && (s.Program == "smtpd" || s.Program == "postscreen")
}

// engineOf is the service whose parameters the SMTP engine of a port has: behind postscreen the
// smtpd of type pass, if there is one.
func engineOf(c *conf.Config, s mastercf.Service) mastercf.Service {
	if s.Program != "postscreen" {
		return s
	}
	for _, pass := range c.Services() {
		if pass.Type == mastercf.Pass && pass.Program == "smtpd" {
			return pass
		}
	}
	return s
}

// screen puts postscreen before a port, if its service is that.
func (g *generation) screen(s mastercf.Service) (func(net.Listener) net.Listener, error) {
	if s.Program != "postscreen" {
		return func(l net.Listener) net.Listener { return l }, nil
	}
	o, err := g.screenOptions(g.cfg.For(s))
	if err != nil {
		return nil, fmt.Errorf("service %s: %w", s.String(), err)
	}
	return func(l net.Listener) net.Listener { return postscreen.Listen(l, o) }, nil
}

func (g *generation) screenOptions(c *conf.Config) (o postscreen.Options, err error) {
	o = postscreen.Options{
		Hostname: c.String("myhostname"), Banner: c.String("postscreen_greet_banner"),
		DenyAction:  postscreen.Action(c.String("postscreen_denylist_action")),
		GreetAction: postscreen.Action(c.String("postscreen_greet_action")), DNSBLAction: postscreen.Action(c.String("postscreen_dnsbl_action")),
		GreetWait: c.Duration("postscreen_greet_wait"), GreetTTL: c.Duration("postscreen_greet_ttl"),
		Threshold: c.Int("postscreen_dnsbl_threshold"), AllowThreshold: c.Int("postscreen_dnsbl_allowlist_threshold"),
		DNSBLTTL: c.Duration("postscreen_dnsbl_min_ttl"), DNSBLTimeout: c.Duration("postscreen_dnsbl_timeout"),
		Clients: c.Int("postscreen_pre_queue_limit"), Deadline: c.Duration("postscreen_command_time_limit"),
		Log: g.m.logOf(c, "postscreen"), Upstream: upstreamOf(c, "postscreen_upstream_proxy_protocol", "postscreen_upstream_proxy_timeout"),
	}
	if o.Access, err = g.screenAccess(c); err != nil {
		return o, fmt.Errorf("postscreen_access_list: %w", err)
	}
	for _, word := range c.List("postscreen_dnsbl_sites") {
		site, err := g.screenSite(word)
		if err != nil {
			return o, fmt.Errorf("postscreen_dnsbl_sites: %w", err)
		}
		o.Sites = append(o.Sites, site)
	}
	if o.ListName, err = g.listNames(c); err != nil {
		return o, fmt.Errorf("postscreen_dnsbl_reply_map: %w", err)
	}
	if err = g.screenDeep(c, &o); err != nil {
		return o, err
	}
	o.Cache, err = g.m.screenCache(c)
	return o, err
}

// screenSite reads "domain=filter*weight".
func (g *generation) screenSite(word string) (postscreen.Site, error) {
	name, weight, weighted := strings.Cut(word, "*")
	list, err := access.ParseDNSList(name)
	if err != nil {
		return postscreen.Site{}, err
	}
	s := postscreen.Site{Domain: list.Domain(), Weight: 1, Has: g.delayed(func(ctx context.Context, a netip.Addr) (bool, error) { return list.Has(ctx, g.dns, a) })}
	if weighted {
		if s.Weight, err = strconv.Atoi(weight); err != nil {
			return s, fmt.Errorf("%s: %q is no number", word, weight)
		}
	}
	return s, nil
}

// listNames is postscreen_dnsbl_reply_map; the name itself without one, or when it does not answer.
func (g *generation) listNames(c *conf.Config) (func(context.Context, string) string, error) {
	spec := c.String("postscreen_dnsbl_reply_map")
	if spec == "" {
		return nil, nil
	}
	t, err := table.Open(spec, g.tableOptions(c))
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, domain string) string {
		if name, found, err := t.Lookup(ctx, domain); found && err == nil {
			return name
		}
		return domain
	}, nil
}

// screenAccess reads postscreen_access_list: permit_mynetworks, and tables of client addresses whose
// values are permit, reject or dunno.
func (g *generation) screenAccess(c *conf.Config) (func(context.Context, netip.Addr) (postscreen.Decision, error), error) {
	type rule func(context.Context, netip.Addr) (postscreen.Decision, error)
	var rules []rule
	for _, word := range c.List("postscreen_access_list") {
		switch {
		case word == "permit_mynetworks":
			l, err := c.Networks("mynetworks", g.opener(c))
			if err != nil {
				return nil, err
			}
			rules = append(rules, func(ctx context.Context, a netip.Addr) (postscreen.Decision, error) {
				ok, err := l.Match(ctx, a)
				if ok && err == nil {
					return postscreen.Permit, nil
				}
				return postscreen.Dunno, err
			})
		case strings.Contains(word, ":"):
			t, err := table.Open(word, g.tableOptions(c))
			if err != nil {
				return nil, err
			}
			rules = append(rules, func(ctx context.Context, a netip.Addr) (postscreen.Decision, error) {
				value, _, err := t.Lookup(ctx, a.String())
				return screenDecisions[strings.ToLower(strings.TrimSpace(value))], err
			})
		default:
			return nil, fmt.Errorf("%q is neither permit_mynetworks nor a table", word)
		}
	}
	return func(ctx context.Context, a netip.Addr) (postscreen.Decision, error) {
		ctx, cancel := context.WithTimeout(ctx, screenTime)
		defer cancel()
		for _, r := range rules {
			if d, err := r(ctx, a); d != postscreen.Dunno || err != nil {
				return d, err
			}
		}
		return postscreen.Dunno, nil
	}, nil
}

// screenTime bounds the question to the access list.
const screenTime = 10 * time.Second

// screenDecisions are the words of the tables; all others, and no answer, are dunno.
var screenDecisions = map[string]postscreen.Decision{"permit": postscreen.Permit, "ok": postscreen.Permit, "reject": postscreen.Reject}

// remembered is the cache of postscreen: a space of its own in the store of small facts.
type remembered struct{ s *kv.Space }

// Get returns what was kept of a client.
func (r remembered) Get(client string) (string, bool) {
	v, e := r.s.Get(client)
	return string(v), e == sdk.OK
}

// Set keeps it. A full or failing store forgets: the client is tested again.
func (r remembered) Set(client, value string, keep time.Duration) {
	_ = r.s.Set(client, []byte(value), int(keep/time.Second))
}

// screenCache opens the store at its first use; generations share it.
func (m *Master) screenCache(c *conf.Config) (postscreen.Cache, error) {
	var err error
	if m.screened == nil {
		m.screened, err = kv.Open(kv.Options{Dir: filepath.Join(c.String("data_directory"), "postscreen"), Log: m.logOf(c, "postscreen").Slog()})
		if err != nil {
			return nil, err
		}
	}
	space, err := m.screened.Space("clients")
	if err != nil {
		return nil, err
	}
	return remembered{space}, nil
}
