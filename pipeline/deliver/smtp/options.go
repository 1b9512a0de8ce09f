package smtp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/mtad/mtad/core/dns"
	"github.com/mtad/mtad/core/maillog"
	"github.com/mtad/mtad/core/smtpclient"
	"github.com/mtad/mtad/core/table"
	"github.com/mtad/mtad/queue"
)

// Resolver is what the agent asks the DNS; core/dns's Resolver and Native are ones. Errors are
// dns.Error's; any other one is temporary. Safe for concurrent use.
type Resolver interface {
	MX(ctx context.Context, domain string) ([]dns.MX, error)
	Addrs(ctx context.Context, host string, want dns.Family) ([]netip.Addr, error)
}

// Options configure an agent. Begin with Defaults. The parameters named are those of smtp(8); for
// lmtp(8) they are called lmtp_….
type Options struct {
	// Log gets what is not about one recipient: failed connections, TLS. Required.
	Log *maillog.Service
	// Resolver is required unless all destinations are unix sockets or [address]es.
	Resolver Resolver
	// LMTP speaks LMTP instead of SMTP (lmtp(8)): no MX lookups, unix:path destinations.
	LMTP bool

	// Hostname is our own name (myhostname): it names unix sockets in the log, and a server
	// that greets with it is ourselves. Required.
	Hostname string
	// Helo is the name given in EHLO (smtp_helo_name, lmtp_lhlo_name). Default Hostname.
	Helo string
	// OwnNames and OwnAddrs, besides Hostname, are ours: mail is not sent to port 25 of them
	// (inet_interfaces, proxy_interfaces).
	OwnNames []string
	OwnAddrs []netip.Addr

	// Port is the port of a destination without one (smtp_tcp_port, lmtp_tcp_port).
	Port uint16
	// SocketDir is where the path of a unix socket begins that is not absolute
	// (queue_directory).
	SocketDir string
	// BindAddress and BindAddress6 are the local addresses of connections
	// (smtp_bind_address, smtp_bind_address6). Default: the system chooses.
	BindAddress, BindAddress6 netip.Addr
	// BindEnforce defers mail when a bind address cannot be used, instead of going on without
	// (smtp_bind_address_enforce).
	BindEnforce bool
	// FallbackRelay are destinations to try when the others do not answer, are not found or
	// defer (smtp_fallback_relay).
	FallbackRelay []string

	// Protocols are the address families in use (inet_protocols).
	Protocols dns.Family
	// Prefer is the family tried first among equals; 0 for any (smtp_address_preference).
	Prefer dns.Family
	// KeepOrder tries addresses of equal preference in the order of the DNS answer instead of a
	// random one (smtp_randomize_addresses=no).
	KeepOrder bool
	// Unbalanced lets one family use up AddressLimit (smtp_balance_inet_protocols=no).
	Unbalanced bool
	// AddressLimit is how many addresses of a destination are tried (smtp_mx_address_limit), 0
	// for all; SessionLimit how many sessions (smtp_mx_session_limit), 0 for any number.
	AddressLimit, SessionLimit int
	// IgnoreMXErrors takes a failed MX lookup for "no MX" (ignore_mx_lookup_error).
	IgnoreMXErrors bool
	// DeferWithoutMXAddress defers instead of bouncing when no MX host has an address
	// (smtp_defer_if_no_mx_address_found).
	DeferWithoutMXAddress bool

	// Services are the names of ports that are looked up as services of a domain, by SRV records:
	// "example.com:submission" (use_srv_lookup). IgnoreSRVErrors takes a failed lookup for none
	// (ignore_srv_lookup_error); SRVFallback goes on by MX and addresses without records, too
	// (allow_srv_lookup_fallback).
	Services                     []string
	IgnoreSRVErrors, SRVFallback bool
	// CanonicalNames takes the name at the end of its aliases for a server's (smtp_cname_overrides_servername).
	CanonicalNames bool
	// BestMX delivers mail for domains whose best exchanger we are, in the place of returning it
	// (best_mx_transport); nil: it is returned.
	BestMX func(ctx context.Context, req *queue.Request) []queue.Result
	// AssumeFinal takes a server that does not offer DSN for the one that delivers (lmtp_assume_final).
	AssumeFinal bool

	// BounceAtGreeting makes a greeting of class 5 permanent (smtp_skip_5xx_greeting=no).
	BounceAtGreeting bool
	// HELOOnly is smtp_never_send_ehlo, EHLOIfOffered smtp_always_send_ehlo=no.
	HELOOnly, EHLOIfOffered bool
	// Discard are extensions to take for not offered (smtp_discard_ehlo_keywords).
	Discard smtpclient.Ext
	// DiscardFor has the extensions for a server's address, which then count in the place of
	// Discard (smtp_discard_ehlo_keyword_address_maps); nil: nobody has any.
	DiscardFor func(ctx context.Context, server netip.Addr) (set smtpclient.Ext, found bool, err error)
	// LineLimit is smtp_line_length_limit in bytes; 0, the default here, sends lines as they
	// are, since breaking them breaks signatures. Else at least 64.
	LineLimit int
	// Keep8Bit sends 8-bit text to servers without 8BITMIME as it is
	// (disable_mime_output_conversion).
	Keep8Bit bool

	// Probe is how far a probe goes (smtp_address_verify_target).
	Probe smtpclient.Probe

	// Generic are tables of addresses for mail on its way out (smtp_generic_maps).
	Generic Generic
	// Forward tells servers that offer XFORWARD where mail came from (smtp_send_xforward_command).
	Forward bool
	// Replies are tables of lines of replies, and what to read instead (smtp_reply_filter).
	Replies table.Maps
	// Checks are tables that change mail on its way out (smtp_header_checks …).
	Checks Checks

	// ConnectTimeout bounds the making of a connection (smtp_connect_timeout).
	ConnectTimeout time.Duration
	// Timeouts bound the conversation.
	Timeouts smtpclient.Timeouts

	// IdleTime is how long an unused connection is kept (smtp_connection_cache_time_limit); 0
	// keeps none. MaxIdle is how many are kept. ReuseTime is how old a connection may become
	// (smtp_connection_reuse_time_limit), ReuseCount how many messages it carries, 0 for any
	// number (smtp_connection_reuse_count_limit).
	IdleTime, ReuseTime time.Duration
	MaxIdle, ReuseCount int

	// Trouble is told of a server ("host[address]:port") that did not speak the protocol, or says that
	// we do not, and how the dialogue ended (notify_classes: protocol); nil: nobody asks. It may wait, and must be
	// safe for concurrent use.
	Trouble func(server, transcript string)

	// TLS and SASL are as their types say.
	TLS  TLS
	SASL SASL

	// Dial makes a connection; network is "tcp" or "unix", address "host:port" with a numeric
	// host, or a path. Default: a net.Dialer with the bind addresses. ctx has the deadline.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Defaults returns the options with the defaults of postconf(5), for SMTP or LMTP. Log, Resolver
// and Hostname remain to be set.
func Defaults(lmtp bool) Options {
	o := Options{
		LMTP: lmtp, Port: 25, Protocols: dns.Both,
		AddressLimit: 5, SessionLimit: 2, Probe: smtpclient.ProbeRcpt,
		ConnectTimeout: 30 * time.Second, Timeouts: smtpclient.DefaultTimeouts(),
		IdleTime: 2 * time.Second, ReuseTime: 300 * time.Second, MaxIdle: 200,
		SASL: SASL{Delimiter: ":", Clear: NoPlaintext | NoAnonymous, Encrypted: NoPlaintext | NoAnonymous, Verified: NoPlaintext | NoAnonymous},
	}
	if lmtp {
		o.Port = 24
	}
	return o
}

// complete checks o and fills in what depends on other options.
func (o *Options) complete() error {
	switch {
	case o.Log == nil:
		return errors.New("no log")
	case o.Hostname == "":
		return errors.New("no host name")
	case o.Port == 0:
		return errors.New("no default port")
	case o.Protocols&dns.Both == 0:
		return errors.New("no address family (inet_protocols)")
	case o.LineLimit < 0 || o.LineLimit > 0 && o.LineLimit < 64:
		return fmt.Errorf("smtp_line_length_limit = %d is neither 0 nor at least 64", o.LineLimit)
	case o.Probe == smtpclient.NoProbe:
		return errors.New("a probe would be delivered")
	case o.ConnectTimeout <= 0 || !positive(&o.Timeouts):
		return errors.New("a time limit is not positive")
	}
	if o.Helo == "" {
		o.Helo = o.Hostname
	}
	if o.Dial == nil {
		o.Dial = o.dial
	}
	return o.TLS.check()
}

func positive(t *smtpclient.Timeouts) bool {
	return min(t.Helo, t.StartTLS, t.Mail, t.Rcpt, t.DataInit, t.DataXfer, t.DataDone, t.Rset, t.Forward, t.Quit) > 0
}

// dial connects from the bind address of the right family.
func (o *Options) dial(ctx context.Context, network, address string) (net.Conn, error) {
	d := net.Dialer{KeepAlive: -1} // every read has a deadline
	if network == "tcp" {
		ap, err := netip.ParseAddrPort(address)
		if err != nil {
			return nil, err
		}
		local := o.BindAddress
		if ap.Addr().Is6() {
			local = o.BindAddress6
		}
		if local.IsValid() {
			d.LocalAddr = &net.TCPAddr{IP: local.AsSlice(), Zone: local.Zone()}
		}
	}
	c, err := d.DialContext(ctx, network, address)
	if d.LocalAddr == nil || !isBind(err) {
		return c, err
	}
	o.Log.Warning("bind " + d.LocalAddr.(*net.TCPAddr).IP.String() + ": " + systemText(err))
	if o.BindEnforce {
		return nil, errBind
	}
	d.LocalAddr = nil
	return d.DialContext(ctx, network, address)
}

// errBind says that an address of ours is not to be had.
var errBind = errors.New("smtp_bind_address or smtp_bind_address6 cannot be used")

func isBind(err error) bool {
	var call *os.SyscallError
	return errors.As(err, &call) && call.Syscall == "bind"
}
