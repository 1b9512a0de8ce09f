//go:build unix

package smtpclient

import "syscall"

// Healthy reports whether the peer of an idle connection has neither closed it nor said
// anything (a 421, as a rule), as far as is known here. It costs one system call and waits for
// nothing. Only a connection of the operating system can be asked; others pass for healthy.
func (c *Conn) Healthy() bool {
	if c.dead || c.r < c.w {
		return false
	}
	sc, ok := c.raw.(syscall.Conn)
	if !ok {
		return true
	}
	rc, err := sc.SyscallConn()
	if err != nil {
		return false
	}
	silent := false
	err = rc.Control(func(fd uintptr) {
		var b [1]byte
		_, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		silent = err == syscall.EAGAIN || err == syscall.EINTR
	})
	return err == nil && silent
}
