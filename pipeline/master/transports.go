package master

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/mtad/mtad/core/conf"
	"github.com/mtad/mtad/core/conf/mastercf"
	"github.com/mtad/mtad/core/dns"
	"github.com/mtad/mtad/core/privsep"
	"github.com/mtad/mtad/core/smtpclient"
	"github.com/mtad/mtad/pipeline/deliver/failing"
	"github.com/mtad/mtad/pipeline/deliver/mailbox"
	deliver "github.com/mtad/mtad/pipeline/deliver/smtp"
	"github.com/mtad/mtad/pipeline/deliver/virtual"
	"github.com/mtad/mtad/queue"
	"github.com/mtad/mtad/queue/qmgr"
	"github.com/mtad/mtad/queue/qmgr/sched"
)

// transports builds the delivery services of master.cf.
func (g *generation) transports() (map[string]qmgr.Transport, error) {
	all := map[string]qmgr.Transport{}
	g.agents = map[string]queue.Agent{}
	for _, s := range g.cfg.Services() {
		if s.Type != mastercf.Unix {
			continue
		}
		c := g.cfg.For(s)
		agent, err := g.agent(c, s)
		if err != nil {
			return nil, fmt.Errorf("service %s: %w", s.String(), err)
		}
		if agent == nil {
			continue
		}
		if agent, err = g.filtered(c, s.Program, agent); err != nil {
			return nil, fmt.Errorf("service %s: %w", s.String(), err)
		}
		g.agents[s.Name] = agent
		if all[s.Name], err = transport(g.cfg, s, agent); err != nil {
			return nil, fmt.Errorf("service %s: %w", s.String(), err)
		}
	}
	return all, g.addPlugins(all)
}

// agent builds the agent of a service; nil for a service that delivers nothing.
func (g *generation) agent(c *conf.Config, s mastercf.Service) (queue.Agent, error) {
	switch s.Program {
	case "smtp":
		return g.smtpAgent(c, s, "smtp")
	case "lmtp":
		return g.smtpAgent(c, s, "lmtp")
	case "error":
		if s.Name == "retry" {
			return failing.Retry(time.Now), nil
		}
		return failing.Error(time.Now), nil
	case "discard":
		return failing.Discard(time.Now), nil
	case "local":
		return g.localAgent(c)
	case "virtual":
		return g.virtualAgent(c)
	case "pipe":
		return g.pipeAgent(c, s)
	}
	return nil, nil
}

// transport reads the limits of a delivery service.
func transport(c *conf.Config, s mastercf.Service, a queue.Agent) (qmgr.Transport, error) {
	t, p := qmgr.NewTransport(a), c.Transport(s.Name)
	t.Processes = processLimit(c, s)
	t.RecipientLimit = p.Int("destination_recipient_limit")
	t.DestinationDelay = p.Duration("destination_rate_delay")
	t.Delay = p.Duration("transport_rate_delay")
	t.Deferred = c.Has("defer_transports", s.Name)
	t.Window.Initial = p.Int("initial_destination_concurrency")
	t.Window.Max = p.Int("destination_concurrency_limit")
	t.Window.Cohorts = float64(p.Int("destination_concurrency_failed_cohort_limit"))
	var err error
	if t.Window.Positive, err = sched.ParseFeedback(p.String("destination_concurrency_positive_feedback")); err != nil {
		return t, fmt.Errorf("destination_concurrency_positive_feedback: %w", err)
	}
	if t.Window.Negative, err = sched.ParseFeedback(p.String("destination_concurrency_negative_feedback")); err != nil {
		return t, fmt.Errorf("destination_concurrency_negative_feedback: %w", err)
	}
	return t, nil
}

