package table

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
)

// Shared gives equal specifications the same Table, so that ten parameters that name one database
// have one pool of connections. The zero value is ready. Tables opened through it are closed by
// Close of the Shared only.
type Shared struct {
	mu     sync.Mutex
	tables map[sharedKey]Table
}

type sharedKey struct {
	kind, name              string
	aliases, noSubstitution bool
}

// open opens a table or returns the one that is open. A nil Shared always opens.
func (s *Shared) open(kind, name string, o Options) (Table, error) {
	if s == nil || kind == "proxy" {
		return open(kind, name, o)
	}
	key := sharedKey{kind, name, o.Aliases, o.NoSubstitution}
	s.mu.Lock()
	t, ok := s.tables[key]
	s.mu.Unlock()
	if ok {
		return t, nil
	}
	// Not under the lock: a table may open others. Of two that open at once one stays.
	t, err := open(kind, name, o)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if first, ok := s.tables[key]; ok {
		return first, Close(t)
	}
	if s.tables == nil {
		s.tables = map[sharedKey]Table{}
	}
	t = kept{t}
	s.tables[key] = t
	return t, nil
}

// Close closes all tables.
func (s *Shared) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, t := range s.tables {
		errs = append(errs, Close(t.(kept).t))
	}
	s.tables = nil
	return errors.Join(errs...)
}

// kept is a table that its users cannot close.
type kept struct{ t Table }

// Lookup asks the table.
func (k kept) Lookup(ctx context.Context, key string) (string, bool, error) {
	return k.t.Lookup(ctx, key)
}

// WholeKey answers for the table.
func (k kept) WholeKey() bool { return wholeKey(k.t) }

// openProxy opens the table behind proxy:, if it may be read (proxymap(8)).
func openProxy(name string, o Options) (Table, error) {
	if o.ProxyReadMaps != nil && !slices.Contains(o.ProxyReadMaps, "proxy:"+name) {
		return nil, fmt.Errorf("proxy:%s is not approved for reading: add it to proxy_read_maps", name)
	}
	return Open(name, o)
}
