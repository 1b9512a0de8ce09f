package console

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"sync"
	"time"
)

// Bounds of sessions.
const (
	maxSessions  = 200
	maxPerName   = 10
	idleTime     = 30 * time.Minute
	sessionTime  = 12 * time.Hour
	secretBytes  = 32
	secretLength = 43 // as base64 without padding
)

// session is one login.
type session struct {
	name string
	// hash is what the account's was: another password ends the sessions of the one before.
	hash string
	// csrf stands in every form of the session.
	csrf        string
	begun, used time.Time
}

// sessions are the logins, by the digest of their secrets: how long a look-up takes tells nothing of
// secrets that are there.
type sessions struct {
	clock func() time.Time

	mu sync.Mutex
	m  map[[sha256.Size]byte]*session
}

func newSecret() string {
	b := make([]byte, secretBytes)
	_, _ = rand.Read(b) // it never fails
	return base64.RawURLEncoding.EncodeToString(b)
}

// add begins a session and returns its secret. The one that was not used for the longest time makes
// room.
func (s *sessions) add(a *account) (secret string) {
	secret = newSecret()
	now := s.clock()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expire(now)
	for s.crowded(a.name) {
		s.drop(a.name)
	}
	s.m[sha256.Sum256([]byte(secret))] = &session{name: a.name, hash: string(a.hash), csrf: newSecret(), begun: now, used: now}
	return secret
}

// crowded reports whether one more session of this account is too many; drop then ends the oldest of its
// own, or of all.
func (s *sessions) crowded(name string) bool {
	return len(s.m) >= maxSessions || s.of(name) >= maxPerName
}

func (s *sessions) of(name string) (n int) {
	for _, e := range s.m {
		if e.name == name {
			n++
		}
	}
	return n
}

func (s *sessions) drop(name string) {
	own := s.of(name) >= maxPerName
	var oldest [sha256.Size]byte
	var at time.Time
	for key, e := range s.m {
		if (!own || e.name == name) && (at.IsZero() || e.used.Before(at)) {
			oldest, at = key, e.used
		}
	}
	delete(s.m, oldest)
}

func (s *sessions) expire(now time.Time) {
	for key, e := range s.m {
		if e.over(now) {
			delete(s.m, key)
		}
	}
}

func (e *session) over(now time.Time) bool {
	return now.Sub(e.used) > idleTime || now.Sub(e.begun) > sessionTime
}

// find returns a copy of the session of a secret and notes that it is used.
func (s *sessions) find(secret string) (session, bool) {
	if len(secret) != secretLength {
		return session{}, false
	}
	now := s.clock()
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.m[sha256.Sum256([]byte(secret))]
	if e == nil || e.over(now) {
		return session{}, false
	}
	e.used = now
	return *e, true
}

func (s *sessions) end(secret string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.m, sha256.Sum256([]byte(secret)))
}
