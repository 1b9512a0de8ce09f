//go:build !race

package store

// sparse: see race_on_test.go.
const sparse = 1
