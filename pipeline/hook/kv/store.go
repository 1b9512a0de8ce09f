package kv

import (
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// DefaultQuota is the quota of a space in bytes.
const DefaultQuota = 16 << 20

// tendEvery is how often changes are synced, sweepEvery how often what has expired is removed.
const (
	tendEvery  = time.Second
	sweepEvery = time.Minute
)

// Options of a Store. Zero values are usable, but for Dir.
type Options struct {
	// Dir is the store's directory; it is made if it is missing.
	Dir string
	// FS is the disk; nil for the real one.
	FS vfs.FS
	// Quota is the most bytes of keys and values of one space; 0 means DefaultQuota.
	Quota int64
	// Log gets failures of the disk; nil for nobody.
	Log *slog.Logger
	// Clock is time.Now unless set.
	Clock func() time.Time
}

// Store is the store of all plugins. Safe for concurrent use.
type Store struct {
	o    Options
	stop chan struct{}
	done sync.WaitGroup

	mu     sync.Mutex
	spaces map[string]*Space
}

// Open opens or makes the store.
func Open(o Options) (*Store, error) {
	if o.FS == nil {
		o.FS = vfs.Default
	}
	if o.Quota == 0 {
		o.Quota = DefaultQuota
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if err := o.FS.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("kv.Open: %w", err)
	}
	s := &Store{o: o, stop: make(chan struct{}), spaces: map[string]*Space{}}
	s.done.Go(s.tend)
	return s, nil
}

// Close syncs and closes the store. No space may be used any more.
func (s *Store) Close() error {
	close(s.stop)
	s.done.Wait()
	var first error
	for _, sp := range s.open() {
		if err := sp.close(); err != nil && first == nil {
			first = err
		}
	}
	return first
}

// Space returns the space of a plugin; it is opened when it is asked for the first time.
func (s *Store) Space(name string) (*Space, error) {
	if name == "" || strings.ContainsAny(name, "/\x00") {
		return nil, fmt.Errorf("kv.Space %q: no name of a plugin", name)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if sp := s.spaces[name]; sp != nil {
		return sp, nil
	}
	sp := &Space{s: s, name: name, rows: map[string]row{}}
	if err := sp.load(); err != nil {
		return nil, fmt.Errorf("kv.Space %s: %w", sp.file(), err)
	}
	s.spaces[name] = sp
	return sp, nil
}

func (s *Store) open() []*Space {
	s.mu.Lock()
	defer s.mu.Unlock()
	spaces := make([]*Space, 0, len(s.spaces))
	for _, sp := range s.spaces {
		spaces = append(spaces, sp)
	}
	return spaces
}

// tend syncs and sweeps until the store closes.
func (s *Store) tend() {
	syncs, sweeps := time.NewTicker(tendEvery), time.NewTicker(sweepEvery)
	defer syncs.Stop()
	defer sweeps.Stop()
	for {
		select {
		case <-s.stop:
			return
		case <-syncs.C:
			for _, sp := range s.open() {
				sp.sync()
			}
		case <-sweeps.C:
			s.sweep()
		}
	}
}

// sweep removes what has expired from every space that is in use.
func (s *Store) sweep() {
	for _, sp := range s.open() {
		sp.mu.Lock()
		sp.sweep()
		sp.mu.Unlock()
	}
}
