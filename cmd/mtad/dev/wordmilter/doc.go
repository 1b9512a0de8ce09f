// Package wordmilter is the filter that bench/compare-filters measures, as a milter: it refuses messages
// that have one of twenty words in the Subject or the body, in any case.
//
// # Invariants
//
// It decides as plugins/wasm/testdata/words.c does. It asks the MTA for nothing but the header and the
// body, and changes nothing.
//
// # Errors
//
// Serve returns what the listener says; a broken connection ends its session only.
package wordmilter
