package master

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/mtad/mtad/core/conf"
	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/pipeline/smtpd"
)

// mayForward sets who may say by XFORWARD where mail came from. A table that cannot be asked lets
// nobody.
func (g *generation) mayForward(c *conf.Config, o *smtpd.Options) error {
	l, err := c.Networks("smtpd_authorized_xforward_hosts", g.opener(c))
	if err != nil {
		return fmt.Errorf("smtpd_authorized_xforward_hosts: %w", err)
	}
	if c.String("smtpd_authorized_xforward_hosts") != "" {
		o.ForwardFrom = func(ctx context.Context, name string, a netip.Addr) bool {
			ok, err := l.MatchClient(ctx, name, a)
			return ok && err == nil
		}
	}
	return nil
}

// mayVERP sets who may ask for variable envelope return paths by XVERP. A table that cannot be asked
// lets nobody.
func (g *generation) mayVERP(c *conf.Config, o *smtpd.Options) error {
	if o.VERP, o.VERPFilter = c.String("default_verp_delimiters"), c.String("verp_delimiter_filter"); !mail.VERPDelimiters(o.VERP, o.VERPFilter) {
		return fmt.Errorf("default_verp_delimiters: want two characters of verp_delimiter_filter (%s)", o.VERPFilter)
	}
	l, err := c.Networks("smtpd_authorized_verp_clients", g.opener(c))
	if err != nil {
		return fmt.Errorf("smtpd_authorized_verp_clients: %w", err)
	}
	if l.Len() > 0 {
		o.VERPFrom = func(name string, a netip.Addr) bool { ok, err := l.MatchClient(g0, name, a); return ok && err == nil }
	}
	return nil
}
