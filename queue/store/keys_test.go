package store

import (
	"testing"

	"github.com/cockroachdb/pebble/v2"
)

// allKeys returns all keys of the database but those about serials.
func allKeys(t testing.TB, s *Store) (keys []string) {
	t.Helper()
	err := s.scanIndex(&pebble.IterOptions{UpperBound: []byte{prefixMeta}}, func(key, _ []byte) bool {
		keys = append(keys, string(key))
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	return keys
}
