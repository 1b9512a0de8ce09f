package master

import (
	"fmt"

	"github.com/mtad/mtad/core/checks"
	"github.com/mtad/mtad/core/conf"
	"github.com/mtad/mtad/core/conf/mastercf"
	"github.com/mtad/mtad/pipeline/cleanup"
	"github.com/mtad/mtad/pipeline/hook"
	"github.com/mtad/mtad/pipeline/rewrite"
)

// cleanupService is the service of master.cf that takes the mail of a service
// (cleanup_service_name); ok is false when there is none and cleanup has no settings of its own.
func (g *generation) cleanupService(c *conf.Config) (s mastercf.Service, ok bool, err error) {
	name := c.String("cleanup_service_name")
	for _, s := range g.cfg.Services() {
		if s.Name == name && s.Type != mastercf.Inet {
			if s.Program != "cleanup" {
				return s, false, fmt.Errorf("cleanup_service_name: service %s is %s, not cleanup", name, s.Program)
			}
			return s, true, nil
		}
	}
	if name != "cleanup" {
		return s, false, fmt.Errorf("cleanup_service_name: no service of master.cf is named %s", name)
	}
	return s, false, nil
}

// cleanupConf is the configuration of the cleanup that takes the mail of a service: as in Postfix,
// what the service sets for itself does not count there.
func (g *generation) cleanupConf(c *conf.Config) (*conf.Config, error) {
	s, ok, err := g.cleanupService(c)
	if !ok || err != nil {
		return g.cfg, err
	}
	return g.cfg.For(s), nil
}

// confOf is the configuration of the first service that runs a program.
func (g *generation) confOf(program string) *conf.Config {
	for _, s := range g.cfg.Services() {
		if s.Program == program {
			return g.cfg.For(s)
		}
	}
	return g.cfg
}

// door builds cleanup for a service, which has configuration c, with its plugins.
func (g *generation) door(c *conf.Config, hooks *hook.Set) (*cleanup.Door, error) {
	cc, err := g.cleanupConf(c)
	if err != nil {
		return nil, err
	}
	rewriter, err := g.rewriterFor(c)
	if err != nil {
		return nil, err
	}
	o := cleanup.Options{
		Hostname: c.String("myhostname"), MailName: c.String("mail_name"), Origin: cc.String("myorigin"),
		SizeLimit: c.Size("message_size_limit"), HopLimit: cc.Int("hopcount_limit"),
		AddMissing: cc.Bool("always_add_missing_headers"), DropHeaders: cc.List("message_drop_headers"),
		TLSReceived: c.Bool("smtpd_tls_received_header"), AuthReceived: c.Bool("smtpd_sasl_authenticated_header"),
		Undisclosed:  cc.String("undisclosed_recipients_header"),
		NoMaps:       c.Has("receive_override_options", "no_address_mappings"),
		KeepOriginal: cc.Bool("enable_original_recipient"), DuplicateLimit: cc.Int("duplicate_filter_limit"),
		RemoteDomain: cc.String("remote_header_rewrite_domain"),
		HideClient:   c.Bool("smtpd_hide_client_session"),
		Detect8Bit:   cc.Bool("detect_8bit_encoding_header"),
		Rewriter:     rewriter, Store: g.m.store, Queued: g.m.accepted, OnEvent: g.m.happened, Hooks: hooks,
		Log: g.m.logOf(cc, "cleanup"),
	}
	if cc.Bool("smtputf8_enable") {
		o.DetectUTF8 = cc.List("smtputf8_autodetect_classes")
	}
	if o.Content, err = contentRules(cc, !c.Has("receive_override_options", "no_header_body_checks")); err != nil {
		return nil, err
	}
	return cleanup.New(o), nil
}

// localDoor is cleanup for what a program of ours submits.
func (g *generation) localDoor(program string) (*cleanup.Door, error) {
	c := g.confOf(program)
	cc, err := g.cleanupConf(c)
	if err != nil {
		return nil, err
	}
	hooks, err := g.hooksFor(c, "non_smtpd_milters", cc.List("non_smtpd_milters"))
	if err != nil {
		return nil, err
	}
	return g.door(c, hooks)
}

// rewriterFor is the rewriter of a service's cleanup: that of all, unless its cleanup has settings of
// its own.
func (g *generation) rewriterFor(c *conf.Config) (*rewrite.Rewriter, error) {
	s, ok, err := g.cleanupService(c)
	switch {
	case err != nil:
		return nil, err
	case !ok || len(s.Overrides) == 0:
		return g.rewriter, nil
	}
	if r := g.rewriters[s.Name]; r != nil {
		return r, nil
	}
	cc := g.cfg.For(s)
	own, err := ownAddresses(cc)
	if err != nil {
		return nil, err
	}
	r, err := g.newRewriter(cc, own, nil)
	if err != nil {
		return nil, fmt.Errorf("service %s: %w", s.String(), err)
	}
	if g.rewriters == nil {
		g.rewriters = map[string]*rewrite.Rewriter{}
	}
	g.rewriters[s.Name] = r
	return r, nil
}

// contentRules reads what cleanup asks of the text of a message; filter is false where
// no_header_body_checks says that it was looked at.
func contentRules(c *conf.Config, filter bool) (o cleanup.Content, err error) {
	parse := !c.Bool("disable_mime_input_processing")
	o.Convert, o.Internal = parse && c.Bool("force_mime_input_conversion"), c.List("internal_mail_filter_classes")
	for name, to := range map[string]**cleanup.Characters{
		"message_reject_characters": &o.Reject, "message_strip_characters": &o.Strip,
	} {
		set, err := cleanup.ParseCharacters(c.String(name))
		if err != nil {
			return o, fmt.Errorf("%s: %w", name, err)
		}
		if filter {
			*to = set
		}
	}
	strict := c.Bool("strict_8bitmime")
	r := checks.Rules{Header: strict || c.Bool("strict_7bit_headers"), Body: strict || c.Bool("strict_8bitmime_body"),
		Domain: c.Bool("strict_mime_encoding_domain"), Boundary: int(c.Size("mime_boundary_length_limit"))}
	looks := len(c.List("header_checks")) > 0 || len(c.List("mime_header_checks")) > 0 || len(c.List("nested_header_checks")) > 0
	if filter && parse && (looks || r.Header || r.Body || r.Domain) {
		r.Nesting = c.Int("mime_nesting_limit") // as Postfix does, only where somebody looks at the parts
		o.Rules = &r
	}
	return o, nil
}
