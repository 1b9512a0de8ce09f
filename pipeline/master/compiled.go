package master

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/tetratelabs/wazero"
)

// compiled keeps the machine code of Wasm plugins: on disk across starts, in memory as long as a
// generation uses it, so that a reload compiles only what changed. Each module has a directory of its
// own, named by its digest; prune removes those that nothing uses. Safe for concurrent use.
type compiled struct {
	mu    sync.Mutex
	inUse map[string]*shared
}

// shared is the cache of one module.
type shared struct {
	wazero.CompilationCache
	users int
}

// open returns the cache for a module, below dir. done has to be called when the module is closed.
func (c *compiled) open(dir string, code []byte) (cache wazero.CompilationCache, done func(), err error) {
	sum := sha256.Sum256(code)
	key := hex.EncodeToString(sum[:])
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.inUse[key]
	if s == nil {
		path := filepath.Join(dir, key)
		if err := os.MkdirAll(path, 0o700); err != nil {
			return nil, nil, err
		}
		cache, err := wazero.NewCompilationCacheWithDir(path)
		if err != nil {
			return nil, nil, err
		}
		if c.inUse == nil {
			c.inUse = map[string]*shared{}
		}
		s = &shared{CompilationCache: cache}
		c.inUse[key] = s
	}
	s.users++
	return s.CompilationCache, func() { c.done(key) }, nil
}

func (c *compiled) done(key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.inUse[key]
	if s.users--; s.users == 0 {
		s.Close(context.Background())
		delete(c.inUse, key)
	}
}

// prune removes what is below dir and belongs to no module in use.
func (c *compiled) prune(dir string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	list, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, e := range list {
		if sum, bad := hex.DecodeString(e.Name()); c.inUse[e.Name()] == nil && bad == nil && len(sum) == sha256.Size {
			err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name())))
		}
	}
	return err
}
