package master

import (
	"fmt"

	"github.com/mtad/mtad/core/conf"
	"github.com/mtad/mtad/core/conf/domainlist"
	"github.com/mtad/mtad/core/table"
	"github.com/mtad/mtad/pipeline/rewrite"
)

// addressMaps reads the tables that rewrite addresses.
func (g *generation) addressMaps(c *conf.Config) (rewrite.Maps, error) {
	m := rewrite.Maps{
		MasqueradeDomains: c.List("masquerade_domains"), AlwaysBCC: c.String("always_bcc"),
		PropagateCanonical: c.Has("propagate_unmatched_extensions", "canonical"),
		PropagateVirtual:   c.Has("propagate_unmatched_extensions", "virtual"),
		RecursionLimit:     c.Int("virtual_alias_recursion_limit"), ExpansionLimit: c.Int("virtual_alias_expansion_limit"),
		LengthLimit: int(c.Size("virtual_alias_address_length_limit")),
	}
	var err error
	if items := c.Items("masquerade_exceptions"); len(items) > 0 {
		l, err := domainlist.New(items, domainlist.None, g.opener(c))
		if err != nil {
			return m, fmt.Errorf("masquerade_exceptions: %w", err)
		}
		m.MasqueradeExceptions = l
	}
	if err := g.openAll(c, map[string]*table.Maps{
		"canonical_maps": &m.Canonical.Maps, "sender_canonical_maps": &m.SenderCanonical.Maps,
		"recipient_canonical_maps": &m.RecipientCanonical.Maps, "virtual_alias_maps": &m.VirtualAlias,
		"sender_bcc_maps": &m.SenderBCC, "recipient_bcc_maps": &m.RecipientBCC,
	}); err != nil {
		return m, err
	}
	for name, to := range map[string]*rewrite.Classes{
		"canonical_classes": &m.Canonical.Classes, "sender_canonical_classes": &m.SenderCanonical.Classes,
		"recipient_canonical_classes": &m.RecipientCanonical.Classes, "masquerade_classes": &m.MasqueradeClasses,
	} {
		if *to, err = rewrite.ParseClasses(c.List(name)); err != nil {
			return m, fmt.Errorf("%s: %w", name, err)
		}
	}
	return m, nil
}

// routeMaps reads the tables of routing.
func (g *generation) routeMaps(c *conf.Config) (rewrite.Routes, error) {
	r := rewrite.Routes{
		ParentStyle:      c.Subdomains("transport_maps") == domainlist.Parents,
		RelocatedPrefix:  c.Bool("relocated_prefix_enable"),
		NullRelayHostKey: c.String("empty_address_relayhost_maps_lookup_key"),
		NullTransportKey: c.String("empty_address_default_transport_maps_lookup_key"),
	}
	return r, g.openAll(c, map[string]*table.Maps{
		"transport_maps": &r.Transport, "relocated_maps": &r.Relocated,
		"sender_dependent_relayhost_maps":         &r.SenderRelayHost,
		"sender_dependent_default_transport_maps": &r.SenderTransport,
	})
}

func (g *generation) openAll(c *conf.Config, maps map[string]*table.Maps) error {
	for name, to := range maps {
		var err error
		if *to, err = g.openMaps(c, name); err != nil {
			return err
		}
	}
	return nil
}
