// Package conformance is the conformance plugin in Go: an interpreter of small programs in its
// configuration, each of whose commands is one call of the ABI. ../CONFORMANCE.md says what it
// does, in every language; the transcripts in ../testdata/conformance say what must come of it.
//
// # Invariants
//
// It keeps nothing between hooks. It asks for every capability.
//
// # Errors
//
// What a call answers is logged; "trap" panics.
package conformance
