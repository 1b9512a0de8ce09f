package parent

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"encoding/pem"
	"io"
	"os"
	"sync"
	"time"

	"github.com/mtad/mtad/core/privsep"
)

// maxKeyFile is the largest file of certificates or keys that is read.
const maxKeyFile = 1 << 20

// keyring holds private keys by file. A key is read when it is first used, and again when its file
// has changed.
type keyring struct {
	mu   sync.Mutex // guards keys
	keys map[string]*key
}

type key struct {
	signer  crypto.Signer
	changed time.Time
}

// certificateChain returns the certificates of a file, in DER; the key must be there and fit.
func (p *Policy) certificateChain(certFile, keyFile string) ([]string, error) {
	pair, err := p.pair(certFile, keyFile)
	if err != nil {
		return nil, err
	}
	var chain []string
	for _, der := range pair.Certificate {
		chain = append(chain, string(der))
	}
	return chain, nil
}

func (p *Policy) pair(certFile, keyFile string) (*tls.Certificate, error) {
	if !p.certificates[certFile] || !p.keys[keyFile] {
		return nil, refuse("the configuration has no certificate in %s with its key in %s", certFile, keyFile)
	}
	certs, err := small(certFile)
	if err != nil {
		return nil, err
	}
	private, err := small(keyFile)
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(certs, private)
	if err != nil {
		// What the library says may quote the file: the worker gets none of a key.
		return nil, refuse("%s and %s are no certificate and its key", certFile, keyFile)
	}
	return &pair, nil
}

func small(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxKeyFile))
}

// sign signs a digest with the key of a file.
func (p *Parent) sign(policy *Policy, m *privsep.Message) (string, error) {
	file, digest := m.Texts[0], []byte(m.Texts[1])
	if !policy.keys[file] {
		return "", refuse("the configuration has no key in %s", file)
	}
	signer, err := p.keys.get(file)
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

// get returns the key of a file.
func (r *keyring) get(file string) (crypto.Signer, error) {
	st, err := os.Stat(file)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if k := r.keys[file]; k != nil && k.changed.Equal(st.ModTime()) {
		return k.signer, nil
	}
	text, err := small(file)
	if err != nil {
		return nil, err
	}
	signer := firstKey(text)
	if signer == nil {
		return nil, refuse("%s has no private key", file)
	}
	if r.keys == nil {
		r.keys = map[string]*key{}
	}
	r.keys[file] = &key{signer, st.ModTime()}
	return signer, nil
}

// firstKey returns the first private key of a PEM file.
func firstKey(text []byte) crypto.Signer {
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			return nil
		}
		if signer := parseKey(block.Bytes); signer != nil {
			return signer
		}
	}
}
