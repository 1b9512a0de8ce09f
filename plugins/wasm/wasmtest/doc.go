// Package wasmtest makes modules for tests: an assembler for what no compiler writes, and the hostile
// set, guests that do what a host must survive.
//
// # Invariants
//
// Nothing but tests imports it.
//
// # Errors
//
// There are none: an assembler that is used wrongly makes a module that does not load.
package wasmtest
