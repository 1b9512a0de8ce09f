// Package codec is how the store writes a queue entry down: envelopes, records, the progress of
// recipients, and texts.
//
// # Format
//
// A value of version 1 is
//
//	entry, record, progress   0x01, fields, checksum (4 bytes)
//	entry with more           0x02, the same, with the delimiters of VERP ("" for none) behind the
//	                          filter, and recipients that may be expanded aliases
//	text                      checksum (4 bytes), 0x01, kind, fields
//
// Checksums are CRC-32C over the key and all other bytes of the value, little-endian; the key is
// in it so that a value under a wrong key is found out. Numbers are varints (zigzag where they
// may be negative), strings a length and their bytes, times seconds and nanoseconds since 1970,
// sets of booleans one byte. The outcome of a recipient has the bit 0x80 where a notice of success is owed. Fields follow each other in the order of the code, none is optional
// and nothing may follow the last; bits that a program does not know are an error, as the two for traces
// are to a program without them: what is new gets a new version, and a version that a program
// does not know is an error, never a guess.
//
// # Errors
//
// A value that is not what was written gives an error that wraps ErrDamaged. Lengths and counts
// are checked against what is there before anything is allocated for them.
package codec

import (
	"errors"
	"hash/crc32"
)

// Version is the version of the values that this package writes, the first byte of most.
const Version = 1

// versionMore is that of entries with variable envelope return paths, or with aliases whose sender is to
// hear that they were expanded. A program that does not know them refuses these entries, and would not
// deliver them as they are meant.
const versionMore = 2

// ErrDamaged says that a value does not hold what was once written.
var ErrDamaged = errors.New("damaged")

const sumLen = 4

// sum is the checksum of a value without its checksum, under key.
func sum(key, rest []byte) uint32 {
	return crc32.Update(crc32.Update(0, castagnoli(), key), castagnoli(), rest)
}

// castagnoli returns the table of CRC-32C; MakeTable makes it only once.
func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }
