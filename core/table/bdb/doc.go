// Package bdb reads the files of Berkeley DB that Postfix's postmap wrote for its types hash and
// btree, so that a table lives on when its text is lost or its library is gone.
//
// Read returns all entries of a file.
//
// # Invariants
//
// Nothing in a file is believed: every page number, offset and length is checked, every chain of
// pages is bounded. Read holds the shared lock that Postfix's programs respect and notices a file
// that changes meanwhile, so what it returns is one state of the table.
//
// # Errors
//
// ErrFormat: the file is not a Berkeley DB hash or btree file, or it is damaged. ErrBusy: somebody
// is writing it; later it will do.
//
// # Format
//
// That of Berkeley DB 4 and 5: pages of equal size in the byte order of the machine that wrote
// them, checksums allowed, encryption not. Page 0 says the type; entries are on hash pages (2 and
// 13) and on the leaves of btrees (5), long ones on chains of overflow pages (7). Versions: hash 7 to
// 10, btree 8 to 10. One zero byte at the end of a key or value is Postfix's and is taken off.
//
// # Known gaps
//
// Sets of values of one key (which postmap never writes) are refused.
package bdb
