//go:build unix && !linux

package mailbox

import (
	"io"
	"syscall"
)

func fcntlLock(fd uintptr) error {
	return syscall.FcntlFlock(fd, syscall.F_SETLK, &syscall.Flock_t{Type: syscall.F_WRLCK, Whence: io.SeekStart})
}
