//go:build !linux

package wasm

import "errors"

// Elsewhere memories are made on Go's heap.
func mapRoom(uint64) ([]byte, error) { return nil, errors.ErrUnsupported }
func clearPages([]byte) error        { return errors.ErrUnsupported }
func dropPages([]byte) error         { return errors.ErrUnsupported }
func unmapRoom([]byte)               {}