// smtpAgent builds a client; p is smtp or lmtp, the prefix of its parameters.
func (g *generation) smtpAgent(c *conf.Config, s mastercf.Service, p string) (queue.Agent, error) {
	o := deliver.Defaults(p == "lmtp")
	o.Log, o.Hostname = g.m.logOf(c, s.Program), c.String("myhostname")
	o.Helo = c.String(map[string]string{"smtp": "smtp_helo_name", "lmtp": "lmtp_lhlo_name"}[p])
	if err := g.clientLookups(c, p, &o); err != nil {
		return nil, err
	}
	own, err := ownAddresses(c)
	if err != nil {
		return nil, err
	}
	o.OwnAddrs, o.SocketDir = own, g.m.places.queue
	o.FallbackRelay = c.List(p + "_fallback_relay")
	number, err := portNumber(c.String(p + "_tcp_port"))
	if err != nil {
		return nil, err
	}
	port, _ := strconv.ParseUint(number, 10, 16)
	o.Port = uint16(port)
	if err := clientAddresses(c, p, &o); err != nil {
		return nil, err
	}
	clientConnection(c, p, &o)
	discard := map[string]string{"smtp": "smtp_discard_ehlo_keywords", "lmtp": "lmtp_discard_lhlo_keywords"}[p]
	if o.Discard, err = smtpclient.ParseExt(c.List(discard)); err != nil {
		return nil, fmt.Errorf("%s: %w", discard, err)
	}
	o.Timeouts = clientTimeouts(c, p)
	if c.String(map[string]string{"smtp": "smtp_address_verify_target", "lmtp": "lmtp_address_verify_target"}[p]) == "data" {
		o.Probe = smtpclient.ProbeData
	}
	if o.TLS, err = g.clientTLS(c, p); err != nil {
		return nil, err
	}
	if err := g.clientChecks(c, p, &o.Checks); err != nil {
		return nil, err
	}
	if o.Generic.Maps, err = g.openMaps(c, p+"_generic_maps"); err != nil {
		return nil, err
	}
	if o.Replies, err = g.openMaps(c, p+"_reply_filter"); err != nil {
		return nil, err
	}
	o.Forward = c.Bool(p + "_send_xforward_command")
	o.Generic.Site, o.Generic.Propagate = g.rewriter.Site(), c.Has("propagate_unmatched_extensions", "generic")
	if o.Trouble, err = g.serverTrouble(c); err != nil {
		return nil, err
	}
	if err := g.clientSASL(c, p, &o.SASL); err != nil {
		return nil, err
	}
	a, err := deliver.New(o)
	if err != nil {
		return nil, err
	}
	g.onClose(a.Close)
	return a, nil
}

// clientAddresses sets which addresses are used and in which order.
func clientAddresses(c *conf.Config, p string, o *deliver.Options) error {
	v4, v6 := c.Protocols()
	o.Protocols = 0
	if v4 {
		o.Protocols |= dns.IPv4
	}
	if v6 {
		o.Protocols |= dns.IPv6
	}
	o.Prefer = map[string]dns.Family{"ipv4": dns.IPv4, "ipv6": dns.IPv6}[c.String(p+"_address_preference")]
	o.KeepOrder, o.Unbalanced = !c.Bool(p+"_randomize_addresses"), !c.Bool(p+"_balance_inet_protocols")
	o.AddressLimit, o.SessionLimit = c.Int(p+"_mx_address_limit"), c.Int(p+"_mx_session_limit")
	o.IgnoreMXErrors, o.DeferWithoutMXAddress = c.Bool("ignore_mx_lookup_error"), c.Bool(p+"_defer_if_no_mx_address_found")
	for name, to := range map[string]*netip.Addr{p + "_bind_address": &o.BindAddress, p + "_bind_address6": &o.BindAddress6} {
		v := strings.Trim(c.String(name), "[]")
		if v == "" {
			continue
		}
		a, err := netip.ParseAddr(v)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		*to = a
	}
	return nil
}

