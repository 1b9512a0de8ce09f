package authverify

import (
	"strconv"
	"strings"

	"golang.org/x/net/publicsuffix"

	"github.com/mtad/mtad/core/addr"
	"github.com/mtad/mtad/plugins/sdk"
)

// record is what a domain publishes at _dmarc (RFC 7489 §6.3).
type record struct {
	policy, subdomains    action // p and sp
	strictDKIM, strictSPF bool
	percent               int
}

// readRecord reads a record; ok is false when it is none that counts.
func readRecord(text string) (r record, ok bool) {
	first, rest, _ := strings.Cut(text, ";")
	if name, v, _ := strings.Cut(first, "="); strings.TrimSpace(name) != "v" || strings.TrimSpace(v) != "DMARC1" {
		return r, false
	}
	tags := readTags(rest)
	r.percent = 100
	if n, err := strconv.Atoi(tags["pct"]); err == nil && n >= 0 && n < 100 {
		r.percent = n
	}
	r.strictDKIM, r.strictSPF = strings.EqualFold(tags["adkim"], "s"), strings.EqualFold(tags["aspf"], "s")
	known := false
	if r.policy, known = readPolicy(tags["p"]); !known && tags["rua"] == "" {
		return r, false // RFC 7489 §6.6.3: without a policy, only who wants reports counts, as none
	}
	if r.subdomains, known = readPolicy(tags["sp"]); !known {
		r.subdomains = r.policy
	}
	return r, true
}

func readPolicy(s string) (action, bool) {
	switch strings.ToLower(s) {
	case "none":
		return report, true
	case "quarantine":
		return quarantine, true
	case "reject":
		return reject, true
	}
	return report, false
}

// organization is the domain that somebody registered (RFC 7489 §3.2).
func organization(domain string) string {
	if org, err := publicsuffix.EffectiveTLDPlusOne(domain); err == nil {
		return org
	}
	return domain
}

// discover finds the record for a domain: its own, else its organization's (RFC 7489 §6.6.3).
func discover(tx sdk.Tx, domain string) (r record, wanted action, found bool, err error) {
	if r, found, err = recordOf(tx, domain); found || err != nil {
		return r, r.policy, found, err
	}
	org := organization(domain)
	if org == domain {
		return r, report, false, nil
	}
	r, found, err = recordOf(tx, org)
	return r, r.subdomains, found, err
}

// recordOf reads the record of one domain; several are none.
func recordOf(tx sdk.Tx, domain string) (r record, found bool, err error) {
	texts, err := lookup{tx}.ask(sdk.DNSTXT, "_dmarc."+domain)
	if err != nil {
		if temporary(err) {
			return r, false, err
		}
		return r, false, nil
	}
	for _, text := range texts {
		if one, ok := readRecord(text); ok {
			if found {
				return record{}, false, nil
			}
			r, found = one, true
		}
	}
	return r, found, nil
}

// aligned reports whether a domain that was verified speaks for the author's (RFC 7489 §3.1).
func aligned(domain, author string, strict bool) bool {
	if strict {
		return domain == author
	}
	return domain != "" && organization(domain) == organization(author)
}

// maxAuthors is the most domains that may stand in From.
const maxAuthors = 4

// authors are the domains of the addresses in all From fields.
func authors(tx sdk.Tx) (domains []string) {
	seen := map[string]bool{}
	for _, from := range tx.Headers("From") {
		list, _ := addr.List(from)
		for _, m := range list {
			d := ascii(addr.Domain(m.Address))
			if d != "" && !seen[d] && len(domains) <= maxAuthors {
				seen[d] = true
				domains = append(domains, d)
			}
		}
	}
	return domains
}

// evidence is what SPF and DKIM found.
type evidence struct {
	spf       value
	spfDomain string
	dkim      []result
}

// evaluate checks the mail of one author's domain. wanted is what its policy asks to be done.
func (e *evidence) evaluate(tx sdk.Tx, author string) (r result, wanted action) {
	r = result{method: "dmarc", value: none, props: []prop{{"header.from", author}}}
	rec, asked, found, err := discover(tx, author)
	switch {
	case err != nil:
		r.value, r.reason = tempError, err.Error()
		return r, report
	case !found:
		return r, report
	}
	r.value = e.verdict(author, rec)
	r.props = append(r.props, prop{"policy.dmarc", asked.String()})
	if r.value != fail {
		return r, report
	}
	return r, sampled(tx, asked, rec.percent)
}

// verdict is pass when one of the two passes for the author; what could not be found out might have.
func (e *evidence) verdict(author string, rec record) value {
	v := fail
	note := func(found value) {
		switch {
		case found == pass:
			v = pass
		case found == tempError && v == fail:
			v = tempError
		}
	}
	if aligned(e.spfDomain, author, rec.strictSPF) {
		note(e.spf)
	}
	for _, s := range e.dkim {
		if len(s.props) > 0 && aligned(ascii(s.props[0].value), author, rec.strictDKIM) {
			note(s.value)
		}
	}
	return v
}

// sampled lets the part of mail that pct leaves out meet the next milder policy (RFC 7489 §6.6.4).
func sampled(tx sdk.Tx, a action, percent int) action {
	if a == report || percent >= 100 {
		return a
	}
	var b [2]byte
	tx.Host.Random(b[:])
	if (int(b[0])<<8|int(b[1]))%100 < percent {
		return a
	}
	return a - 1
}

// String is the word of RFC 7489 §6.3 for a policy.
func (a action) String() string { return [...]string{"none", "quarantine", "reject"}[a] }
