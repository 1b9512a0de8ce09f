package passwd

import (
	"context"
	"crypto/rand"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"

	"github.com/mtad/mtad/core/sasl"
)

// Table has users and their hashes. core/table's tables are Tables. Safe for concurrent use.
type Table interface {
	// Lookup returns the hash of a user; err means that the table could not be asked.
	Lookup(ctx context.Context, user string) (hash string, found bool, err error)
}

// Options of a Server.
type Options struct {
	Table Table
	// Domain is that of users who log in without one (smtpd_sasl_local_domain), "" for none.
	Domain string
	// SCRAM offers SCRAM-SHA-256, first of all.
	SCRAM bool
}

// Server is a SASL server. Safe for concurrent use.
type Server struct {
	o      Options
	all    []sasl.Mechanism
	secret [32]byte // makes salts for nobody
	work   chan struct{}
	// decoy is a hash that somebody has.
	decoy atomic.Pointer[hash]
	// iterations are those of somebody's SCRAM keys.
	iterations atomic.Int64
}

var (
	_ sasl.Server  = (*Server)(nil)
	_ sasl.Checker = (*Server)(nil)
)

// New returns a server. It fails when the system has no random numbers.
func New(o Options) (*Server, error) {
	s := &Server{o: o, work: make(chan struct{}, runtime.GOMAXPROCS(0))}
	if _, err := rand.Read(s.secret[:]); err != nil {
		return nil, fmt.Errorf("passwd: %w", err)
	}
	first, err := parse(commonHash)
	if err != nil {
		return nil, fmt.Errorf("passwd: %w", err)
	}
	s.decoy.Store(&first)
	s.iterations.Store(minIterations)
	if o.SCRAM {
		s.all = append(s.all, sasl.Mechanism{Name: "SCRAM-SHA-256", Props: sasl.MutualAuth})
	}
	s.all = append(s.all, sasl.Mechanism{Name: "PLAIN", Props: sasl.Plaintext}, sasl.Mechanism{Name: "LOGIN", Props: sasl.Plaintext})
	return s, nil
}

// Mechanisms returns those of the options.
func (s *Server) Mechanisms(context.Context) ([]sasl.Mechanism, error) { return s.all, nil }

// Begin opens an exchange.
func (s *Server) Begin(p sasl.Peer, mechanism string) sasl.Exchange {
	switch mechanism {
	case "LOGIN":
		return sasl.NewLogin(s, p)
	case "SCRAM-SHA-256":
		return &scramExchange{s: s}
	}
	return sasl.NewPlain(s, p)
}

// Check computes the hash of a password and compares it.
func (s *Server) Check(ctx context.Context, _ sasl.Peer, user, password string) (string, error) {
	user = s.name(user)
	h, err := s.lookup(ctx, user)
	if err != nil {
		return "", err
	}
	select {
	case s.work <- struct{}{}:
	case <-ctx.Done():
		return "", tempfail(context.Cause(ctx))
	}
	defer func() { <-s.work }()
	if h == nil {
		(*s.decoy.Load()).verify(password)
		return "", wrong()
	}
	if !h.verify(password) {
		return "", wrong()
	}
	return user, nil
}

func wrong() *sasl.Failure { return &sasl.Failure{Reason: "authentication failure"} }

func tempfail(cause error) *sasl.Failure {
	return &sasl.Failure{Temporary: true, Reason: "generic failure", Cause: fmt.Errorf("SASL: smtpd_sasl_path: %w", cause)}
}

// name is the key of a user.
func (s *Server) name(user string) string {
	if s.o.Domain != "" && !strings.Contains(user, "@") {
		user += "@" + s.o.Domain
	}
	return strings.ToLower(user)
}

// lookup returns the hash of a user; nil for nobody.
func (s *Server) lookup(ctx context.Context, user string) (hash, error) {
	text, found, err := s.o.Table.Lookup(ctx, user)
	if err != nil {
		return nil, tempfail(err)
	}
	if !found {
		return nil, nil
	}
	h, err := parse(strings.TrimSpace(text))
	if err != nil {
		return nil, tempfail(fmt.Errorf("user %q: %w", user, err))
	}
	s.decoy.Store(&h)
	return h, nil
}
