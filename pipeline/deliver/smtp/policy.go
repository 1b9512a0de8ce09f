package smtp

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mtad/mtad/core/conf/list"
	"github.com/mtad/mtad/core/dns"
	"github.com/mtad/mtad/core/tlspolicy"
)

// policy is what holds for TLS with one server.
type policy struct {
	// level is what is asked for; for dane, what the DNS leaves of it.
	level    string
	versions Versions
	// match are the names, or the fingerprints, that a certificate must have one of.
	match []string
	sni   string
	roots *x509.CertPool
	// tlsa are the usable records of level dane. unsure: the way to the name was not signed.
	tlsa   []dns.TLSA
	unsure bool
	// sts: the policy is of MTA-STS; hosts are the names of exchangers that it allows.
	sts   bool
	hosts []string
}

func (p *policy) wanted() bool   { return p.level != levelNone }
func (p *policy) required() bool { return p.level != levelNone && p.level != levelMay }

// policy returns what holds for a server of a destination.
func (a *Agent) policy(ctx context.Context, h *hop, e *endpoint) (*policy, *failure) {
	if a.plain != nil {
		return a.plain, nil
	}
	p, err := a.policyOf(ctx, h, e)
	if err != nil {
		a.o.Log.Warning("TLS policy for " + h.text + ": " + err.Error())
		f := temporary("4.7.5", "client TLS configuration problem")
		f.cause, f.ours = err, true
		return nil, f
	}
	if f := p.admits(h, e); f != nil {
		return nil, f
	}
	if p.level == levelDANE || p.level == levelDANEOnly {
		return a.dane(ctx, p, h, e)
	}
	p.expand(h, e)
	return p, nil
}

// policyOf returns the policy of a destination before the DNS is asked about it.
func (a *Agent) policyOf(ctx context.Context, h *hop, e *endpoint) (*policy, error) {
	t := &a.o.TLS
	entry, found, err := a.findPolicy(ctx, h)
	if err != nil {
		return nil, err
	}
	p := &policy{level: t.Level, sni: t.ServerName, roots: t.Roots}
	var more []attribute
	if found {
		if p.level, more, err = parsePolicy(entry); err != nil {
			return nil, err
		}
	}
	if len(t.PerSite) > 0 && len(t.Policies) == 0 {
		if p.level, err = t.site(ctx, h.name, e.host); err != nil {
			return nil, err
		}
	}
	if p.level == levelDANE && !t.DNSSEC {
		p.level = levelMay
	}
	p.versions = t.Must
	if p.level == levelMay {
		p.versions = t.May
	}
	switch p.level {
	case levelFingerprint:
		p.match = t.Prints
	case levelVerify:
		p.match = t.VerifyMatch
	case levelSecure, levelDANE, levelDANEOnly:
		p.match = t.SecureMatch
	}
	if err := p.apply(more); err != nil {
		return nil, err
	}
	if t.LooseSTS || !p.sts {
		p.hosts = nil
	} else if len(p.hosts) > 0 {
		p.match = []string{"hostname"}
	}
	switch {
	case p.level == levelDANEOnly && !t.DNSSEC:
		err = errors.New("dane-only configured with dnssec lookups disabled")
	case p.level == levelFingerprint && len(p.match) == 0:
		err = errors.New("level fingerprint without fingerprints")
	case t.Wrapper && p.level == levelMay:
		err = errors.New("level may with smtp_tls_wrappermode = yes")
	}
	return p, err
}

// findPolicy looks a destination up: as it is written or, when it is a domain and nothing else,
// the domain and what is above it, with a dot in front.
func (a *Agent) findPolicy(ctx context.Context, h *hop) (string, bool, error) {
	if len(a.o.TLS.Policies) == 0 {
		return "", false, nil
	}
	key := strings.ToLower(h.text)
	for {
		v, found, err := a.o.TLS.Policies.Lookup(ctx, key)
		if err != nil {
			return "", false, fmt.Errorf("lookup of %s: %w", key, err)
		}
		if found || strings.ContainsAny(h.text, "[]:") {
			return v, found, nil
		}
		dot := strings.IndexByte(key[1:], '.')
		if dot < 0 {
			return "", false, nil
		}
		key = key[1+dot:]
	}
}

// attribute is one name=value of a policy.
type attribute struct{ name, value string }

