//go:build !unix

package smtp

import (
	"net"
	"syscall"
)

// socketOf finds no socket: elsewhere a connection holds its buffer while it waits.
func socketOf(net.Conn) (syscall.RawConn, bool) { return nil, false }

func (in *input) readSocket(uintptr) bool { return true }

// waiting reports whether bytes were read and not taken.
func (in *input) waiting() bool { return !in.isEmpty() }
