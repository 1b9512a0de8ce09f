package master

import (
	"fmt"
	"net"
	"path/filepath"
	"strings"

	"github.com/mtad/mtad/core/conf"
	"github.com/mtad/mtad/core/maillog"
	"github.com/mtad/mtad/pipeline/hook"
	"github.com/mtad/mtad/pipeline/smtpd"
	"github.com/mtad/mtad/plugins/sdk"
)

// proxyFilter builds the filter in front of the queue (smtpd_proxy_filter); nil without one. What such a
// service takes is not queued by it, so plugins that want to see messages see commands only; the log
// says so.
func (g *generation) proxyFilter(c *conf.Config, hooks *hook.Set, log *maillog.Service) (*smtpd.Proxy, error) {
	name := c.String("smtpd_proxy_filter")
	if name == "" {
		return nil, nil
	}
	p := &smtpd.Proxy{Name: name, Helo: c.String("smtpd_proxy_ehlo"), Timeout: c.Duration("smtpd_proxy_timeout"), Dir: c.String("data_directory")}
	for _, o := range c.List("smtpd_proxy_options") {
		if o != "speed_adjust" {
			return nil, fmt.Errorf("smtpd_proxy_options: unknown option %q: want speed_adjust", o)
		}
		p.Whole = true
	}
	var err error
	if p.Network, p.Address, err = filterAddress(name, c.String("queue_directory")); err != nil {
		return nil, fmt.Errorf("smtpd_proxy_filter: %w", err)
	}
	if hooks != nil && (hooks.Wants(sdk.PointHeaders) || hooks.Wants(sdk.PointBody) || hooks.Wants(sdk.PointEOM)) {
		log.Warning("with smtpd_proxy_filter specified, milters and plugins of this service see commands, not messages")
	}
	return p, nil
}

// filterAddress reads "host:port", "inet:host:port", "unix:path" or a port.
func filterAddress(name, queue string) (network, address string, err error) {
	if path, ok := strings.CutPrefix(name, "unix:"); ok {
		if !filepath.IsAbs(path) {
			path = filepath.Join(queue, path)
		}
		return "unix", path, nil
	}
	address = strings.TrimPrefix(name, "inet:")
	if !strings.Contains(address, ":") {
		address = "localhost:" + address
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil || port == "" {
		return "", "", fmt.Errorf("%s: want host:port, inet:host:port or unix:path", name)
	}
	if host == "" {
		address = "localhost:" + port
	}
	return "tcp", address, nil
}
