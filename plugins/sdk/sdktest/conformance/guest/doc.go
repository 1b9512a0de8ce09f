//go:build wasip1

// Command guest is the conformance plugin as a WebAssembly module.
//
// # Invariants
//
// It is package conformance and nothing else.
package main
