package audit

import (
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"

	"github.com/mtad/mtad/core/conf"
	"github.com/mtad/mtad/core/conf/mastercf"
	"github.com/mtad/mtad/core/table"
)

// classes looks for domains in two address classes (ADDRESS_CLASS_README): what becomes of their mail
// is an accident.
func (a *auditor) classes() {
	names := []string{"mydestination", "virtual_alias_domains", "virtual_mailbox_domains", "relay_domains"}
	first := map[string]string{}
	for _, name := range names {
		if raw, _, _ := a.c.Lookup(name); name == "relay_domains" && strings.Contains(raw, "mydestination") {
			continue // the default of old times, which does no harm
		}
		all := words(a.c, name)
		for _, domain := range slices.Sorted(maps.Keys(all)) {
			if strings.Contains(domain, "@") || !strings.Contains(domain, ".") { // a user of virtual_alias_maps
				continue
			}
			if other, twice := first[domain]; twice {
				_, where, _ := a.c.Lookup(name)
				at := all[domain]
				if at.file == "" {
					at = origin{where.File, where.Line}
				}
				a.add(conf.Finding{Parameter: name, Value: domain, Status: conf.StatusEffective, Warn: true, File: at.file, Line: at.line,
					Note: fmt.Sprintf("the domain %s is in %s too: list it once", domain, other)})
				continue
			}
			first[domain] = name
		}
	}
}

// services looks at the services of master.cf and at what refers to them.
func (a *auditor) services() {
	ports := map[string]mastercf.Service{}
	var chrooted []string
	var first mastercf.Service
	for _, s := range a.c.Services() {
		switch {
		case s.Type == mastercf.Inet:
			a.samePort(ports, s)
		case s.Program == "pipe":
			a.pipe(s)
		}
		if s.File != "" && s.Chroot && s.Column("chroot") == "-" {
			if chrooted == nil {
				first = s
			}
			chrooted = append(chrooted, s.String())
		}
	}
	if chrooted != nil {
		a.add(conf.Finding{Parameter: first.String(), Value: "-", Status: conf.StatusAccepted, Warn: true, File: first.File, Line: first.Line,
			Note: fmt.Sprintf("\"-\" in the chroot column means y at compatibility_level 0 and n since 3.0; say which it is (%d services: %s)", len(chrooted), strings.Join(chrooted, " "))})
	}
	a.slowSites()
}

// samePort reports two services at one address.
func (a *auditor) samePort(ports map[string]mastercf.Service, s mastercf.Service) {
	host, port := s.HostPort()
	if n, err := net.LookupPort("tcp", port); err == nil {
		port = fmt.Sprint(n)
	}
	key := net.JoinHostPort(host, port)
	if other, twice := ports[key]; twice {
		a.service(s, s.Name, fmt.Sprintf("listens where %s of line %d does", other.String(), other.Line), true)
		return
	}
	ports[key] = s
}

// service reports something about a service.
func (a *auditor) service(s mastercf.Service, value, note string, bad bool) {
	a.add(conf.Finding{Parameter: s.String(), Value: value, Status: conf.StatusEffective, File: s.File, Line: s.Line, Warn: true, Bad: bad, Note: note})
}

// pipe looks at the flags of a service that runs a command: with D, and with O, a message goes to one
// recipient at a time (pipe(8)).
func (a *auditor) pipe(s mastercf.Service) {
	for _, arg := range s.Args {
		flags, ok := strings.CutPrefix(arg, "flags=")
		if !ok || !strings.ContainsAny(flags, "DO") || a.c.Transport(s.Name).Int("destination_recipient_limit") == 1 {
			continue
		}
		if s.Name == "maildrop" && !a.used(s.Name) {
			continue // a sample that every system ships, and nobody uses
		}
		a.service(s, arg, fmt.Sprintf("the flags D and O need %s_destination_recipient_limit = 1; mail for several recipients is deferred", s.Name), false)
	}
}

// used reports whether a parameter or a text table of transports names a service.
func (a *auditor) used(service string) bool {
	names := func(value string) bool {
		transport, _, _ := strings.Cut(value, ":")
		return transport == service
	}
	for _, name := range []string{"mailbox_transport", "fallback_transport", "local_transport", "virtual_transport", "relay_transport", "default_transport", "content_filter"} {
		if names(a.c.String(name)) {
			return true
		}
	}
	for _, transport := range a.transportKeys() {
		if names(transport) {
			return true
		}
	}
	return a.c.IsSet(service + "_destination_recipient_limit")
}

// transportKeys returns what the text tables of transport_maps say, by key.
func (a *auditor) transportKeys() map[string]string {
	found := map[string]string{}
	for _, spec := range a.c.List("transport_maps") {
		kind, name := table.Split(strings.TrimPrefix(spec, "proxy:"), a.c.String("default_database_type"))
		if table.Indexed(kind) || kind == "texthash" {
			readPairs(name, found)
		}
	}
	return found
}

// slowSites looks for sites whose mail waits for `postqueue -s`, which works for those of
// fast_flush_domains only.
func (a *auditor) slowSites() {
	deferred := a.c.List("defer_transports")
	if len(deferred) == 0 {
		return
	}
	flushed := words(a.c, "fast_flush_domains")
	_, where, _ := a.c.Lookup("defer_transports")
	keys := a.transportKeys()
	for _, site := range slices.Sorted(maps.Keys(keys)) {
		transport, _, _ := strings.Cut(keys[site], ":")
		if _, ok := flushed[strings.TrimPrefix(site, ".")]; ok || !slices.Contains(deferred, transport) || strings.Contains(site, "@") {
			continue
		}
		a.add(conf.Finding{Parameter: "fast_flush_domains", Value: site, Status: conf.StatusEffective, Warn: true, File: where.File, Line: where.Line,
			Note: fmt.Sprintf("mail for %s waits for the transport %s, but postqueue -s %s is refused: the site is not in fast_flush_domains", site, transport, site)})
	}
}
