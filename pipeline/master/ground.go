package master

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mtad/mtad/core/conf"
	"github.com/mtad/mtad/core/conf/domainlist"
	"github.com/mtad/mtad/core/conf/list"
	"github.com/mtad/mtad/core/dns"
	"github.com/mtad/mtad/core/table"
	"github.com/mtad/mtad/pipeline/access"
	"github.com/mtad/mtad/pipeline/rewrite"
)

// resolver is the DNS as the stages ask it.
type resolver interface {
	access.Resolver
	names
}

func newResolver(c *conf.Config, ignore func(string) (bool, error)) (resolver, error) {
	if lookupsDisabled(c) {
		return dns.NewNative(), nil
	}
	return dns.New(dns.Options{Hosts: "/etc/hosts", DNSSEC: anySigned(c), Ignore: ignore})
}

// tableOptions say how tables are opened; plugins are tables too.
func (g *generation) tableOptions(c *conf.Config) table.Options {
	o := table.Options{
		Default: c.String("default_database_type"), Plugin: g.pluginTable, Shared: &g.tables,
		ProxyReadMaps: c.List("proxy_read_maps"), Warn: g.m.log.Warning,
		Parameter: parameterOf(c),
	}
	if g.m.gen.Load() == nil { // a reload has something better: it refuses
		o.Absent = g.absent
	}
	return o
}

// absent notes a table that cannot be opened: what asks it is deferred, as in Postfix, and nobody else's
// mail.
func (g *generation) absent(err error) {
	if _, told := g.missing.LoadOrStore(err.Error(), true); !told {
		g.m.log.Error(err.Error() + "; what asks it is deferred until it can be opened")
	}
}

// present returns the tables of a parameter for a built-in, which opens them itself: in the place of an absent
// one, one that fails.
func (g *generation) present(c *conf.Config, name string) string {
	specs, o := c.List(name), g.tableOptions(c)
	if o.Absent == nil {
		return strings.Join(specs, " ")
	}
	var here []string
	for _, spec := range specs {
		if _, err := table.Check(spec, o); err != nil {
			g.absent(err)
			spec = "fail:" + spec
		}
		here = append(here, spec)
	}
	return strings.Join(here, " ")
}

// fixedResults are the parameters whose results must not contain what a sender wrote.
var fixedResults = []string{"alias_maps", "transport_maps", "virtual_mailbox_maps", "virtual_uid_maps", "virtual_gid_maps"}

// openMaps opens the tables of a parameter; nil when it names none.
func (g *generation) openMaps(c *conf.Config, name string) (table.Maps, error) {
	o := g.tableOptions(c)
	if slices.Contains(fixedResults, name) {
		o.NoSubstitution, o.Shared = true, nil
	}
	if strings.HasPrefix(name, "virtual_") && name != "virtual_alias_maps" {
		o.ProxyReadMaps = nil // virtual(8) opens what is behind proxy: itself
	}
	var maps table.Maps
	for _, spec := range c.List(name) {
		if missingAliases(c, spec) {
			continue
		}
		o.Aliases = slices.Contains(c.List("alias_maps"), spec)
		t, err := table.Open(spec, o)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		maps = append(maps, t)
	}
	return maps, nil
}

// missingAliases reports whether spec is the default of alias_maps on a system that has no such
// file.
func missingAliases(c *conf.Config, spec string) bool {
	_, file, ok := strings.Cut(spec, ":")
	if !ok || c.IsSet("alias_maps") || !slices.Contains(c.List("alias_maps"), spec) {
		return false
	}
	_, err := os.Stat(file)
	return errors.Is(err, fs.ErrNotExist)
}

func (g *generation) opener(c *conf.Config) domainlist.Opener {
	return func(spec string) (domainlist.Table, error) {
		if file, ok := strings.CutPrefix(spec, list.Absent); ok && filepath.IsAbs(file) {
			g.absent(fmt.Errorf("open %s: %w", file, fs.ErrNotExist))
		}
		return table.Open(spec, g.tableOptions(c))
	}
}

// domains is the domain list of a parameter; nil when it is empty.
func (g *generation) domains(c *conf.Config, name string) (rewrite.Domains, error) {
	l, err := c.Domains(name, g.opener(c))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if l.Len() == 0 {
		return nil, nil
	}
	return l, nil
}

