package master

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/mtad/mtad/core/conf"
	"github.com/mtad/mtad/core/conf/list"
	"github.com/mtad/mtad/core/conf/mastercf"
	"github.com/mtad/mtad/core/table"
	"github.com/mtad/mtad/pipeline/access"
	"github.com/mtad/mtad/pipeline/postscreen"
)

// screenDeep reads the parameters of postscreen's own server and of the tests that it makes.
func (g *generation) screenDeep(c *conf.Config, o *postscreen.Options) error {
	log := g.m.logOf(c, "postscreen")
	d := &o.Deep
	d.Pipelining = postscreen.Test{Enable: c.Bool("postscreen_pipelining_enable"),
		Action: postscreen.Action(c.String("postscreen_pipelining_action")), TTL: c.Duration("postscreen_pipelining_ttl")}
	d.Forbidden = postscreen.Test{Enable: c.Bool("postscreen_non_smtp_command_enable"),
		Action: postscreen.Action(c.String("postscreen_non_smtp_command_action")), TTL: c.Duration("postscreen_non_smtp_command_ttl")}
	d.BareNewline = postscreen.Test{Enable: c.Bool("postscreen_bare_newline_enable"),
		Action: postscreen.Action(c.String("postscreen_bare_newline_action")), TTL: c.Duration("postscreen_bare_newline_ttl")}
	d.Commands, d.SizeLimit = c.Int("postscreen_command_count_limit"), c.Size("message_size_limit")
	d.HeloRequired, d.NoVRFY = c.Bool("postscreen_helo_required"), c.Bool("postscreen_disable_vrfy_command")
	var err error
	if d.IsForbidden, err = g.forbidden(c, "postscreen_forbidden_commands", log); err != nil {
		return err
	}
	if o.AllowAt, err = g.allowedAt(c); err != nil {
		return err
	}
	side, err := g.serverTLS(c.With("smtpd_tls_security_level", screenLevel(c)), log)
	if err != nil {
		return err
	}
	if side != nil {
		d.TLS, d.RequireTLS = side.config, side.required
	}
	return g.screenSpeech(c, d, log)
}

// screenSpeech reads what tables say about the dialogue with postscreen.
func (g *generation) screenSpeech(c *conf.Config, d *postscreen.Deep, log *maillogService) error {
	var discard, commands, footers table.Maps
	if err := g.openAll(c, map[string]*table.Maps{"postscreen_discard_ehlo_keyword_address_maps": &discard,
		"postscreen_command_filter": &commands, "postscreen_reject_footer_maps": &footers}); err != nil {
		return err
	}
	words := c.List("postscreen_discard_ehlo_keywords")
	d.Discard = func(client netip.Addr) []string {
		v, ok, err := discard.Lookup(g0, client.String())
		switch {
		case err != nil:
			log.Warning("postscreen_discard_ehlo_keyword_address_maps: " + err.Error())
		case ok:
			return list.Split(v)
		}
		return words
	}
	if len(commands) > 0 {
		d.Filter = func(line string) (string, bool, error) { return commands.Lookup(g0, line) }
	}
	footer, allowed := unexpanded(c, "postscreen_reject_footer"), expansion(unexpanded(c, "postscreen_expansion_filter"))
	if footer == "" && len(footers) == 0 {
		return nil
	}
	d.Footer = func(reply string, value func(string) string) string {
		template, found, err := footers.Lookup(g0, reply)
		if err != nil {
			log.Warning("postscreen_reject_footer_maps: " + err.Error())
		}
		if !found {
			template = footer
		}
		if template == "" {
			return reply
		}
		return reply + access.Footer(template, func(name string) string { return access.Filter(value(name), allowed) })
	}
	return nil
}

// allowedAt reads postscreen_allowlist_interfaces: the addresses of ours at which clients can pass. A table
// that cannot be asked lets them: it is other clients' address.
func (g *generation) allowedAt(c *conf.Config) (func(netip.Addr) bool, error) {
	const name = "postscreen_allowlist_interfaces"
	l, err := c.Networks(name, g.opener(c))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return func(a netip.Addr) bool { ok, err := l.Match(g0, a); return ok || err != nil }, nil
}

// delayed makes the DNS slow, for who wants to see what happens then (dnsblog_reply_delay).
func (g *generation) delayed(has func(context.Context, netip.Addr) (bool, error)) func(context.Context, netip.Addr) (bool, error) {
	delay := g.dnsblogConf().Duration("dnsblog_reply_delay")
	if delay <= 0 {
		return has
	}
	return func(ctx context.Context, a netip.Addr) (bool, error) {
		on, err := has(ctx, a)
		timer := time.NewTimer(delay)
		defer timer.Stop()
		select {
		case <-timer.C:
			return on, err
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
}

// dnsblogConf is the configuration of the service dnsblog, which is a part of postscreen here.
func (g *generation) dnsblogConf() *conf.Config {
	for _, s := range g.cfg.Services() {
		if s.Program == "dnsblog" && s.Type == mastercf.Unix {
			return g.cfg.For(s)
		}
	}
	return g.cfg
}

// unexpanded is the value of a parameter whose "$" are not for the configuration, unless it is the name of
// another such parameter alone.
func unexpanded(c *conf.Config, name string) string {
	value := c.String(name)
	if other, ok := strings.CutPrefix(value, "$"); ok && strings.HasPrefix(other, "smtpd_") && !strings.ContainsAny(other, " $") {
		return c.String(other)
	}
	return value
}

// screenLevel is postscreen_tls_security_level, or what the two parameters of old say.
func screenLevel(c *conf.Config) string {
	level := c.String("postscreen_tls_security_level")
	switch {
	case level != "":
		return strings.ToLower(level)
	case c.Bool("postscreen_enforce_tls"):
		return "encrypt"
	case c.Bool("postscreen_use_tls"):
		return "may"
	}
	return "none"
}
