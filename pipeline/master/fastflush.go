package master

import (
	"context"
	"strings"
	"time"

	"github.com/mtad/mtad/pipeline/ctl"
	"github.com/mtad/mtad/pipeline/smtpd"
)

// flushSiteTime bounds how long a table of fast_flush_domains is asked for one domain.
const flushSiteTime = 5 * time.Second

// flushSites is fast_flush_domains for the queue manager; nil when it is empty. A table that
// cannot be asked says no: then the mail for a site is found by its next attempt.
func (g *generation) flushSites() (func(domain string) bool, error) {
	l, err := g.domains(g.cfg, "fast_flush_domains")
	if err != nil || l == nil {
		return nil, err
	}
	return func(domain string) bool {
		ctx, cancel := context.WithTimeout(g0, flushSiteTime)
		defer cancel()
		ok, err := l.Match(ctx, domain)
		return ok && err == nil
	}, nil
}

// fastFlush says whether fast_flush_domains has a site: a domain, or an address in brackets.
func (g *generation) fastFlush(ctx context.Context, site string) error {
	l, err := g.domains(g.cfg, "fast_flush_domains")
	if err != nil {
		return err
	}
	ok := false
	if l != nil {
		ok, err = l.Match(ctx, strings.ToLower(site))
	}
	if err == nil && !ok {
		err = ctl.NotEligible(site)
	}
	return err
}

// FlushSite makes deferred mail for a domain due that is in fast_flush_domains.
func (b backend) FlushSite(ctx context.Context, domain string) (int, error) {
	g := b.gen()
	if err := g.fastFlush(ctx, domain); err != nil {
		return 0, err
	}
	return g.queue.FlushSite(ctx, domain)
}

// flushSite is what ETRN asks for.
func (m *Master) flushSite(ctx context.Context, site string) error {
	_, err := backend{m}.FlushSite(ctx, site)
	if ctl.IsNotEligible(err) {
		return smtpd.ErrNotEligible
	}
	return err
}