// clientConnection sets how connections are used.
func clientConnection(c *conf.Config, p string, o *deliver.Options) {
	o.BounceAtGreeting = !c.Bool(p + "_skip_5xx_greeting")
	if p == "smtp" {
		o.HELOOnly, o.EHLOIfOffered = c.Bool("smtp_never_send_ehlo"), !c.Bool("smtp_always_send_ehlo")
	}
	// Lines are broken only where the configuration asks for it: breaking them breaks signatures.
	if limit := p + "_line_length_limit"; c.IsSet(limit) {
		o.LineLimit = c.Int(limit)
	}
	o.Keep8Bit = c.Bool("disable_mime_output_conversion")
	o.IdleTime, o.ReuseTime = c.Duration(p+"_connection_cache_time_limit"), c.Duration(p+"_connection_reuse_time_limit")
	o.ReuseCount = c.Int(p + "_connection_reuse_count_limit")
	if !c.Bool(p + "_connection_cache_on_demand") {
		o.IdleTime = 0
	}
	if t := c.Duration(p + "_connect_timeout"); t > 0 {
		o.ConnectTimeout = t
	}
}

func clientTimeouts(c *conf.Config, p string) smtpclient.Timeouts {
	helo := map[string]string{"smtp": "smtp_helo_timeout", "lmtp": "lmtp_lhlo_timeout"}[p]
	return smtpclient.Timeouts{
		Helo: c.Duration(helo), StartTLS: c.Duration(p + "_starttls_timeout"), Mail: c.Duration(p + "_mail_timeout"),
		Rcpt: c.Duration(p + "_rcpt_timeout"), DataInit: c.Duration(p + "_data_init_timeout"),
		DataXfer: c.Duration(p + "_data_xfer_timeout"), DataDone: c.Duration(p + "_data_done_timeout"),
		Rset: c.Duration(p + "_rset_timeout"), Forward: c.Duration(p + "_xforward_timeout"), Quit: c.Duration(p + "_quit_timeout"),
	}
}

// mailboxes is what local and virtual write with, in a place that the parent has to allow; size and
// locks are their parameters.
func (g *generation) mailboxes(c *conf.Config, place privsep.Place, size, locks string) (mailbox.Deliverer, error) {
	l, err := mailbox.ParseLocks(c.String(locks))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", locks, err)
	}
	o := mailbox.Options{
		Hostname: c.String("myhostname"), SizeLimit: c.Size(size), Locks: l,
		LockAttempts: c.Int("deliver_lock_attempts"), LockDelay: c.Duration("deliver_lock_delay"),
		StaleLock: c.Duration("stale_lock_time"), StrictOwner: c.Bool("strict_mailbox_ownership"),
		Create: mailbox.CreateAll,
	}
	if place == privsep.AnyFile {
		o.Create = mailbox.CreateBelow // where a file is named its directory is there
	}
	if u := g.m.around.users; u != nil {
		return u.Mailboxes(place, o), nil
	}
	return mailbox.AsSelf{W: mailbox.New(o)}, nil
}

func (g *generation) virtualAgent(c *conf.Config) (queue.Agent, error) {
	w, err := g.mailboxes(c, privsep.Virtual, "virtual_mailbox_limit", "virtual_mailbox_lock")
	if err != nil {
		return nil, err
	}
	o := virtual.Options{
		Base: c.String("virtual_mailbox_base"), MinUID: c.Int("virtual_minimum_uid"),
		RecipientDelimiter: c.String("recipient_delimiter"),
		Original:           c.Bool("enable_original_recipient"), Mailbox: w,
	}
	if o.Base == "" {
		return nil, nil // virtual(8) is not used: nothing to deliver to
	}
	for name, to := range map[string]*virtual.Table{
		"virtual_mailbox_maps": &o.Mailboxes, "virtual_uid_maps": &o.UIDs, "virtual_gid_maps": &o.GIDs,
	} {
		maps, err := g.openMaps(c, name)
		if err != nil {
			return nil, err
		}
		if len(maps) > 0 || name == "virtual_mailbox_maps" {
			*to = maps
		}
	}
	return virtual.New(o)
}
