package master

import (
	"context"
	"fmt"
	"net"
	"net/netip"

	"github.com/mtad/mtad/core/conf"
	"github.com/mtad/mtad/core/proxyproto"
	"github.com/mtad/mtad/pipeline/smtpd"
)

// mayIdentify sets who may say by XCLIENT that it is another client. A table that cannot be asked lets
// nobody.
func (g *generation) mayIdentify(c *conf.Config, o *smtpd.Options) error {
	l, err := c.Networks("smtpd_authorized_xclient_hosts", g.opener(c))
	if err != nil {
		return fmt.Errorf("smtpd_authorized_xclient_hosts: %w", err)
	}
	if l.Len() > 0 {
		o.IdentifyFrom = func(ctx context.Context, name string, a netip.Addr) bool {
			ok, err := l.MatchClient(ctx, name, a)
			return ok && err == nil
		}
	}
	return nil
}

// upstreamOf reads who the client is from a proxy in front of a service, by the protocol and within the time of
// two parameters; nil without one.
func upstreamOf(c *conf.Config, protocol, within string) func(net.Conn) (net.Conn, error) {
	if c.String(protocol) != "haproxy" {
		return nil
	}
	timeout := c.Duration(within)
	return func(nc net.Conn) (net.Conn, error) {
		told, err := proxyproto.Accept(nc, timeout)
		if err != nil {
			return nil, err
		}
		return told, nil
	}
}
