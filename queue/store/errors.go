package store

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/queue"
	"github.com/mtad/mtad/queue/store/ledger"
)

// ErrInUse says that another process has the queue open.
var ErrInUse = ledger.ErrInUse

// failed makes the answer to a failure of the disk: 452 4.3.1 when there is no room, else
// 451 4.3.0. What already is an answer, or says that there is no such entry, stays.
func failed(op, id string, err error) error {
	var answered *status.Error
	if err == nil || errors.Is(err, queue.ErrNotFound) || errors.As(err, &answered) {
		return err
	}
	cause := fmt.Errorf("store.%s %s: %w", op, id, err)
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return noRoom().Because(cause)
	}
	return status.Tempfail("4.3.0", "Queue file write error").Because(cause)
}

func noRoom() *status.Error {
	return status.New(452, "4.3.1", "Insufficient system storage")
}

// corrupt makes the answer for an entry that is damaged.
func corrupt(id, reason string) error {
	return status.Tempfail("4.3.0", "Queue file is damaged").Because(fmt.Errorf("%w: %s: %s", queue.ErrCorrupt, id, reason))
}
