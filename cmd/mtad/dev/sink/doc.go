// Package sink is an SMTP server that throws messages away and counts them: the far end of the
// relay benchmark, and of tests that compare what went in with what came out.
//
// A message counts as unique by its Message-Id field. A session costs one read and one write per
// step; text is searched for its end where it lies in the buffer, and not copied.
//
// # Format
//
// The control address takes one command per line and answers each with one line of JSON, the
// Counts: "stats" gives them, "reset" sets them to zero first, "wait N SECONDS" waits until N
// unique messages are here or the time is up.
//
// With Options.Dump each message is written to a file SERIAL-ID.eml, the bytes between DATA's
// reply and the final dot with doubled dots made single (RFC 5321 §4.5.2), nothing else changed.
//
// # Invariants
//
// A message counts before its 250 is sent. CRLF "." CRLF alone ends it.
//
// # Errors
//
// What a client does wrong ends its session. Serve fails when its listener does; a dump that
// cannot be written answers 451 and counts as failed.
package sink
