package master

import (
	"fmt"
	"strings"

	"github.com/mtad/mtad/core/conf"
	"github.com/mtad/mtad/core/conf/domainlist"
	"github.com/mtad/mtad/core/maillog"
	"github.com/mtad/mtad/core/table"
	"github.com/mtad/mtad/pipeline/smtpd"
)

// manners sets what is said in the place of refusals, what the log says of permissions,
// and who may say who the client is.
func (g *generation) manners(c *conf.Config, o *smtpd.Options, log *maillog.Service) error {
	maps, err := g.openMaps(c, "smtpd_reject_filter_maps")
	if err != nil {
		return err
	}
	if len(maps) > 0 {
		o.Replace = func(reply string) (string, bool) {
			v, ok, err := maps.Lookup(g0, reply)
			if err != nil {
				log.Warning("smtpd_reject_filter_maps: " + err.Error())
			}
			return v, ok && err == nil
		}
	}
	if o.LogPermit, err = g.listed(c, "smtpd_log_access_permit_actions", log); err != nil {
		return err
	}
	return g.mayIdentify(c, o)
}

// listed reads a list of words, tables of them and files; nil when it is empty. A table that cannot be
// asked has no word: the lists decide about nothing that could harm.
func (g *generation) listed(c *conf.Config, name string, log *maillog.Service) (func(string) bool, error) {
	items := c.Items(name)
	if len(items) == 0 {
		return nil, nil
	}
	l, err := domainlist.New(items, domainlist.None, g.opener(c))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return func(word string) bool {
		ok, err := l.Match(g0, word)
		if err != nil {
			log.Warning(name + ": " + err.Error())
		}
		return ok && err == nil
	}, nil
}

// filteredDNS is the DNS as an smtpd service sees it: without the records that smtpd_dns_reply_filter
// ignores.
func (g *generation) filteredDNS(c *conf.Config) (resolver, error) {
	const name = "smtpd_dns_reply_filter"
	maps, err := g.openMaps(c, name)
	if err != nil || len(maps) == 0 {
		return g.dns, err
	}
	return newResolver(g.cfg, func(record string) (bool, error) { return ignored(maps, name, record) })
}

// ignored reports whether a table says IGNORE of a record, in any case.
func ignored(maps table.Maps, name, record string) (bool, error) {
	action, found, err := maps.Lookup(g0, record)
	switch {
	case err != nil:
		return false, fmt.Errorf("%s: %w", name, err)
	case !found:
		return false, nil
	case strings.EqualFold(strings.TrimSpace(action), "IGNORE"):
		return true, nil
	}
	return false, fmt.Errorf("%s: %q is not IGNORE", name, action)
}
