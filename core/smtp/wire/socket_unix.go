//go:build unix

package wire

import (
	"io"
	"net"
	"os"
	"syscall"
)

// socketOf returns the socket of a plain TCP or Unix connection. Other types are left alone:
// what wraps a socket may hold bytes of its own.
func socketOf(nc net.Conn) (syscall.RawConn, bool) {
	var raw syscall.RawConn
	var err error
	switch c := nc.(type) {
	case *net.TCPConn:
		raw, err = c.SyscallConn()
	case *net.UnixConn:
		raw, err = c.SyscallConn()
	default:
		return nil, false
	}
	return raw, err == nil
}

// readSocket reads once. It reports false, with the buffer given back, when nothing is there:
// then RawConn.Read waits until the socket is readable and calls it again. It costs no more
// system calls than net.Conn.Read, which tries and waits in the same way.
func (in *Input) readSocket(fd uintptr) bool {
	in.makeRoom()
	for {
		n, err := syscall.Read(int(fd), in.buf[in.w:])
		switch {
		case err == syscall.EINTR:
			continue
		case err == syscall.EAGAIN:
			in.release()
			return false
		case err != nil:
			in.err = os.NewSyscallError("read", err)
		case n == 0:
			in.err = io.EOF
		default:
			in.w += n
		}
		return true
	}
}

// Waiting reports whether the client has sent bytes that are not read yet. It does not wait.
func (in *Input) Waiting() bool {
	if !in.IsEmpty() {
		return true
	}
	if in.raw == nil {
		return false
	}
	some := false
	err := in.raw.Control(func(fd uintptr) {
		var one [1]byte
		n, _, err := syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		some = err == nil && n > 0
	})
	return err == nil && some
}
