package mailbox

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"github.com/mtad/mtad/core/status"
)

// What could not be done, in words for the sender.
const (
	cannotOpen  = "cannot open the mailbox"
	cannotLock  = "cannot lock the mailbox"
	cannotWrite = "cannot write to the mailbox"
	cannotRead  = "cannot read the queued message"
)

func errIs(err, target error) bool { return errors.Is(err, target) }

// failed turns an error of the system into one that can be answered. The path stays in the
// cause: it is nobody's business but the admin's.
func failed(what string, err error) error {
	var e *status.Error
	if errors.As(err, &e) || errIs(err, context.Canceled) || errIs(err, context.DeadlineExceeded) {
		return err
	}
	switch {
	case errIs(err, syscall.EFBIG), errIs(err, syscall.EDQUOT):
		e = status.New(552, "5.2.2", "%s: the mailbox is full", what)
	case errIs(err, syscall.ENOSPC):
		e = status.New(452, "4.3.1", "%s: no space left on the disk", what)
	case what == cannotOpen || what == cannotLock || errIs(err, syscall.ESTALE):
		e = status.New(450, "4.2.0", "%s%s", what, words(err))
	default:
		e = status.New(451, "4.3.0", "%s%s", what, words(err))
	}
	return e.Because(err)
}

// words returns the system's words for err, without names: ": permission denied".
func words(err error) string {
	var errno syscall.Errno
	if errIs(err, errBusy) {
		return ": " + errBusy.Error()
	}
	if errors.As(err, &errno) {
		return ": " + errno.Error()
	}
	return ""
}

// untrusted is the error for an mbox that is not what it should be.
func untrusted(p Place, why string) error {
	return status.New(450, "4.2.0", "%s: it %s", cannotOpen, why).Because(fmt.Errorf("%s %s", p, why))
}
