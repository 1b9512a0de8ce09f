// Package store keeps queue entries on disk: entries, records and small texts in Pebble, large
// bodies in files beside it. It implements queue.Store and queue.Draft; nobody else in mtad knows
// Pebble.
//
// A message comes in through a draft, which holds up to 64 KiB of its text in memory and the rest
// in an uncommitted file. Commit makes it durable: the body file first, if there is one, then in
// one synced batch the entry, its text and its place in an index. Commits at the same time share
// one sync.
//
// # States as implemented
//
//	state     on the disk                                      index
//	incoming  no record, or one that says so (requeued)        i
//	active    what it was before; active only in memory        the one of what it was, not shown
//	deferred  a record with the due time, progress             d
//	hold      a record with the reason                         h
//	corrupt   a record with the reason, the rest as it is      c
//
// An entry is in exactly one index, changed in the batch that changes its record. An active entry
// counts and is listed as active, and Due and Waiting pass it over; after a crash or restart it
// is what it was before, so it is taken up again. Corrupt is final: Update refuses, Load returns
// what can be read, Open returns the text if that is whole.
//
// # Invariants
//
// When Commit returned nil, the message survives a power cut: text, envelope, place in the queue.
// When it returned an error, the message is gone, or is undone before the queue is read again;
// only a power cut in between can leave it. Until it returned, nobody sees the entry. A body file
// is synced, under its final name, before an entry speaks of it, and removed after the removal of
// its entry is synced. Nobody reads a byte of text whose checksum is wrong. No id comes twice.
//
// Update and Remove are not synced, but for hold: a power cut or a kill of the process may undo at
// most those of the last 0.1 s (Options.SyncAfter). While the disk fails, they still succeed for
// entries in use, as far as there is memory, and are written once it works again.
//
// # Format
//
// The directory holds
//
//	LOCK             locked while the queue is open
//	VERSION          "mtad-queue 1 db-1": the Format and the database that counts
//	db-N             a Pebble database
//	body/XX/SERIAL   the body of a message whose text is over 64 KiB; see package bodyfile
//	tmp              bodies that are not committed
//	damaged-*        what was damaged and has been replaced, for the admin
//
// Every id carries a serial, a number of 64 bits that grows (package qid). The keys of the
// database are a letter and big-endian numbers, its values as package codec writes them:
//
//	b serial               text: all of it, or head and block checksums of a body file
//	c serial               index of corrupt entries: the id
//	d due serial           index of deferred entries by due time (nanoseconds since 1970): the id
//	e serial 00            entry: the envelope
//	e serial 01            record, without recipients; absent when only Commit has written
//	e serial 02 number(4)  progress of one recipient; absent while nothing was tried
//	h serial               index of entries on hold: the id
//	i serial               index of incoming entries, by arrival: the id
//	m "s"                  all serials below this number may have been given out
//	s site 00 serial       index of entries by the sites that NoteSites was told: the id
//
// An update of one recipient of many thousands writes its progress, the record and, if the due
// time changed, two index keys. A store refuses to open a directory of a format above
// FormatNewest.
//
// # Recovery
//
// Open removes uncommitted bodies, and in the background bodies that no entry speaks of; it counts
// the indexes (a million keys take well below a second) and goes on with serials that were never
// given out. Active entries need nothing.
//
// When a write fails, the database is given up as after a power cut, and opened again as soon as
// the disk lets us; what was acknowledged is in it, what was not is undone, and what Update and
// Remove said meanwhile is written (package ledger). Until then Begin answers 452 or 451.
//
// What fails its own checksum makes its entry corrupt. Where Pebble cannot read a place of its
// files, the database is copied to a new one at once, mail waiting meanwhile; entries that
// cannot be copied whole are corrupt there, all others go on.
//
// # Errors
//
// *status.Error: 452 4.3.1 when there is no room (ENOSPC, EDQUOT, less than Options.MinFree), else
// 451 4.3.0. queue.ErrNotFound for ids that are not in the queue. What wraps queue.ErrCorrupt speaks
// of an entry that is corrupt.
//
// # Known gaps
//
// The index by site is not copied when a damaged database is replaced: entries are in it again after
// their next attempt.
// See package ledger for damage that looks like the end of a file.
package store
