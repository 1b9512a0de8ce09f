package access

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/mtad/mtad/core/conf/list"
	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/status"
)

// permitCertificate is permit_tls_clientcerts, which permits certificates of relay_clientcerts whoever
// issued them, and permit_tls_all_clientcerts, which permits those that are trusted, too.
func permitCertificate(all bool) ask {
	return func(ctx context.Context, e Env, _ *Codes, q *Query) (Decision, *status.Error) {
		c := q.Origin.Certificate
		switch {
		case c == nil:
			return Dunno, nil
		case all && c.Trusted:
			return Permit, nil
		}
		ok, err := e.ClientCert(ctx, c)
		return permitIf(ok, err, q)
	}
}

// ClientCert looks the fingerprints of a certificate up in relay_clientcerts.
func (w *World) ClientCert(ctx context.Context, c *mail.Certificate) (bool, error) {
	for _, print := range [...]string{c.Print, c.KeyPrint} {
		for _, t := range w.ClientCerts {
			if _, ok, err := t.Lookup(ctx, folded(t, print)); ok || err != nil {
				return ok, err
			}
		}
	}
	return false, nil
}

// asked warns of a restriction that needs certificates where nobody asks for one.
func (p *compilation) asked(name string) {
	if p.k.Anonymous {
		p.unknown = append(p.unknown, Unknown{List: p.list.name, Restriction: name, Idle: true,
			Cause: errors.New("clients are not asked for a certificate (smtpd_tls_ask_ccert = no), so it never applies")})
	}
}

// certificateCheck is check_ccert_access: a table of properties of the client's certificate.
type certificateCheck struct {
	tableCheck
	order []func(*mail.Certificate) string
}

// certificate compiles check_ccert_access, whose argument is a table, or
// "{ type:table, { search_order = … } }" (postconf(5)).
func (p *compilation) certificate() bool {
	const key = "check_ccert_access"
	if len(p.words) == 0 {
		return p.bad(key, errors.New("needs a table"))
	}
	word := p.words[0]
	p.words = p.words[1:]
	spec, order, err := certificateTable(word)
	if err != nil {
		return p.bad(key, err)
	}
	t, err := p.k.Open(spec)
	if err != nil {
		return p.bad(key+" "+spec, err)
	}
	check := &certificateCheck{tableCheck: tableCheck{k: p.k, table: t, rule: key + " " + spec, list: p.list.name}, order: order}
	p.add(key, check.ask)
	p.asked(key)
	return true
}

// certificateTable reads the argument of check_ccert_access. By default the certificate's fingerprint
// is looked up first, then its key's.
func certificateTable(word string) (spec string, order []func(*mail.Certificate) string, err error) {
	usual := []func(*mail.Certificate) string{searchOrder["cert_fingerprint"], searchOrder["pubkey_fingerprint"]}
	text, braced := list.Payload(word)
	if !braced {
		return word, usual, nil
	}
	words := list.Split(text)
	if len(words) == 0 {
		return "", nil, errors.New("needs a table")
	}
	for _, option := range words[1:] {
		text, ok := list.Payload(option)
		name, value, assigned := strings.Cut(text, "=")
		if !ok || !assigned || strings.TrimSpace(name) != "search_order" {
			return "", nil, fmt.Errorf("%s: want { search_order = … }", option)
		}
		order = nil
		for _, what := range list.Split(value) {
			f := searchOrder[strings.ToLower(what)]
			if f == nil {
				return "", nil, fmt.Errorf("search_order: %q is none of cert_fingerprint, pubkey_fingerprint, issuer_cn, subject_cn", what)
			}
			order = append(order, f)
		}
	}
	if len(order) == 0 {
		order = usual
	}
	return words[0], order, nil
}

// searchOrder are the words of search_order. Names count for certificates that are trusted only:
// anybody can write them into one of his own.
var searchOrder = map[string]func(*mail.Certificate) string{
	"cert_fingerprint":   func(c *mail.Certificate) string { return c.Print },
	"pubkey_fingerprint": func(c *mail.Certificate) string { return c.KeyPrint },
	"issuer_cn":          func(c *mail.Certificate) string { return ifTrusted(c, c.Issuer) },
	"subject_cn":         func(c *mail.Certificate) string { return ifTrusted(c, c.Subject) },
}

func ifTrusted(c *mail.Certificate, name string) string {
	if c.Trusted {
		return name
	}
	return ""
}

// ask looks the properties up in order; the first that the table has decides.
func (t *certificateCheck) ask(ctx context.Context, e Env, c *Codes, q *Query) (Decision, *status.Error) {
	if q.Origin.Certificate == nil {
		return Dunno, nil
	}
	name := q.Origin.Certificate.Subject
	const class = "Client certificate"
	for _, property := range t.order {
		key := property(q.Origin.Certificate)
		if key == "" {
			continue
		}
		v, found, err := t.lookup(ctx, key, true)
		switch {
		case err != nil:
			return Refuse, status.New(451, "4.3.5", "<%s>: %s rejected: Server configuration error", name, class).Because(err).By(t.rule)
		case found:
			return t.result(ctx, e, c, q, v, name, class)
		}
	}
	return Dunno, nil
}
