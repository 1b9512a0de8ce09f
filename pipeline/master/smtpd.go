package master

import (
	"fmt"
	"log/slog"
	"net/netip"

	"github.com/mtad/mtad/core/conf"
	"github.com/mtad/mtad/core/conf/mastercf"
	"github.com/mtad/mtad/core/maillog"
	"github.com/mtad/mtad/core/smtp"
	"github.com/mtad/mtad/pipeline/access"
	"github.com/mtad/mtad/pipeline/smtpd"
)

// newServer builds the engine and the policy of one smtpd service. c is the configuration as the
// service sees it; change may edit the policy, nil for none.
func (g *generation) newServer(c *conf.Config, s mastercf.Service, change func(*smtpd.Options)) (*smtp.Server, error) {
	limits, err := g.newLimits(c)
	if err != nil {
		return nil, fmt.Errorf("service %s: %w", s.String(), err)
	}
	o, h, err := g.serverParts(c, s, limits)
	if err != nil {
		return nil, fmt.Errorf("service %s: %w", s.String(), err)
	}
	g.attend(c, s, limits, &o)
	if change != nil {
		h = h.With(change)
	}
	return smtp.New(o, h), nil
}

// serverParts builds the options and the policy of a service.
func (g *generation) serverParts(c *conf.Config, s mastercf.Service, limits *smtpd.ClientLimits) (o smtp.Options, h *smtpd.Handler, err error) {
	log := g.m.logOf(c, "smtpd")
	side, err := g.serverTLS(c, log)
	if err != nil {
		return o, nil, err
	}
	if h, err = g.newHandler(c, s, log, limits, side); err != nil {
		return o, nil, err
	}
	o = engineOptions(c, s, log)
	side.apply(&o)
	if o.Forbidden, err = g.forbidden(c, "smtpd_forbidden_commands", log); err != nil {
		return o, nil, err
	}
	if o.Noop, err = g.listed(c, "smtpd_noop_commands", log); err != nil {
		return o, nil, err
	}
	if s.Verbose > 0 {
		o.Logger = log.SlogAt(slog.LevelDebug)
		o.Trace = func(c smtp.ConnInfo, fromClient bool, line []byte) { traceLine(log, c, fromClient, line) }
	}
	return o, h, nil
}

// transcriptBytes is how much of a dialogue a notice about it shows at most.
const transcriptBytes = 16 << 10

// engineOptions are the parameters that core/smtp answers to.
func engineOptions(c *conf.Config, s mastercf.Service, log *maillog.Service) smtp.Options {
	o := smtp.Defaults()
	o.Hostname, o.Banner = c.String("myhostname"), c.String("smtpd_banner")
	o.MaxMessageBytes = c.Size("message_size_limit")
	o.Timeout, o.TLSTimeout = c.Duration("smtpd_timeout"), c.Duration("smtpd_starttls_timeout")
	o.PerRequestDeadline, o.MinDataRate = c.Bool("smtpd_per_request_deadline"), c.Int("smtpd_min_data_rate")
	o.SoftErrors, o.HardErrors = c.Int("smtpd_soft_error_limit"), c.Int("smtpd_hard_error_limit")
	o.ErrorDelay, o.JunkCommands = c.Duration("smtpd_error_sleep_time"), c.Int("smtpd_junk_command_limit")
	o.Processes = processLimit(c, s)
	o.RequireHelo, o.DisableVRFY, o.DisableETRN = c.Bool("smtpd_helo_required"), c.Bool("disable_vrfy_command"), false
	o.MaxAuthLine = c.Int("smtpd_sasl_response_limit")
	o.NullDomain, o.NumericDomain = c.Bool("resolve_null_domain"), c.Bool("resolve_numeric_domain")
	o.LooseUTF8 = !c.Bool("strict_smtputf8")
	o.StrictRFC821, o.SMTPUTF8 = c.Bool("strict_rfc821_envelopes"), c.Bool("smtputf8_enable")
	o.ForbidUnauthPipelining = c.Bool("smtpd_forbid_unauth_pipelining")
	o.DiscardKeywords = c.List("smtpd_discard_ehlo_keywords")
	o.BareNewlineCode = c.Int("smtpd_forbid_bare_newline_reject_code")
	if c.String("smtpd_forbid_bare_newline") == "reject" {
		o.BareNewline = smtp.Reject
	}
	if c.String("notify_classes") != "" {
		o.TranscriptBytes = transcriptBytes
	}
	o.Logger = log.Slog()
	if s.Type == mastercf.Inet && s.Program == "smtpd" { // behind postscreen, that has asked already
		o.Upstream = upstreamOf(c, "smtpd_upstream_proxy_protocol", "smtpd_upstream_proxy_timeout")
	}
	return o
}

