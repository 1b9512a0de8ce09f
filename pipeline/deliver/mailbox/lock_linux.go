package mailbox

import (
	"errors"
	"io"
	"syscall"
)

// ofdSetLock is F_OFD_SETLK: a record lock that belongs to the open file, not to the process. It
// conflicts with the fcntl locks of other programs like any other, and is not lost when the
// process closes another descriptor of the same file.
const ofdSetLock = 37

func fcntlLock(fd uintptr) error {
	err := syscall.FcntlFlock(fd, ofdSetLock, wholeFile())
	if errors.Is(err, syscall.EINVAL) { // a file system or kernel without them
		err = syscall.FcntlFlock(fd, syscall.F_SETLK, wholeFile())
	}
	return err
}

func wholeFile() *syscall.Flock_t {
	return &syscall.Flock_t{Type: syscall.F_WRLCK, Whence: io.SeekStart}
}
