// Package index is mtad's file for lookup tables with many keys: what postmap makes of a text.
//
// Create starts a file, Writer.Put adds entries, Writer.Commit puts the file in place. Open opens
// one, Reader.Lookup asks it and Reader.All lists it.
//
// # Invariants
//
// A file never changes once it has its name: Commit writes a new one beside it, syncs it and
// renames it. So a reader sees the old table or the new, never half of one, also after a crash. A
// Reader is safe for concurrent use and reads with pread: a file that someone truncates gives
// errors, not signals. A lookup is two reads, or three when hashes meet.
//
// # Errors
//
// Open refuses a file whose version, size or checksum is not right (ErrCorrupt, ErrVersion). Lookup
// checks each record's own checksum; an error means that the table could not be asked.
//
// # Format
//
// Version 1. Numbers are little-endian. CRC is CRC-32C.
//
//	header    64 bytes: "MTADINDX", version u32, flags u32 (0), entries u64, slots u64, end of records u64,
//	          longest probe u32, CRC of all that follows the header u32, 12 zero bytes, CRC of the 60 bytes before u32
//	records   from byte 64: CRC of the rest u32, length of key u32, length of value u32, key, value; in the order
//	          of Put
//	slots     16 bytes each: high half of the key's hash u32, length of the record u32, place of the record
//	          u64, 0 for an empty slot
//
// A key's hash is FNV-1a (64 bits) finished with MurmurHash3's fmix64. Its first slot is the high
// 64 bits of hash × slots; when that one is taken, the next, going round. There are at least 1.5
// slots per entry. No reader looks at more slots than the longest probe says.
package index
