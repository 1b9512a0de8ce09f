// Package source sends messages to an SMTP server as fast as that takes them, and measures it: the
// load of the relay benchmark. It costs little itself, so that the server is what is measured: a
// session owns one message and changes only the digits of its Message-Id; a step is one write.
//
// # Invariants
//
// No two messages of a run have the same Message-Id. Accepted counts messages whose end of data
// got a 2xx reply, and nothing else.
//
// # Errors
//
// A refusal or a lost connection is counted, and the run goes on. Run fails only if no message
// could be tried at all.
package source
