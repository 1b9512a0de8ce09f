package tlskeys

import (
	"crypto/tls"
	"sync"
	"time"
)

// Fresh is how long a Store takes its files for unchanged.
const Fresh = 5 * time.Second

// Store holds certificates with their keys, and reads them again when it is asked for them and what it has
// is no longer Fresh. Safe for concurrent use; it has no goroutine of its own.
type Store struct {
	load   func() ([]tls.Certificate, error)
	failed func(error)

	mu      sync.Mutex // guards all below
	certs   []tls.Certificate
	read    time.Time
	reading bool
	trouble string // what failed last
}

// NewStore returns a Store of what load has loaded; load is called again, one call at a time, by whoever asks
// first. When it fails, what is there is kept, and failed is told, once for each text of an error.
func NewStore(certs []tls.Certificate, load func() ([]tls.Certificate, error), failed func(error)) *Store {
	return &Store{load: load, failed: failed, certs: certs, read: time.Now()}
}

// Certificates returns what there is. The caller does not change it.
func (s *Store) Certificates() []tls.Certificate {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.reading || time.Since(s.read) < Fresh {
		return s.certs
	}
	s.reading = true
	s.mu.Unlock()
	certs, err := s.load()
	s.mu.Lock()
	s.reading, s.read = false, time.Now()
	s.take(certs, err)
	return s.certs
}

// take puts what was loaded into place. Some certificates may have failed: those that failed before are missing
// as before, but none that served goes.
func (s *Store) take(certs []tls.Certificate, err error) {
	if err == nil {
		s.certs, s.trouble = certs, ""
		return
	}
	if len(certs) > 0 && len(certs) >= len(s.certs) {
		s.certs = certs
	}
	if text := err.Error(); text != s.trouble {
		s.trouble = text
		s.failed(err)
	}
}

// For returns the certificate for a client: the first that it supports, else the first; nil when there is none.
func (s *Store) For(hello *tls.ClientHelloInfo) *tls.Certificate {
	certs := s.Certificates()
	for i := range certs {
		if len(certs) == 1 || hello.SupportsCertificate(&certs[i]) == nil {
			return &certs[i]
		}
	}
	if len(certs) > 0 {
		return &certs[0]
	}
	return nil
}

// Asked returns the certificate for a server that asked for one: the first that it takes, else an empty one,
// with which the handshake goes on.
func (s *Store) Asked(request *tls.CertificateRequestInfo) *tls.Certificate {
	certs := s.Certificates()
	for i := range certs {
		if request.SupportsCertificate(&certs[i]) == nil {
			return &certs[i]
		}
	}
	return &tls.Certificate{}
}
