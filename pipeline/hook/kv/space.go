package kv

import (
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/mtad/mtad/plugins/sdk"
)

// The most bytes of a key and of a value.
const (
	MaxKey   = 256
	MaxValue = 64 << 10
)

// Space is the part of the store that one plugin has. Safe for concurrent use.
type Space struct {
	s    *Store
	name string

	mu   sync.Mutex
	rows map[string]row
	used int64 // bytes of keys and values in rows
	// The journal; nil when it could not be written, which is tried again at the next change.
	f     vfs.File
	size  int64 // of the journal
	dirty bool  // written since the last sync
}

// row is a value and when it expires, in milliseconds since 1970, 0 for never. The value is not
// changed any more.
type row struct {
	value   []byte
	expires int64
}

func check(key string) sdk.Errno {
	switch {
	case key == "":
		return sdk.ErrInvalid
	case len(key) > MaxKey:
		return sdk.ErrLimit
	}
	return sdk.OK
}

// Get returns a value, which must not be changed.
func (sp *Space) Get(key string) ([]byte, sdk.Errno) {
	if e := check(key); e != sdk.OK {
		return nil, e
	}
	sp.mu.Lock()
	defer sp.mu.Unlock()
	if r, ok := sp.rows[key]; ok && !sp.expired(r) {
		return r.value, sdk.OK
	}
	return nil, sdk.ErrNotFound
}

func (sp *Space) expired(r row) bool {
	return r.expires != 0 && r.expires <= sp.s.o.Clock().UnixMilli()
}

// Set stores a copy of value for ttl seconds, 0 for ever.
func (sp *Space) Set(key string, value []byte, ttl int) sdk.Errno {
	switch e := check(key); {
	case e != sdk.OK:
		return e
	case ttl < 0:
		return sdk.ErrInvalid
	case len(value) > MaxValue:
		return sdk.ErrLimit
	}
	sp.mu.Lock()
	defer sp.mu.Unlock()
	return sp.put(key, row{append([]byte(nil), value...), sp.until(ttl)})
}

func (sp *Space) until(ttl int) int64 {
	if ttl == 0 {
		return 0
	}
	return sp.s.o.Clock().Add(time.Duration(ttl) * time.Second).UnixMilli()
}

// put writes a row, within the quota. sp.mu is held.
func (sp *Space) put(key string, r row) sdk.Errno {
	if sp.used+sp.growth(key, r) > sp.s.o.Quota {
		if sp.sweep(); sp.used+sp.growth(key, r) > sp.s.o.Quota {
			return sdk.ErrLimit
		}
	}
	if e := sp.record(key, r); e != sdk.OK {
		return e
	}
	sp.used += sp.growth(key, r)
	sp.rows[strings.Clone(key)] = r
	return sdk.OK
}

// growth is how many bytes more the space has with r in it.
func (sp *Space) growth(key string, r row) int64 {
	if old, ok := sp.rows[key]; ok {
		return int64(len(r.value) - len(old.value))
	}
	return int64(len(key) + len(r.value))
}

// Incr adds delta to a count and returns it. A count that is new lives ttl seconds, 0 for ever. It
// never falls below 0.
func (sp *Space) Incr(key string, delta int64, ttl int) (int64, sdk.Errno) {
	if e := check(key); e != sdk.OK {
		return 0, e
	}
	if ttl < 0 {
		return 0, sdk.ErrInvalid
	}
	sp.mu.Lock()
	defer sp.mu.Unlock()
	n := int64(0)
	r, ok := sp.rows[key]
	if ok && !sp.expired(r) {
		var err error
		if n, err = strconv.ParseInt(string(r.value), 10, 64); err != nil || n < 0 {
			return 0, sdk.ErrInvalid
		}
	} else {
		r.expires = sp.until(ttl)
	}
	n = add(n, delta)
	return n, sp.put(key, row{strconv.AppendInt(nil, n, 10), r.expires})
}

// add adds within the numbers that a count can have.
func add(n, delta int64) int64 {
	sum := n + delta
	switch {
	case delta > 0 && sum < n:
		return 1<<63 - 1
	case sum < 0:
		return 0
	}
	return sum
}

// Del forgets a value.
func (sp *Space) Del(key string) sdk.Errno {
	if e := check(key); e != sdk.OK {
		return e
	}
	sp.mu.Lock()
	defer sp.mu.Unlock()
	if _, ok := sp.rows[key]; !ok {
		return sdk.OK
	}
	if e := sp.record(key, forgotten); e != sdk.OK {
		return e
	}
	sp.drop(key)
	return sdk.OK
}

func (sp *Space) drop(key string) {
	if r, ok := sp.rows[key]; ok {
		sp.used -= int64(len(key) + len(r.value))
		delete(sp.rows, key)
	}
}

// sweep forgets what has expired. The journal need not know: it says itself when a row expires.
// sp.mu is held.
func (sp *Space) sweep() {
	for key, r := range sp.rows {
		if sp.expired(r) {
			sp.drop(key)
		}
	}
}
