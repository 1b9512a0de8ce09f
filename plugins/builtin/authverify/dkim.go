package authverify

import (
	"bytes"
	"io"
	"net"
	"strings"
	"unicode"

	"github.com/emersion/go-msgauth/dkim"

	"github.com/mtad/mtad/plugins/sdk"
)

// Limits of what one signature may cost: its length, the fields it names, how often one of these is
// compared with a field of the header, the length of its key.
const (
	maxField    = 8 << 10
	maxNames    = 120
	maxCompared = 200_000
	maxKey      = 4 << 10
)

// signed is what is known of a signature before it is verified.
type signed struct {
	domain, selector, b string
	query               string // the name of its key
	excess              bool   // it costs more than any honest one
}

// key is the answer to a query.
type key struct {
	records []string
	err     error
}

// signatures verifies the DKIM signatures of a message, from the top.
func signatures(tx sdk.Tx, limit int) ([]result, error) {
	list := find(tx, limit)
	if len(list) == 0 {
		return []result{{method: "dkim", value: none}}, nil
	}
	keys := fetch(tx, list)
	text := &message{tx: tx}
	verified, err := dkim.VerifyWithOptions(text.reader(), &dkim.VerifyOptions{MaxVerifications: limit,
		LookupTXT: func(name string) ([]string, error) {
			if k, ok := keys[name]; ok {
				return k.records, k.err
			}
			return nil, &net.DNSError{Err: "no key", Name: name, IsNotFound: true}
		}})
	if text.err != nil {
		return nil, text.err
	}
	var results []result
	for i, s := range list {
		r := result{method: "dkim", value: permError, props: []prop{{"header.d", s.domain}, {"header.s", s.selector}, {"header.b", s.b}}}
		switch {
		case s.excess:
			r.value, r.reason = policy, "unreasonable signature"
		case i < len(verified):
			r.value, r.reason = valueOf(verified[i].Err)
		case err != nil:
			r.reason = err.Error()
		}
		results = append(results, r)
	}
	return results, nil
}

// valueOf says which result an outcome of the library is.
func valueOf(err error) (value, string) {
	switch {
	case err == nil:
		return pass, ""
	case dkim.IsTempFail(err):
		return tempError, reason(err)
	case dkim.IsPermFail(err):
		return permError, reason(err)
	case strings.Contains(err.Error(), "body length tag"):
		return policy, reason(err)
	}
	return fail, reason(err)
}

func reason(err error) string { return strings.TrimPrefix(err.Error(), "dkim: ") }

// find reads the first signatures of a header.
func find(tx sdk.Tx, limit int) (list []signed) {
	for i := tx.Host.HdrFind("DKIM-Signature", 0); i >= 0 && len(list) < limit; i = tx.Host.HdrFind("DKIM-Signature", i+1) {
		raw, e := tx.Host.HdrGet(i, sdk.PartRaw)
		if e != sdk.OK {
			return list
		}
		_, value, _ := strings.Cut(string(raw), ":")
		tags := readTags(value)
		s := signed{domain: squeeze(tags["d"]), selector: squeeze(tags["s"]), b: squeeze(tags["b"])}
		s.b = s.b[:min(len(s.b), 8)]
		s.query = s.selector + "._domainkey." + s.domain
		names := strings.Count(tags["h"], ":") + 1
		s.excess = len(raw) > maxField || names > maxNames || names*tx.Host.HdrCount() > maxCompared
		list = append(list, s)
	}
	return list
}

// readTags reads a list of tags (RFC 6376 §3.2) as leniently as it can.
func readTags(s string) map[string]string {
	tags := map[string]string{}
	for part := range strings.SplitSeq(s, ";") {
		if name, value, ok := strings.Cut(part, "="); ok {
			tags[strings.TrimSpace(name)] = strings.TrimSpace(value)
		}
	}
	return tags
}

// squeeze leaves out white space.
func squeeze(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, s)
}

// fetch asks for the keys of signatures, one after the other, since the host may not be asked by
// several goroutines, as the library would. A key is not given out to an unreasonable signature, nor
// to another one that names the same.
func fetch(tx sdk.Tx, list []signed) map[string]key {
	keys := map[string]key{}
	for _, s := range list {
		if s.excess {
			keys[s.query] = key{err: &net.DNSError{Err: "not asked", Name: s.query, IsNotFound: true}}
		}
	}
	for _, s := range list {
		if _, known := keys[s.query]; known || s.domain == "" || s.selector == "" {
			continue
		}
		var k key
		k.records, k.err = lookup{tx}.ask(sdk.DNSTXT, s.query)
		for _, r := range k.records {
			if len(r) > maxKey {
				k = key{err: &net.DNSError{Err: "unreasonable key", Name: s.query, IsNotFound: true}}
				break
			}
		}
		keys[s.query] = k
	}
	return keys
}

// message reads the message as it stands. A reader that fails would leave goroutines of the library
// behind; so the text ends where it cannot be read, and err says so.
type message struct {
	tx   sdk.Tx
	body io.Reader
	err  error
}

func (m *message) reader() io.Reader {
	var head bytes.Buffer
	for i := range m.tx.Host.HdrCount() {
		raw, e := m.tx.Host.HdrGet(i, sdk.PartRaw)
		if e != sdk.OK {
			m.err = e
			break
		}
		head.Write(raw)
		head.WriteString("\r\n")
	}
	head.WriteString("\r\n")
	m.body = m.tx.Body()
	return io.MultiReader(&head, m)
}

// Read reads the body.
func (m *message) Read(p []byte) (int, error) {
	n, err := m.body.Read(p)
	if err != nil && err != io.EOF {
		m.err, err = err, io.EOF
	}
	return n, err
}
