package dkimsign

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-msgauth/dkim"
	"golang.org/x/net/idna"

	"github.com/mtad/mtad/core/addr"
	"github.com/mtad/mtad/plugins/sdk"
)

// Plugin signs mail. Safe for concurrent use.
type Plugin struct {
	o options

	mu     sync.Mutex
	loaded map[string]*key // keys that the table named, by its words
}

var _ sdk.EOMer = (*Plugin)(nil)

// New reads the configuration (README.md) and loads the keys.
func New(config map[string]string) (sdk.Plugin, error) {
	o, err := readOptions(config)
	if err != nil {
		return nil, err
	}
	return &Plugin{o: o, loaded: map[string]*key{}}, nil
}

// EOM signs the message.
func (p *Plugin) EOM(tx sdk.Tx) sdk.Verdict {
	if !p.ours(tx) {
		return sdk.Continue
	}
	domain := author(tx.Header("From"))
	keys, err := p.keysFor(tx, domain)
	if err == nil && len(keys) > 0 {
		err = p.sign(tx, keys)
	}
	switch {
	case err != nil:
		tx.Log(sdk.LevelWarn, "mail of "+domain+" cannot be signed: "+err.Error())
		tx.Count("failed", 1)
		return sdk.Tempfail("4.7.0", "Message cannot be signed at the moment")
	case len(keys) == 0:
		tx.Count("unsigned", 1)
	default:
		tx.Count("signed", 1)
	}
	return sdk.Continue
}

// ours reports whether the message comes from one of us.
func (p *Plugin) ours(tx sdk.Tx) bool {
	switch s := &p.o.sign; tx.OriginKind() {
	case "sendmail", "bounce":
		return s.local
	case "smtp":
		return s.authenticated && tx.AuthUser() != "" || s.mynetworks && tx.Property("client.trusted") != ""
	}
	return false
}

// author is the domain of the first address of a From field, in lower case and its form in the DNS.
func author(from string) string {
	list, _ := addr.List(from)
	if len(list) == 0 {
		return ""
	}
	domain := addr.Domain(list[0].Address)
	if a, err := idna.Lookup.ToASCII(domain); err == nil {
		return a
	}
	return domain
}

// maxSignatures is the most signatures that one message gets.
const maxSignatures = 8

// keysFor returns the keys that sign mail of a domain: those of the configuration, and those that
// the table names for the domain or else for one above it (".example.com").
func (p *Plugin) keysFor(tx sdk.Tx, domain string) (keys []*key, err error) {
	if domain == "" {
		return nil, nil
	}
	for _, k := range p.o.keys {
		if k.signsFor(domain) {
			keys = append(keys, k)
		}
	}
	if !p.o.table {
		return keys[:min(len(keys), maxSignatures)], nil
	}
	for name := domain; ; {
		value, found, err := tx.Map("keys", name)
		if err != nil {
			return nil, err
		}
		if found {
			named, err := p.fromTable(value)
			keys = append(keys, named...)
			return keys[:min(len(keys), maxSignatures)], err
		}
		i := strings.IndexByte(name[1:], '.')
		if i < 0 {
			return keys[:min(len(keys), maxSignatures)], nil
		}
		name = name[1+i:]
	}
}

// maxLoaded is the most keys of the table that are kept.
const maxLoaded = 10_000

// fromTable reads a value of the table: selector:domain:file, one or several.
func (p *Plugin) fromTable(value string) (keys []*key, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, word := range fields(value) {
		k := p.loaded[word]
		if k == nil {
			part := strings.SplitN(word, ":", 3)
			if len(part) != 3 {
				return nil, fmt.Errorf("table keys: %q: want selector:domain:file", word)
			}
			if k, err = newKey(part[1], part[0], part[2]); err != nil {
				return nil, fmt.Errorf("table keys: %w", err)
			}
			if len(p.loaded) >= maxLoaded {
				clear(p.loaded)
			}
			p.loaded[word] = k
		}
		keys = append(keys, k)
	}
	return keys, nil
}

// sign puts the signatures of the keys on top, the first key's first.
func (p *Plugin) sign(tx sdk.Tx, keys []*key) error {
	names, err := p.names(tx)
	if err != nil {
		return err
	}
	var signers []*dkim.Signer
	var writers []io.Writer
	defer func() {
		for _, s := range signers {
			s.Close()
		}
	}()
	for _, k := range keys {
		s, err := dkim.NewSigner(p.optionsOf(tx, k, names))
		if err != nil {
			return err
		}
		signers, writers = append(signers, s), append(writers, s)
	}
	if err := write(io.MultiWriter(writers...), tx); err != nil {
		return err
	}
	for i := len(signers) - 1; i >= 0; i-- {
		if err := signers[i].Close(); err != nil {
			return err
		}
		name, value, _ := strings.Cut(signers[i].Signature(), ":")
		if err := tx.PrependHeader(name, value); err != nil {
			return err
		}
	}
	return nil
}

func (p *Plugin) optionsOf(tx sdk.Tx, k *key, names []string) *dkim.SignOptions {
	o := &dkim.SignOptions{Domain: k.domain, Selector: k.selector, Signer: k.signer, HeaderKeys: names,
		HeaderCanonicalization: p.o.header, BodyCanonicalization: p.o.body}
	if p.o.expire > 0 {
		o.Expiration = time.Unix(0, tx.Host.Now(0)).Add(p.o.expire)
	}
	return o
}

// maxNames is the most bytes of the list of signed fields: it has to stand in one line of at most
// 998 (RFC 5322 §2.1.1).
const maxNames = 900

// names returns the fields that are signed: each as often as it stands there, and those that are
// oversigned once more.
func (p *Plugin) names(tx sdk.Tx) (names []string, err error) {
	size := 0
	add := func(name string, n int) {
		for range n {
			names = append(names, name)
			size += len(name) + len(":")
		}
	}
	for _, name := range p.o.headers {
		add(name, count(tx, name))
	}
	for _, name := range p.o.oversign {
		n := 1
		if !contains(p.o.headers, name) {
			n += count(tx, name)
		}
		add(name, n)
	}
	if size > maxNames {
		return nil, errors.New("it has too many header fields of one name")
	}
	return names, nil
}

func contains(list []string, name string) bool {
	return slices.ContainsFunc(list, func(n string) bool { return strings.EqualFold(n, name) })
}

func count(tx sdk.Tx, name string) (n int) {
	for i := tx.Host.HdrFind(name, 0); i >= 0; i = tx.Host.HdrFind(name, i+1) {
		n++
	}
	return n
}

// write writes the message as it stands.
func write(w io.Writer, tx sdk.Tx) error {
	var head bytes.Buffer
	for i := range tx.Host.HdrCount() {
		raw, e := tx.Host.HdrGet(i, sdk.PartRaw)
		if e != sdk.OK {
			return e
		}
		head.Write(raw)
		head.WriteString("\r\n")
	}
	head.WriteString("\r\n")
	if _, err := w.Write(head.Bytes()); err != nil {
		return err
	}
	_, err := io.CopyBuffer(w, tx.Body(), make([]byte, max(min(tx.Host.BodySize(), blockSize), 1)))
	return err
}

// blockSize is how much of the body is read at a time.
const blockSize = 32 << 10
