//go:build !linux

package master

// onReadOnly does not know on this system.
func onReadOnly(string) bool { return false }
