package parent

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/mtad/mtad/core/privsep"
	"github.com/mtad/mtad/core/tlskeys"
)

// maxKeys is how many keys of a file are kept: the one it has, and those it had while their certificates are
// still in use.
const maxKeys = 32

// keyring holds private keys by file. A key whose certificate the worker has got stays when its file gets
// another: until the worker has the new certificate, it signs for the old one.
type keyring struct {
	mu   sync.Mutex       // guards keys
	keys map[string][]key // the newest last
}

type key struct {
	signer crypto.Signer
	print  string
}

// keyPair returns the certificates of a file, in DER; the key must be there and fit.
func (p *Parent) keyPair(policy *Policy, certFile, keyFile string) ([]string, error) {
	if !policy.certificates[certFile] || !policy.keys[keyFile] {
		return nil, refuse("the configuration has no certificate in %s with its key in %s", certFile, keyFile)
	}
	pair, err := tlskeys.Pair(certFile, keyFile)
	if err != nil {
		return nil, unread(err, "%s and %s are no certificate and its key", certFile, keyFile)
	}
	p.keys.keep(keyFile, pair.PrivateKey)
	return fits(derOf(pair.Certificate))
}

// keyChains returns, for each key of files, the file that it is in, the number of its certificates, and these.
func (p *Parent) keyChains(policy *Policy, files []string) (texts []string, err error) {
	for _, f := range files {
		if !policy.certificates[f] || !policy.keys[f] {
			return nil, refuse("the configuration has no keys with certificates in %s", f)
		}
	}
	chains, err := tlskeys.Chains(files)
	if err != nil {
		return nil, unread(err, "%s: no private keys that are each followed by their certificates", strings.Join(files, ", "))
	}
	for _, c := range chains {
		p.keys.keep(c.KeyFile, c.PrivateKey)
		texts = append(append(texts, c.KeyFile, strconv.Itoa(len(c.Certificate.Certificate))), derOf(c.Certificate.Certificate)...)
	}
	return fits(texts)
}

// unread is the error for files that could not be read, or were not what they should be. What the library
// says may quote a file: the worker gets none of a key.
func unread(err error, format string, args ...any) error {
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		return path
	}
	return refuse(format, args...)
}

func derOf(chain [][]byte) (texts []string) {
	for _, der := range chain {
		texts = append(texts, string(der))
	}
	return texts
}

// fits refuses what no answer can carry.
func fits(texts []string) ([]string, error) {
	size := 0
	for _, t := range texts {
		size += 4 + len(t)
	}
	if len(texts) > privsep.MaxResults || size > privsep.MaxMessage-1<<10 {
		return nil, refuse("too many certificates for one server: %d texts of %d bytes", len(texts), size)
	}
	return texts, nil
}

// sign signs a digest with the key of a file.
func (p *Parent) sign(policy *Policy, m *privsep.Message) (string, error) {
	file, digest := m.Texts[0], []byte(m.Texts[2])
	if !policy.keys[file] {
		return "", refuse("the configuration has no key in %s", file)
	}
	signer, err := p.keys.get(file, m.Texts[1])
	if err != nil {
		return "", err
	}
	hash, salt := crypto.Hash(m.Integers[0]), m.Integers[1]
	known := hash.Available() || hash == crypto.MD5SHA1 // which TLS 1.0 and 1.1 sign, both in one
	if hash != 0 && (!known || hash.Size() != len(digest)) || hash == 0 && len(digest) > 1<<10 {
		return "", refuse("a digest of %d bytes is none of %v", len(digest), hash)
	}
	var opts crypto.SignerOpts = hash
	if salt >= 0 {
		opts = &rsa.PSSOptions{SaltLength: int(min(salt, 1<<10)), Hash: hash}
	}
	signature, err := signer.Sign(rand.Reader, digest, opts)
	if err != nil {
		return "", refuse("%s: %v", file, err)
	}
	return string(signature), nil
}

// keep adds a key that was read.
func (r *keyring) keep(file string, private any) {
	signer, ok := private.(crypto.Signer)
	if !ok {
		return
	}
	k := key{signer, tlskeys.Print(signer.Public())}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.keys == nil {
		r.keys = map[string][]key{}
	}
	all := slices.DeleteFunc(r.keys[file], func(old key) bool { return old.print == k.print })
	if len(all) >= maxKeys {
		all = slices.Delete(all, 0, 1)
	}
	r.keys[file] = append(all, k)
}

// get returns the key of a certificate that was read from, or with, a file.
func (r *keyring) get(file, print string) (crypto.Signer, error) {
	if s := r.find(file, print); s != nil {
		return s, nil
	}
	text, err := tlskeys.Read(file)
	if err != nil {
		return nil, err
	}
	for _, s := range tlskeys.Signers(text) {
		r.keep(file, s)
	}
	if s := r.find(file, print); s != nil {
		return s, nil
	}
	return nil, refuse("%s has no private key for the certificate", file)
}

func (r *keyring) find(file, print string) crypto.Signer {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, k := range r.keys[file] {
		if k.print == print {
			return k.signer
		}
	}
	return nil
}
