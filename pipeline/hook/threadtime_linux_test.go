package hook

import (
	"time"

	"golang.org/x/sys/unix"
)

// threadTime is the processor time that this thread has used: what a call takes on a machine that has
// other things to do. The goroutine is locked to its thread.
func threadTime() time.Duration {
	var ts unix.Timespec
	if unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts) != nil {
		return 0
	}
	return time.Duration(ts.Nano())
}
