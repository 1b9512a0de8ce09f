package store

import (
	"encoding/binary"
	"math"
	"time"

	"github.com/mtad/mtad/queue"
)

// Format is the version of what a queue directory holds. A store refuses formats above
// FormatNewest.
type Format int

// The formats so far.
const (
	// FormatFirst: entries, records, progress and small texts in Pebble, large bodies in
	// files.
	FormatFirst Format = 1
	// FormatNewest is the one that new directories get.
	FormatNewest = FormatFirst
)

// The first bytes of the keys; see # Format of the package documentation.
const (
	prefixText     = 'b'
	prefixCorrupt  = 'c'
	prefixDeferred = 'd'
	prefixEntry    = 'e'
	prefixHold     = 'h'
	prefixIncoming = 'i'
	prefixMeta     = 'm'
	prefixSite     = 's'
)

// What follows the serial in keys that begin with prefixEntry.
const (
	partEntry = iota
	partRecord
	partProgress
)

const (
	serialLen = 8
	dueLen    = 8
	// itemLen and dueItemLen are the lengths of the keys of the indexes.
	itemLen    = 1 + serialLen
	dueItemLen = 1 + dueLen + serialLen
)

func serialKey(prefix byte, serial uint64) []byte {
	return binary.BigEndian.AppendUint64(append(make([]byte, 0, dueItemLen), prefix), serial)
}

func textKey(serial uint64) []byte { return serialKey(prefixText, serial) }

func entryKey(serial uint64) []byte { return append(serialKey(prefixEntry, serial), partEntry) }

func recordKey(serial uint64) []byte { return append(serialKey(prefixEntry, serial), partRecord) }

func progressKey(serial uint64, recipient int) []byte {
	return binary.BigEndian.AppendUint32(append(serialKey(prefixEntry, serial), partProgress), uint32(recipient))
}

// entryPart takes a key that begins with prefixEntry apart. index is the recipient's number, if
// the part is partProgress.
func entryPart(key []byte) (serial uint64, part byte, index int, ok bool) {
	if len(key) < itemLen+1 || key[0] != prefixEntry {
		return 0, 0, 0, false
	}
	serial, part = binary.BigEndian.Uint64(key[1:]), key[itemLen]
	rest := key[itemLen+1:]
	switch {
	case part < partProgress && len(rest) == 0:
		return serial, part, 0, true
	case part == partProgress && len(rest) == 4:
		return serial, part, int(binary.BigEndian.Uint32(rest)), true
	}
	return 0, 0, 0, false
}

func dueKey(due time.Time, serial uint64) []byte {
	key := append(make([]byte, 0, dueItemLen), prefixDeferred)
	key = binary.BigEndian.AppendUint64(key, uint64(dueNanos(due)))
	return binary.BigEndian.AppendUint64(key, serial)
}

// dueNanos clamps due to the times that fit: from 1970 to 2262.
func dueNanos(due time.Time) int64 {
	switch {
	case due.Unix() <= 0:
		return 0
	case due.Unix() >= math.MaxInt64/int64(time.Second):
		return math.MaxInt64
	}
	return due.UnixNano()
}

// indexKey is the key under which an entry is listed that is in this state on the disk.
func indexKey(s queue.State, due time.Time, serial uint64) []byte {
	if s == queue.Deferred {
		return dueKey(due, serial)
	}
	return serialKey(indexPrefix(s), serial)
}

// indexPrefix returns the prefix of a state's index. Active entries have none: on the disk they
// are what they were before.
func indexPrefix(s queue.State) byte {
	switch s {
	case queue.Deferred:
		return prefixDeferred
	case queue.Hold:
		return prefixHold
	case queue.Corrupt:
		return prefixCorrupt
	}
	return prefixIncoming
}

// indexedStates are the states that have an index.
func indexedStates() []queue.State {
	return []queue.State{queue.Incoming, queue.Deferred, queue.Hold, queue.Corrupt}
}

// indexSerial returns the serial at the end of a key of an index.
func indexSerial(key []byte) (serial uint64, ok bool) {
	if len(key) != itemLen && len(key) != dueItemLen {
		return 0, false
	}
	return binary.BigEndian.Uint64(key[len(key)-serialLen:]), true
}

// indexDue returns the due time in a key of the index of deferred entries.
func indexDue(key []byte) time.Time {
	return time.Unix(0, int64(binary.BigEndian.Uint64(key[1:])))
}

// after returns the least key above all that begin with key.
func after(key []byte) []byte {
	next := append([]byte(nil), key...)
	for i := len(next) - 1; i >= 0; i-- {
		if next[i]++; next[i] != 0 {
			return next[:i+1]
		}
	}
	return nil
}

// serialLimitKey is where the serials are recorded that may have been given out: all below the
// number there.
func serialLimitKey() []byte { return []byte{prefixMeta, 's'} }
