// Package ledger is a Pebble database that outlives the failures of its disk.
//
// Pebble stops the process when its log cannot be written, and panics at places from which no
// caller can recover. A mail system must instead answer "try later" and go on when there is room
// again. So every opened database (an instance) writes through a fence, and a write that fails
// closes it: from then on the instance talks to a disk that accepts everything and keeps
// nothing, which for the files is the same as a power cut at that moment. The keeper then
// closes the instance and opens another one on the same files, as after any crash, as often as
// it takes.
//
//	Read  reads
//	Add   writes something new: durable when it returns nil, gone for good when it does not
//	Note  writes what may be lost in a crash, but in nothing less
//	Sync  makes durable what Note took
//
// # Invariants
//
// Nothing reaches the disk from an instance that failed. Add returns nil only if its batch is
// synced on an instance that had not failed by then. What Note took is kept in memory (the redo
// list) until it is known to be synced, and is written again to the next instance, in order;
// what Add could not finish is undone there before anybody can read it. Only the keeper opens
// and closes instances, and only one exists.
//
// A compaction, which only tidies up, is the exception: its failures are passed on to Pebble, which
// drops it, and the next one waits. It does not begin at all when what is left of the disk is
// wanted for writing down what is in memory.
//
// # Recovery
//
// A log with a damaged record is rewritten without it; the original is kept beside the database.
// A database with a damaged table is copied, as far as it can be read, to a new one by Repair
// of the Config, and the old one is kept. A damaged manifest is refused: Pebble would take it for
// an old one and delete newer tables.
//
// # Errors
//
// While there is no instance, every call fails with an error that wraps ErrDown and what failed
// first. ErrInUse: another process has the directory. ErrFormat: a newer program wrote it.
//
// # Known gaps
//
// Damage to the last record of the manifest looks like a write that a crash cut short, to Pebble
// and to us, and is taken for one. So does damage to the last synced records of the last log.
package ledger