// parsePolicy reads an entry: "level name=value name=value".
func parsePolicy(entry string) (level string, more []attribute, err error) {
	words := list.Split(entry)
	if len(words) == 0 {
		return "", nil, errors.New("empty policy")
	}
	if level = strings.ToLower(words[0]); !isLevel(level) {
		return "", nil, fmt.Errorf("invalid security level %q", words[0])
	}
	for _, w := range words[1:] {
		text, inner := list.Payload(w)
		if !inner {
			text = w
		}
		name, value, ok := strings.Cut(text, "=")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		if !ok || value == "" {
			return "", nil, fmt.Errorf("malformed attribute/value pair %q", w)
		}
		more = append(more, attribute{strings.ToLower(name), value})
	}
	return level, more, nil
}

// apply applies the attributes of an entry. Those about ciphers and reuse change nothing here: every
// suite that is offered is strong, and connections are kept anyway.
func (p *policy) apply(more []attribute) error {
	var match []string
	for _, a := range more {
		switch a.name {
		case "match":
			if p.level == levelFingerprint {
				match = append(match, strings.Split(a.value, "|")...)
			} else {
				match = append(match, strings.Split(a.value, ":")...)
			}
		case "protocols":
			var err error
			if p.versions.Min, p.versions.Max, err = tlspolicy.Protocols(strings.Split(a.value, ":")); err != nil {
				return err
			}
		case "servername":
			p.sni = a.value
		case "policy_type":
			p.sts = a.value == "sts"
		case "mx_host_pattern":
			p.hosts = append(p.hosts, strings.ToLower(a.value))
		case "ciphers", "exclude", "connection_reuse", "enable_rpk":
		case "policy_domain", "policy_string", "policy_ttl", "policy_failure": // for reports to the domain
		default:
			return fmt.Errorf("invalid attribute name %q", a.name)
		}
	}
	if match != nil {
		p.match = match
	}
	return nil
}

// expand puts names for the words hostname, nexthop and dot-nexthop.
func (p *policy) expand(h *hop, e *endpoint) {
	named := func(word string) string {
		switch word {
		case "hostname":
			return e.host
		case "nexthop":
			return h.name
		case "dot-nexthop":
			return "." + h.name
		}
		return word
	}
	p.sni = named(p.sni)
	if p.level == levelFingerprint {
		return
	}
	p.match = slices.Clone(p.match)
	for i, m := range p.match {
		p.match[i] = named(m)
	}
}

// config returns the configuration of a handshake.
func (a *Agent) config(p *policy) *tls.Config {
	c := a.tls.Clone()
	c.MinVersion, c.MaxVersion, c.ServerName = p.versions.Min, p.versions.Max, p.sni
	if c.MinVersion == 0 {
		c.MinVersion = tls.VersionTLS12
	}
	return c
}

// judge says what a server proved by its certificates, as a word for the log; why says what is wrong
// with them, "" when they do for the policy. matched: it is whom we mean.
func (a *Agent) judge(p *policy, chain []*x509.Certificate) (word string, matched bool, why error) {
	if len(chain) == 0 {
		if p.level == levelMay || p.level == levelEncrypt {
			return "Anonymous", false, nil
		}
		return "Anonymous", false, tlspolicy.ErrNoCertificate
	}
	now := time.Now()
	switch p.level {
	case levelFingerprint:
		if a.o.TLS.Digest.Fingerprinted(chain[0], p.match) {
			return "Verified", true, nil
		}
		return "Untrusted", false, errNotVerified
	case levelDANE:
		err := tlspolicy.DANE(chain, p.tlsa, p.match, a.names(), now)
		switch {
		case err != nil:
			return "Untrusted", false, fmt.Errorf("%w: %w", errNotTrusted, err)
		case p.unsure:
			return "Trusted", false, nil
		}
		return "Verified", true, nil
	}
	return p.judgeChain(chain, a.names(), now)
}

// names says how names of certificates are compared.
func (a *Agent) names() tlspolicy.Names { return tlspolicy.Names{ManyLabels: !a.o.TLS.OneLabel} }

var (
	errNotTrusted  = errors.New("server certificate not trusted")
	errNotVerified = errors.New("server certificate not verified")
)

// judgeChain is judge for authorities and names.
func (p *policy) judgeChain(chain []*x509.Certificate, names tlspolicy.Names, now time.Time) (word string, matched bool, why error) {
	err := tlspolicy.Trusted(chain, p.roots, now)
	must := p.level == levelVerify || p.level == levelSecure
	switch {
	case err != nil && must:
		return "Untrusted", false, fmt.Errorf("%w: %w", errNotTrusted, err)
	case err != nil:
		return "Untrusted", false, nil
	case !must:
		return "Trusted", false, nil
	}
	if _, ok := names.Find(chain[0], p.match); !ok {
		return "Trusted", false, errNotVerified
	}
	return "Verified", true, nil
}
