// Package bodyfile keeps the bodies of large messages in files, one each.
//
// A file is written in a directory of its own for files that are not committed, synced, moved to
// its place and its directory synced; only then may an entry speak of it. What a crash leaves in
// the first directory is removed at the next start; what it leaves in the second without an
// entry is found by Walk.
//
// # Invariants
//
// When Place returned nil, the file and its name survive a power cut. Content gives out no byte
// of a block whose checksum is wrong.
//
// # Format
//
//	tmp/SERIAL.N      a body that is being written; N tells the drafts of one serial apart
//	body/XX/SERIAL    a body, byte for byte; XX are the last two digits of the serial
//
// SERIAL is 16 lower-case hexadecimal digits. Checksums are not in the file but with the entry:
// one CRC-32C per codec.BlockLen bytes.
//
// # Errors
//
// A file that is missing, cut short or changed gives an error that wraps codec.ErrDamaged. All
// others are the disk's own.
package bodyfile
