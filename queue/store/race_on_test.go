//go:build race

package store

// sparse makes the tests that try every operation try every sparse-th only: the race detector
// makes them many times slower.
const sparse = 7