// processLimit is the maxproc column, or default_process_limit; 0 for no limit.
func processLimit(c *conf.Config, s mastercf.Service) int {
	if s.Limit == mastercf.DefaultLimit {
		return c.Int("default_process_limit")
	}
	return s.Limit
}

// newHandler builds the policy of a service.
func (g *generation) newHandler(c *conf.Config, s mastercf.Service, log *maillog.Service, limits *smtpd.ClientLimits,
	side *serverTLS) (*smtpd.Handler, error) {
	own, err := ownAddresses(c)
	if err != nil {
		return nil, err
	}
	answers, err := g.filteredDNS(c)
	if err != nil {
		return nil, err
	}
	world, err := g.newWorld(c, g.rewriter, answers, own)
	if err != nil {
		return nil, err
	}
	world.Verifier = g.verifierFor(c)
	policy, err := g.newPolicy(c, log)
	if err != nil {
		return nil, err
	}
	hooks, err := g.hooksFor(c, "smtpd_milters", c.List("smtpd_milters"))
	if err != nil {
		return nil, err
	}
	hooksOf, err := g.clientHooks(c, hooks)
	if err != nil {
		return nil, err
	}
	door, err := g.door(c, hooks)
	if err != nil {
		return nil, err
	}
	o := smtpd.Options{
		Service: "smtpd", Hostname: c.String("myhostname"), Policy: policy, Env: world,
		SizeLimit: c.Size("message_size_limit"), RecipientLimit: c.Int("smtpd_recipient_limit"),
		RecipientOvershoot: c.Int("smtpd_recipient_overshoot_limit"),
		MinFree:            c.Size("queue_minfree"), FreeBytes: g.m.freeBytes,
		Filter: c.String("content_filter"), Limits: limits, Door: door, Log: log,
		Hooks:      hooksOf,
		SoftBounce: c.Bool("soft_bounce"), Resolvable: g.rewriter.Resolvable, LocalClient: localClient(c, world), Flush: g.m.flushSite, Trusted: world.MyNetworks,
	}
	o.TLS = side.policy()
	if err := g.manners(c, &o, log); err != nil {
		return nil, err
	}
	if o.Trouble, err = g.trouble(c); err != nil {
		return nil, err
	}
	if err := g.speech(c, &o, log); err != nil {
		return nil, err
	}
	tolerant, err := c.Networks("smtpd_forbid_bare_newline_exclusions", g.opener(c))
	if err != nil {
		return nil, fmt.Errorf("smtpd_forbid_bare_newline_exclusions: %w", err)
	}
	o.BareNewlineFrom = func(a netip.Addr) bool { ok, err := tolerant.Match(g0, a); return ok && err == nil }
	if err := g.mayForward(c, &o); err != nil {
		return nil, err
	}
	if err := g.mayVERP(c, &o); err != nil {
		return nil, err
	}
	if o.Proxy, err = g.proxyFilter(c, hooks, log); err != nil {
		return nil, err
	}
	if err := g.authenticate(c, &o, log); err != nil {
		return nil, err
	}
	switch {
	case s.Name == stdinName:
		o.Names = thisHost{}
	case c.Bool("smtpd_peername_lookup"):
		o.Names = peerNames{g.dns}
	}
	return smtpd.New(o), nil
}

// localClient says whose mail is of local origin (local_header_rewrite_clients).
func localClient(c *conf.Config, w *access.World) func(netip.Addr, bool) bool {
	words := c.List("local_header_rewrite_clients")
	return func(a netip.Addr, authenticated bool) bool {
		for _, word := range words {
			switch word {
			case "permit_inet_interfaces":
				if w.OwnInterface(a) {
					return true
				}
			case "permit_mynetworks":
				if ok, err := w.MyNetworks(g0, "", a); ok && err == nil {
					return true
				}
			case "permit_sasl_authenticated":
				if authenticated {
					return true
				}
			case "static:all":
				return true
			}
		}
		return false
	}
}

