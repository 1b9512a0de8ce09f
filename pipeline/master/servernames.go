package master

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/mtad/mtad/core/conf"
	"github.com/mtad/mtad/core/conf/list"
	"github.com/mtad/mtad/core/maillog"
	"github.com/mtad/mtad/core/table"
	"github.com/mtad/mtad/core/tlskeys"
)

// serverNames finds the certificates for the name that a client wants to talk to (tls_server_sni_maps).
// Safe for concurrent use.
type serverNames struct {
	maps  table.Maps
	files func([]string) ([]tls.Certificate, error)
	log   *maillog.Service

	mu     sync.Mutex                // guards loaded
	loaded map[string]*tlskeys.Store // by the value of the table
}

// maxServerNames bounds the values that are kept; nameLookup bounds the question to the table.
const (
	maxServerNames = 10_000
	nameLookup     = 10 * time.Second
)

// serverNames opens tls_server_sni_maps; nil without them.
func (g *generation) serverNames(c *conf.Config, log *maillog.Service) (*serverNames, error) {
	maps, err := g.openMaps(c, "tls_server_sni_maps")
	if err != nil || len(maps) == 0 {
		return nil, err
	}
	return &serverNames{maps: maps, files: g.m.around.keyChains, log: log, loaded: map[string]*tlskeys.Store{}}, nil
}

// certificate is tls.Config.GetCertificate: nil is the server's usual certificate. A table that cannot
// be asked fails the handshake, as in Postfix.
func (n *serverNames) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	own, err := n.find(hello.ServerName)
	if err != nil {
		n.log.Warning("tls_server_sni_maps: " + err.Error())
		return nil, err
	}
	return own.For(hello), nil
}

// served reports whether the table has a name.
func (n *serverNames) served(name string) bool {
	own, err := n.find(name)
	return err == nil && len(own.Certificates()) > 0
}

// find returns the certificates for a name: those of the name itself, or of ".domain" for a domain
// above it, the nearest first. nil for none.
func (n *serverNames) find(name string) (*tlskeys.Store, error) {
	ctx, cancel := context.WithTimeout(context.Background(), nameLookup)
	defer cancel()
	key := strings.ToLower(strings.TrimSuffix(name, "."))
	for key != "" {
		value, found, err := n.maps.Lookup(ctx, key)
		switch {
		case err != nil:
			return nil, fmt.Errorf("%s: %w", name, err)
		case found:
			return n.chains(name, value)
		}
		i := strings.IndexByte(key[1:], '.')
		if i < 0 {
			break
		}
		key = key[1+i:]
	}
	return nil, nil
}

// chains returns what a value of the table means: the certificates in the files that it names, or in itself,
// in base64 as postmap -F writes them.
func (n *serverNames) chains(name, value string) (*tlskeys.Store, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if have := n.loaded[value]; have != nil {
		return have, nil
	}
	files := list.Split(value)
	load := func() ([]tls.Certificate, error) { return n.files(files) }
	if len(files) > 0 && !strings.HasPrefix(files[0], "/") {
		certs, err := parseChains(value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		load = func() ([]tls.Certificate, error) { return certs, nil }
	}
	store, err := keep(load, n.log)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(n.loaded) >= maxServerNames {
		clear(n.loaded)
	}
	n.loaded[value] = store
	return store, nil
}

// parseChains reads keys with their certificates in base64.
func parseChains(value string) ([]tls.Certificate, error) {
	text, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(value), ""))
	if err != nil {
		return nil, errors.New("the value is neither a list of files nor base64, as postmap -F writes it")
	}
	chains, err := tlskeys.Parse("the value", text)
	return certificatesOf(chains), err
}
