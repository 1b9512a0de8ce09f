package master

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/mtad/mtad/core/conf"
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
		o.ForwardFrom = func(ctx context.Context, a netip.Addr) bool { ok, err := l.Match(ctx, a); return ok && err == nil }
	}
	return nil
}
