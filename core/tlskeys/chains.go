package tlskeys

import (
	"bytes"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// MaxFile is how many bytes of a file are read.
const MaxFile = 1 << 20

// Chain is a private key with its certificates.
type Chain struct {
	tls.Certificate
	// KeyFile has the key.
	KeyFile string
}

// Read returns the first MaxFile bytes of a file.
func Read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, MaxFile))
}

// Pair reads the certificates of one file and the key of another, or of the same.
func Pair(certFile, keyFile string) (c tls.Certificate, err error) {
	certs, err := Read(certFile)
	if err != nil {
		return c, err
	}
	key, err := Read(keyFile)
	if err != nil {
		return c, err
	}
	if c, err = tls.X509KeyPair(certs, key); err != nil {
		err = fmt.Errorf("%s, %s: %w", certFile, keyFile, err)
	}
	return c, err
}

// Chains reads the keys of files with their certificates. Certificates before the first key of a file
// belong to the last key of the file before if that has none, else to the key that follows them.
func Chains(files []string) ([]Chain, error) {
	var p parser
	for _, name := range files {
		text, err := Read(name)
		if err != nil {
			return nil, err
		}
		if err := p.file(name, text); err != nil {
			return nil, err
		}
	}
	return p.chains()
}

// Parse is Chains for one text.
func Parse(name string, text []byte) ([]Chain, error) {
	var p parser
	if err := p.file(name, text); err != nil {
		return nil, err
	}
	return p.chains()
}

// group is a key and its certificates, in PEM.
type group struct {
	file       string
	key, certs bytes.Buffer
}

// parser puts the blocks of files into groups.
type parser struct {
	names  []string // of the files
	groups []*group
	open   *group // where the next certificate goes, if anywhere
}

func (p *parser) file(name string, text []byte) error {
	p.names = append(p.names, name)
	if p.open != nil && p.open.certs.Len() > 0 {
		p.open = nil
	}
	var leading bytes.Buffer // certificates whose key is still to come
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		switch {
		case strings.HasSuffix(block.Type, "PRIVATE KEY"):
			p.open = &group{file: name}
			p.groups = append(p.groups, p.open)
			_, _ = leading.WriteTo(&p.open.certs)
			_ = pem.Encode(&p.open.key, block)
		case block.Type != "CERTIFICATE":
		case p.open != nil:
			_ = pem.Encode(&p.open.certs, block)
		default:
			_ = pem.Encode(&leading, block)
		}
	}
	if leading.Len() > 0 {
		return errors.New(name + ": certificates without a private key")
	}
	return nil
}

func (p *parser) chains() ([]Chain, error) {
	var all []Chain
	for _, g := range p.groups {
		if g.certs.Len() == 0 {
			return nil, errors.New(g.file + ": a private key without certificates behind it")
		}
		pair, err := tls.X509KeyPair(g.certs.Bytes(), g.key.Bytes())
		if err != nil {
			return nil, fmt.Errorf("%s: %w", g.file, err)
		}
		all = append(all, Chain{pair, g.file})
	}
	if len(all) == 0 {
		return nil, errors.New(strings.Join(p.names, ", ") + ": no private key with its certificates")
	}
	return all, nil
}
