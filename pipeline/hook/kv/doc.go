// Package kv keeps what plugins want to remember across messages: a small durable store of keys
// and values, a space of its own for each plugin, with a quota and times to live.
//
// Open opens the store, Store.Space the part of one plugin. A Space answers in ABI 1's errors.
//
// # Invariants
//
// A space sees and changes its own keys only. Incr is atomic. The keys and values of a space never
// take more than its quota, which bounds its memory too: a space is a map, and the disk has the
// journal of its changes. Times are the wall clock's, so that they outlive a restart. A disk that
// fails costs the change at hand, never more.
//
// # Errors
//
// Open and Space name the file. A failing disk is sdk.ErrIO, and the store says so in the log.
//
// # Format
//
// One journal per space, NAME.kv: "mtadkv1\n", then records: CRC-32C of what follows (4 bytes),
// length of the key (2), length of the value (4; 0xffffffff for a key that was forgotten), when it
// expires in milliseconds since 1970 (8; 0 for never), key, value. Numbers are big endian. What
// follows the first record that is wrong does not count. The journal is written anew, and renamed
// into place, when the space is opened and when most of it is history.
//
// # Durability
//
// A change survives the end of the process, however it ends, as soon as the call returns. It
// survives a power cut once the journal was synced, which it is every second while there are
// changes: a plugin's counters are not worth a disk's sync each.
package kv