// newPolicy compiles the restriction lists.
func (g *generation) newPolicy(c *conf.Config, log *maillog.Service) (smtpd.Policy, error) {
	compiler := g.compiler(c, log)
	p := smtpd.Policy{
		Codes: codes(c), DelayReject: c.Bool("smtpd_delay_reject"),
		RecipientFirst: !c.Bool("smtpd_relay_before_recipient_restrictions"),
		UnlistedSender: c.Bool("smtpd_reject_unlisted_sender"),
		Unlisted:       c.Bool("smtpd_reject_unlisted_recipient") && !c.Has("receive_override_options", "no_unknown_recipient_checks"),
	}
	for _, l := range []struct {
		name string
		to   **access.List
	}{
		{"smtpd_client_restrictions", &p.Client}, {"smtpd_helo_restrictions", &p.Helo},
		{"smtpd_sender_restrictions", &p.Sender}, {"smtpd_relay_restrictions", &p.Relay},
		{"smtpd_recipient_restrictions", &p.Recipient}, {"smtpd_data_restrictions", &p.Data},
		{"smtpd_end_of_data_restrictions", &p.EndOfData}, {"smtpd_etrn_restrictions", &p.Etrn},
	} {
		var unknown []access.Unknown
		*l.to, unknown = compiler.Compile(l.name, c.List(l.name))
		for _, u := range unknown {
			log.Warning(u.Error())
		}
	}
	if err := relaySafe(c); err != nil {
		log.Error(err.Error() + "; until then every recipient is deferred")
		p.Relay, _ = compiler.Compile("smtpd_relay_restrictions", []string{"defer"})
	}
	return p, nil
}

// codes are the reply codes that parameters choose.
func codes(c *conf.Config) access.Codes {
	return access.Codes{
		AccessMap: c.Int("access_map_reject_code"), RelayDomains: c.Int("relay_domains_reject_code"),
		NonFQDN: c.Int("non_fqdn_reject_code"), InvalidHostname: c.Int("invalid_hostname_reject_code"),
		UnknownAddress: c.Int("unknown_address_reject_code"), UnknownClient: c.Int("unknown_client_reject_code"),
		UnknownHostname: c.Int("unknown_hostname_reject_code"), Plaintext: c.Int("plaintext_reject_code"),
		MultiRecipientBounce: c.Int("multi_recipient_bounce_reject_code"), Default: c.Int("reject_code"), Defer: c.Int("defer_code"),
		AccessMapDefer: c.Int("access_map_defer_code"), RBL: c.Int("maps_rbl_reject_code"), NullKey: c.String("smtpd_null_access_lookup_key"),
		Expansion:           expansion(c.String("smtpd_expansion_filter")),
		AddressTempfailNow:  c.String("unknown_address_tempfail_action") == "defer",
		HostnameTempfailNow: c.String("unknown_helo_hostname_tempfail_action") == "defer",
		Sender: access.Unverifiable{Defer: c.Int("unverified_sender_defer_code"), Reject: c.Int("unverified_sender_reject_code"),
			Reason: c.String("unverified_sender_reject_reason"), Now: c.String("unverified_sender_tempfail_action") == "defer"},
		Recipient: access.Unverifiable{Defer: c.Int("unverified_recipient_defer_code"), Reject: c.Int("unverified_recipient_reject_code"),
			Reason: c.String("unverified_recipient_reject_reason"), Now: c.String("unverified_recipient_tempfail_action") == "defer"},
	}
}

// relaySafe refuses a configuration that would relay for anybody: one of the two lists must be able to
// refuse a recipient. Postfix's smtpd ends with that error whenever a client connects, and the rest of
// Postfix goes on.
func relaySafe(c *conf.Config) error {
	for _, name := range []string{"smtpd_relay_restrictions", "smtpd_recipient_restrictions"} {
		for _, w := range c.List(name) {
			switch w {
			case "reject_unauth_destination", "defer_unauth_destination", "reject", "defer", "defer_if_permit", "check_relay_domains":
				return nil
			}
		}
	}
	return fmt.Errorf("in smtpd_relay_restrictions or smtpd_recipient_restrictions, specify at least one of: " +
		"reject_unauth_destination, defer_unauth_destination, reject, defer")
}

func (g *generation) newLimits(c *conf.Config) (*smtpd.ClientLimits, error) {
	except, err := c.Networks("smtpd_client_event_limit_exceptions", g.opener(c))
	if err != nil {
		return nil, fmt.Errorf("smtpd_client_event_limit_exceptions: %w", err)
	}
	return &smtpd.ClientLimits{
		Connections: c.Int("smtpd_client_connection_count_limit"), Rate: c.Int("smtpd_client_connection_rate_limit"),
		Auths: c.Int("smtpd_client_auth_rate_limit"), Messages: c.Int("smtpd_client_message_rate_limit"),
		Recipients: c.Int("smtpd_client_recipient_rate_limit"), NewTLS: c.Int("smtpd_client_new_tls_session_rate_limit"),
		Unit: c.Duration("anvil_rate_time_unit"), IPv4Prefix: c.Int("smtpd_client_ipv4_prefix_length"), IPv6Prefix: c.Int("smtpd_client_ipv6_prefix_length"),
		Except: func(a netip.Addr) bool { ok, err := except.Match(g0, a); return ok && err == nil },
	}, nil
}