func ownAddresses(c *conf.Config) ([]netip.Addr, error) {
	prefixes, err := c.OwnAddresses()
	if err != nil {
		return nil, fmt.Errorf("inet_interfaces: %w", err)
	}
	var addrs []netip.Addr
	for _, p := range prefixes {
		addrs = append(addrs, p.Addr().Unmap())
	}
	for _, w := range c.List("proxy_interfaces") {
		a, err := netip.ParseAddr(strings.Trim(w, "[]"))
		if err != nil {
			return nil, fmt.Errorf("proxy_interfaces: %w", err)
		}
		addrs = append(addrs, a)
	}
	return addrs, nil
}

// newRewriter builds the rewriter of a configuration. change, when it is not nil, has the last word.
func (g *generation) newRewriter(c *conf.Config, own []netip.Addr, change func(*rewrite.Options) error) (*rewrite.Rewriter, error) {
	o := rewrite.Options{
		Origin: c.String("myorigin"), Domain: c.String("mydomain"), AppendDotMyDomain: c.Bool("append_dot_mydomain"),
		Hostname: c.String("myhostname"), RelayHost: c.String("relayhost"), FilterNexthop: c.String("default_filter_nexthop"),
		MinUser: c.Bool("allow_min_user"), NullDomain: c.Bool("resolve_null_domain"), NumericDomain: c.Bool("resolve_numeric_domain"),
		LocalTransport: c.String("local_transport"), VirtualTransport: c.String("virtual_transport"),
		RelayTransport: c.String("relay_transport"), DefaultTransport: c.String("default_transport"),
		SwapBangpath: c.Bool("swap_bangpath"), PercentHack: c.Bool("allow_percent_hack"),
		Dequoted: c.Bool("resolve_dequoted_address"), Delimiter: c.String("recipient_delimiter"),
		EmptyRecipient: c.String("empty_address_recipient"), DoubleBounce: c.String("double_bounce_sender"),
		OwnAddress: func(a netip.Addr) bool {
			for _, x := range own {
				if x == a.Unmap() {
					return true
				}
			}
			return false
		},
	}
	for name, list := range map[string]*rewrite.Domains{
		"mydestination": &o.Local, "virtual_alias_domains": &o.VirtualAlias,
		"virtual_mailbox_domains": &o.VirtualMailbox, "relay_domains": &o.Relay,
	} {
		var err error
		if *list, err = g.domains(c, name); err != nil {
			return nil, err
		}
	}
	var err error
	if o.Maps, err = g.addressMaps(c); err != nil {
		return nil, err
	}
	if o.Routes, err = g.routeMaps(c); err != nil {
		return nil, err
	}
	if change != nil {
		if err := change(&o); err != nil {
			return nil, err
		}
	}
	return rewrite.New(o), nil
}

// newWorld builds what the restrictions ask.
func (g *generation) newWorld(c *conf.Config, rw *rewrite.Rewriter, dns resolver, own []netip.Addr) (*access.World, error) {
	nets, err := c.Networks("mynetworks", g.opener(c))
	if err != nil {
		return nil, fmt.Errorf("mynetworks: %w", err)
	}
	backup, err := c.Networks("permit_mx_backup_networks", g.opener(c))
	if err != nil {
		return nil, fmt.Errorf("permit_mx_backup_networks: %w", err)
	}
	w := &access.World{
		Networks: nets, BackupNetworks: backup, Interfaces: own, Rewriter: rw, Resolver: dns, Delimiter: c.String("recipient_delimiter"),
		UntrustedRouting:   c.Bool("allow_untrusted_routing"),
		LocalCode:          c.Int("unknown_local_recipient_reject_code"),
		VirtualAliasCode:   c.Int("unknown_virtual_alias_reject_code"),
		VirtualMailboxCode: c.Int("unknown_virtual_mailbox_reject_code"),
		RelayCode:          c.Int("unknown_relay_recipient_reject_code"),
		SASL:               c.Bool("smtpd_sasl_auth_enable"), RBLDefault: c.String("default_rbl_reply"),
		ShowTable: c.Bool("show_user_unknown_table_name"), DoubleBounce: c.String("double_bounce_sender"),
	}
	var canonical, recipient, virtual table.Maps
	if err := g.openAll(c, map[string]*table.Maps{
		"local_recipient_maps": &w.Local, "virtual_mailbox_maps": &w.VirtualMailbox, "relay_recipient_maps": &w.Relay,
		"smtpd_sender_login_maps": &w.SenderLogins, "rbl_reply_maps": &w.RBLReplies, "relay_clientcerts": &w.ClientCerts,
		"canonical_maps": &canonical, "recipient_canonical_maps": &recipient, "virtual_alias_maps": &virtual,
	}); err != nil {
		return nil, err
	}
	w.Aliases = append(append(recipient, canonical...), virtual...)
	return w, nil
}
