package master

import (
	"context"
	"errors"
	"fmt"

	"github.com/mtad/mtad/core/conf"
	"github.com/mtad/mtad/core/conf/domainlist"
	deliver "github.com/mtad/mtad/pipeline/deliver/smtp"
)

// clientSASL is what PREFIX_sasl_… says (p is smtp or lmtp).
func (g *generation) clientSASL(c *conf.Config, p string, to *deliver.SASL) (err error) {
	if !c.Bool(p + "_sasl_auth_enable") {
		return nil
	}
	if to.Passwords, err = g.openMaps(c, p+"_sasl_password_maps"); err != nil {
		return err
	}
	if !to.On() {
		return errors.New(p + "_sasl_auth_enable = yes needs " + p + "_sasl_password_maps")
	}
	for name, s := range map[string]*deliver.Security{"_sasl_security_options": &to.Clear,
		"_sasl_tls_security_options": &to.Encrypted, "_sasl_tls_verified_security_options": &to.Verified} {
		if *s, err = deliver.ParseSecurity(c.List(p + name)); err != nil {
			return fmt.Errorf("%s%s: %w", p, name, err)
		}
	}
	if to.Delimiter = c.String(p + "_sasl_password_result_delimiter"); to.Delimiter == "" {
		return errors.New(p + "_sasl_password_result_delimiter is empty")
	}
	if c.Bool(p + "_sender_dependent_authentication") {
		to.Senders = g.rewriter.Site()
	}
	to.Bounce, to.Authzid = !c.Bool(p+"_sasl_auth_soft_bounce"), c.Bool("send_cyrus_sasl_authzid")
	if c.String(p+"_sasl_auth_cache_name") != "" {
		to.Remember = c.Duration(p + "_sasl_auth_cache_time")
	}
	to.Allowed, err = g.allowedMechanisms(c, p+"_sasl_mechanism_filter")
	return err
}

// allowedMechanisms reads a list of mechanisms; nil when it is empty.
func (g *generation) allowedMechanisms(c *conf.Config, name string) (func(context.Context, string) (bool, error), error) {
	items := c.Items(name)
	if len(items) == 0 {
		return nil, nil
	}
	l, err := domainlist.New(items, domainlist.None, g.opener(c))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return l.Match, nil
}
