package store

import (
	"bytes"
	"encoding/binary"

	"github.com/cockroachdb/pebble/v2"
	"github.com/mtad/mtad/core/addr"
	"github.com/mtad/mtad/queue"
)

// maxSite is the length that a site's name may have; longer ones are no domains.
const maxSite = 255

// siteKey is s site 00 serial.
func siteKey(site string, serial uint64) []byte {
	key := append(sitePrefix(site), make([]byte, serialLen)...)
	binary.BigEndian.PutUint64(key[len(key)-serialLen:], serial)
	return key
}

func sitePrefix(site string) []byte {
	key := make([]byte, 0, 2+len(site)+serialLen)
	return append(append(append(key, prefixSite), site...), 0)
}

// NoteSites records that an entry waits for these sites (domains in lower case, no NUL in them),
// so that Site finds it. It goes when the entry goes. Not synced, as Update.
func (s *Store) NoteSites(id string, sites []string) error {
	serial, err := s.find(id)
	if err != nil {
		return failed("NoteSites", id, err)
	}
	defer s.lockEntry(serial)()
	if _, err := s.row(id, serial); err != nil {
		return failed("NoteSites", id, err)
	}
	s.sites.Store(true)
	err = s.ledger.Note(func(b *pebble.Batch) error {
		for _, site := range sites {
			if site == "" || len(site) > maxSite {
				continue
			}
			if err := b.Set(siteKey(site, serial), []byte(id), nil); err != nil {
				return err
			}
		}
		return nil
	}, nil)
	return failed("NoteSites", id, err)
}

// Site calls fn for the ids of the entries that were noted to wait for a site, oldest first, until
// fn returns false. It reads the index by site only; an entry may have been delivered there since.
func (s *Store) Site(site string, fn func(id string) bool) error {
	prefix := sitePrefix(site)
	for from := prefix; from != nil; {
		ids, next, err := s.sitePage(from, prefix)
		if err != nil {
			return failed("Site", site, err)
		}
		for _, id := range ids {
			if !fn(id) {
				return nil
			}
		}
		from = next
	}
	return nil
}

// sitePageLen is how many ids Site reads at a time; fn may change what it likes in between.
const sitePageLen = 1000

// sitePage returns ids from a key on, and where the next page begins; nil when there is none.
func (s *Store) sitePage(from, prefix []byte) (ids []string, next []byte, err error) {
	err = s.scanIndex(&pebble.IterOptions{LowerBound: from, UpperBound: after(prefix)}, func(key, id []byte) bool {
		if len(ids) == sitePageLen {
			next = bytes.Clone(key)
			return false
		}
		if len(key) == len(prefix)+serialLen {
			ids = append(ids, string(id))
		}
		return true
	})
	return ids, next, err
}

// hasSites looks whether there is anything in the index by site, for otherwise removals need not
// look after it.
func (s *Store) hasSites(db *pebble.DB) error {
	it, err := db.NewIter(family(prefixSite))
	if err != nil {
		return err
	}
	if it.First() {
		s.sites.Store(true)
	}
	return it.Close()
}

// siteKeys are the keys that the index by site may have of an entry.
func (s *Store) siteKeys(id string, serial uint64, r *row) [][]byte {
	if r.plain || !s.sites.Load() {
		return nil
	}
	st, err := s.read(id, serial)
	if err != nil || st.entry == nil {
		return nil // what stays is passed over by who asks for the site, for the id is not found
	}
	return keysOfSites(st.entry, serial)
}

func keysOfSites(e *queue.Entry, serial uint64) (keys [][]byte) {
	seen := map[string]bool{}
	for i := range e.Recipients {
		site := addr.Domain(e.Recipients[i].Address)
		if site == "" || len(site) > maxSite || seen[site] {
			continue
		}
		seen[site] = true
		keys = append(keys, siteKey(site, serial))
	}
	return keys
}
