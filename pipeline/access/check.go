package access

import (
	"context"
	"errors"
	"net/netip"
	"strings"

	"github.com/mtad/mtad/core/addr"
	"github.com/mtad/mtad/core/dns"
	"github.com/mtad/mtad/core/status"
)

// tableCheck is a check_*_access restriction.
type tableCheck struct {
	k     *Compiler
	table Table
	rule  string // for the log: restriction and table
	list  string // the list that it stands in
	what  lookup
}

// lookup says what a restriction looks up: a thing, and perhaps its servers.
type lookup struct{ thing, server string }

// tableChecks are the restrictions that take a table.
var tableChecks = map[string]lookup{
	"check_client_access":                     {"client", ""},
	"check_client_a_access":                   {"client", "a"},
	"check_client_mx_access":                  {"client", "mx"},
	"check_client_ns_access":                  {"client", "ns"},
	"check_reverse_client_hostname_access":    {"reverse", ""},
	"check_reverse_client_hostname_a_access":  {"reverse", "a"},
	"check_reverse_client_hostname_mx_access": {"reverse", "mx"},
	"check_reverse_client_hostname_ns_access": {"reverse", "ns"},
	"check_helo_access":                       {"helo", ""},
	"check_helo_a_access":                     {"helo", "a"},
	"check_helo_mx_access":                    {"helo", "mx"},
	"check_helo_ns_access":                    {"helo", "ns"},
	"check_sender_access":                     {"sender", ""},
	"check_sender_a_access":                   {"sender", "a"},
	"check_sender_mx_access":                  {"sender", "mx"},
	"check_sender_ns_access":                  {"sender", "ns"},
	"check_recipient_access":                  {"recipient", ""},
	"check_recipient_a_access":                {"recipient", "a"},
	"check_recipient_mx_access":               {"recipient", "mx"},
	"check_recipient_ns_access":               {"recipient", "ns"},
	"check_etrn_access":                       {"etrn", ""},
	"check_sasl_access":                       {"sasl", ""},
}

// ask looks the thing up and does what the table says.
func (t *tableCheck) ask(ctx context.Context, e Env, c *Codes, q *Query) (Decision, *status.Error) {
	name, class, domain, ok := t.subject(q)
	if !ok {
		return Dunno, nil
	}
	var v string
	var found bool
	var err error
	switch {
	case t.what.server != "":
		v, found, err = t.servers(ctx, e, domain)
	case t.what.thing == "client" || t.what.thing == "reverse":
		if v, found, err = t.host(ctx, domain); !found && err == nil {
			v, found, err = t.address(ctx, q.Origin.Client.Addr().Unmap())
		}
	case t.what.thing == "helo":
		v, found, err = t.host(ctx, domain)
	case t.what.thing == "sender" && q.Sender == "":
		v, found, err = t.lookup(ctx, c.NullKey, true)
	case t.what.thing == "sender" || t.what.thing == "recipient":
		v, found, err = t.mailbox(ctx, e, name)
	default:
		v, found, err = t.lookup(ctx, name, true)
	}
	if err != nil {
		return Refuse, status.New(451, "4.3.5", "<%s>: %s rejected: Server configuration error", name, class).Because(err).By(t.rule)
	}
	if !found {
		return Dunno, nil
	}
	d, refusal := t.result(ctx, e, c, q, v, name, class)
	if d == Permit && (t.what.server != "" || t.what.thing == "reverse") {
		// Whoever owns the DNS zone chose the key: it must not open the door.
		q.note("warning", "restriction "+t.rule+" returns OK for "+name+"; this is not allowed for security reasons")
		return Dunno, nil
	}
	return d, refusal
}

// subject is what the reply names, and the domain whose keys are looked up; ok is false when the
// client did not say it.
func (t *tableCheck) subject(q *Query) (name, class, domain string, ok bool) {
	switch t.what.thing {
	case "client":
		return clientText(q.Origin), "Client host", nameOr(q.Origin.ClientName), true
	case "reverse":
		r := *q.Origin
		r.ClientName = r.ReverseName
		return clientText(&r), "Unverified Client host", nameOr(q.Origin.ReverseName), true
	case "helo":
		return q.Origin.Helo, "Helo command", q.Origin.Helo, q.Origin.Helo != ""
	case "sender":
		return q.Sender, "Sender address", addr.Domain(q.Sender), q.HasSender && (q.Sender != "" || t.what.server == "")
	case "recipient":
		return q.Recipient, "Recipient address", addr.Domain(q.Recipient), q.HasRecipient
	case "etrn":
		return q.Etrn, "Etrn command", q.Etrn, q.Etrn != ""
	}
	return q.Origin.SASLUser, "SASL login name", "", q.Origin.SASLUser != ""
}

func nameOr(name string) string {
	if name == "" {
		return "unknown"
	}
	return name
}

// lookup asks the table; one of patterns is asked for whole keys alone.
func (t *tableCheck) lookup(ctx context.Context, key string, whole bool) (string, bool, error) {
	if !whole && isPattern(t.table) {
		return "", false, nil
	}
	return t.table.Lookup(ctx, folded(t.table, key))
}

