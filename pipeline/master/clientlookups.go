package master

import (
	"context"
	"fmt"
	"net/netip"
	"strings"

	"github.com/mtad/mtad/core/conf"
	"github.com/mtad/mtad/core/conf/list"
	"github.com/mtad/mtad/core/dns"
	"github.com/mtad/mtad/core/smtpclient"
	"github.com/mtad/mtad/core/table"
	deliver "github.com/mtad/mtad/pipeline/deliver/smtp"
	"github.com/mtad/mtad/queue"
)

// clientLookups sets how a client finds servers, and what it looks up about them; p is smtp or lmtp.
func (g *generation) clientLookups(c *conf.Config, p string, o *deliver.Options) (err error) {
	if o.Resolver, err = g.clientResolver(c, p); err != nil {
		return err
	}
	o.Services, o.SRVFallback, o.IgnoreSRVErrors = c.List("use_srv_lookup"), c.Bool("allow_srv_lookup_fallback"), c.Bool("ignore_srv_lookup_error")
	o.CanonicalNames = c.Bool(map[string]string{"smtp": "smtp_cname_overrides_servername", "lmtp": "lmtp_cname_overrides_servername"}[p])
	o.BindEnforce = c.Bool(map[string]string{"smtp": "smtp_bind_address_enforce", "lmtp": "lmtp_bind_address_enforce"}[p])
	if best := c.String("best_mx_transport"); best != "" && p == "smtp" {
		o.BestMX = func(ctx context.Context, req *queue.Request) []queue.Result { return g.passAll(ctx, req, best) }
	}
	o.AssumeFinal = p == "lmtp" && c.Bool("lmtp_assume_final")
	name := map[string]string{"smtp": "smtp_discard_ehlo_keyword_address_maps", "lmtp": "lmtp_discard_lhlo_keyword_address_maps"}[p]
	maps, err := g.openMaps(c, name)
	if err != nil {
		return err
	}
	if len(maps) > 0 {
		o.DiscardFor = func(ctx context.Context, server netip.Addr) (smtpclient.Ext, bool, error) {
			v, found, err := maps.Lookup(ctx, server.String())
			if err != nil || !found {
				return 0, false, err
			}
			set, err := smtpclient.ParseExt(list.Split(v))
			if err != nil {
				err = fmt.Errorf("%s: %s: %w", name, server, err)
			}
			return set, true, err
		}
	}
	return nil
}

// clientResolver is the DNS as a client sees it: the one of all, with what PREFIX_host_lookup,
// PREFIX_dns_resolver_options and PREFIX_dns_reply_filter say.
func (g *generation) clientResolver(c *conf.Config, p string) (deliver.Resolver, error) {
	shared, ok := g.dns.(*dns.Resolver)
	if !ok || lookupsDisabled(c) {
		return dns.NewNative(), nil
	}
	o := dns.ViewOptions{}
	for _, word := range c.List(map[string]string{"smtp": "smtp_dns_resolver_options", "lmtp": "lmtp_dns_resolver_options"}[p]) {
		o.DefNames, o.Search = o.DefNames || word == "res_defnames", o.Search || word == "res_dnsrch"
	}
	hosts := map[string]string{"smtp": "smtp_host_lookup", "lmtp": "lmtp_host_lookup"}[p]
	if c.Has(hosts, "native") {
		o.Native, o.NativeOnly = dns.NewNative(), !c.Has(hosts, "dns")
	}
	filter := map[string]string{"smtp": "smtp_dns_reply_filter", "lmtp": "lmtp_dns_reply_filter"}[p]
	maps, err := g.openMaps(c, filter)
	if err != nil {
		return nil, err
	}
	if len(maps) > 0 {
		o.Filter = replyFilter(filter, maps)
	}
	return shared.View(o), nil
}

// replyFilter asks tables about records of the DNS. IGNORE is the only action there is.
func replyFilter(name string, maps table.Maps) func(context.Context, string) (bool, error) {
	return func(ctx context.Context, record string) (bool, error) {
		action, found, err := maps.Lookup(ctx, record)
		switch {
		case err != nil || !found:
			return false, err
		case strings.EqualFold(strings.TrimSpace(action), "IGNORE"):
			return true, nil
		}
		return false, fmt.Errorf("%s: unknown action %q for %s: want IGNORE", name, action, record)
	}
}

// lookupsDisabled reports whether a service asks the system only.
func lookupsDisabled(c *conf.Config) bool {
	return c.String("smtp_dns_support_level") == "disabled" || c.Bool("disable_dns_lookups")
}
