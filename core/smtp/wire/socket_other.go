//go:build !unix

package wire

import (
	"net"
	"syscall"
)

// socketOf finds no socket: elsewhere a connection holds its buffer while it waits.
func socketOf(net.Conn) (syscall.RawConn, bool) { return nil, false }

func (in *Input) readSocket(uintptr) bool { return true }

// Waiting reports whether bytes were read and not taken.
func (in *Input) Waiting() bool { return !in.IsEmpty() }