// isPattern reports whether a table is one of patterns.
func isPattern(t Table) bool {
	w, ok := t.(interface{ WholeKey() bool })
	return ok && w.WholeKey()
}

// folded is a key as a table has it: in lower case, unless it is one of patterns.
func folded(t Table, key string) string {
	if isPattern(t) {
		return key
	}
	return strings.ToLower(key)
}

// host asks for a name and the domains above it.
func (t *tableCheck) host(ctx context.Context, name string) (string, bool, error) {
	v, ok, err := t.lookup(ctx, name, true)
	if ok || err != nil {
		return v, ok, err
	}
	return t.above(ctx, name)
}

// above asks for the domains above a name: "example.com", or ".example.com" where
// parent_domain_matches_subdomains does not have smtpd_access_maps.
func (t *tableCheck) above(ctx context.Context, name string) (string, bool, error) {
	for {
		i := strings.IndexByte(name, '.')
		if i < 0 || i+1 == len(name) {
			return "", false, nil
		}
		key := name[i:]
		name = name[i+1:]
		if t.k.Parents {
			key = name
		}
		if v, ok, err := t.lookup(ctx, key, false); ok || err != nil {
			return v, ok, err
		}
	}
}

// address asks for an address and the networks around it: 1.2.3.4, 1.2.3, 1.2, 1.
func (t *tableCheck) address(ctx context.Context, a netip.Addr) (string, bool, error) {
	key, sep := a.WithZone("").String(), "."
	if a.Is6() {
		sep = ":"
	}
	for whole := true; ; whole = false {
		if v, ok, err := t.lookup(ctx, key, whole); ok || err != nil {
			return v, ok, err
		}
		i := strings.LastIndex(key, sep)
		if i < 0 {
			return "", false, nil
		}
		if key = strings.TrimRight(key[:i], sep); key == "" {
			return "", false, nil
		}
	}
}

// mailbox asks for an address, without its extension, its domain and those above, and its user
// name with "@".
func (t *tableCheck) mailbox(ctx context.Context, e Env, address string) (string, bool, error) {
	local, domain, _ := addr.Split(e.Standard(address))
	local = addr.Unquote(local)
	if v, ok, err := t.lookup(ctx, local+"@"+domain, true); ok || err != nil {
		return v, ok, err
	}
	keys := []string{domain}
	base, extended := e.Base(local)
	if extended {
		keys = []string{base + "@" + domain, domain}
	}
	for _, key := range keys {
		if v, ok, err := t.lookup(ctx, key, false); ok || err != nil {
			return v, ok, err
		}
	}
	if v, ok, err := t.above(ctx, domain); ok || err != nil {
		return v, ok, err
	}
	v, ok, err := t.lookup(ctx, local+"@", false)
	if !ok && err == nil && extended {
		v, ok, err = t.lookup(ctx, base+"@", false)
	}
	return v, ok, err
}

// servers asks for the hosts and addresses that serve a domain. A DNS failure finds nothing, as
// in Postfix: these tables name known offenders.
func (t *tableCheck) servers(ctx context.Context, e Env, domain string) (string, bool, error) {
	if literal := strings.HasPrefix(domain, "["); literal {
		a, err := netip.ParseAddr(strings.TrimPrefix(strings.Trim(domain, "[]"), "IPv6:"))
		if err != nil || t.what.server == "ns" {
			return "", false, nil
		}
		return t.address(ctx, a)
	}
	if domain == "" || domain == "unknown" {
		return "", false, nil
	}
	for _, host := range t.hosts(ctx, e, strings.TrimSuffix(domain, ".")) {
		if t.what.server != "a" {
			if v, ok, err := t.host(ctx, host); ok || err != nil {
				return v, ok, err
			}
		}
		list, err := e.Addrs(ctx, host, dns.Both)
		if err != nil {
			continue
		}
		for _, a := range list {
			if v, ok, err := t.address(ctx, a); ok || err != nil {
				return v, ok, err
			}
		}
	}
	return "", false, nil
}

// hosts are the servers of a domain; a domain without MX is its own.
func (t *tableCheck) hosts(ctx context.Context, e Env, domain string) []string {
	switch t.what.server {
	case "a":
		return []string{domain}
	case "mx":
		list, err := e.MX(ctx, domain)
		switch {
		case errors.Is(err, dns.ErrNotFound):
			return []string{domain}
		case err != nil:
			return nil
		}
		var hosts []string
		for _, m := range list {
			hosts = append(hosts, m.Host)
		}
		return hosts
	}
	for {
		a, err := e.Query(ctx, domain, dns.TypeNS)
		if err == nil {
			var hosts []string
			for _, r := range a.Records {
				hosts = append(hosts, strings.TrimSuffix(r, "."))
			}
			return hosts
		}
		_, above, ok := strings.Cut(domain, ".")
		if !ok || !errors.Is(err, dns.ErrNotFound) {
			return nil
		}
		domain = above
	}
}
