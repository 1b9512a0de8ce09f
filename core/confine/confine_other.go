//go:build !linux

package confine

// Process does nothing on this system.
func Process(Paths) (Result, error) { return Result{}, nil }

// Hide does nothing on this system.
func Hide() error { return nil }
