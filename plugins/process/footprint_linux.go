package process

import (
	"bytes"
	"os"
	"strconv"
	"time"
)

// ticks is the unit of /proc's times: USER_HZ, which is 100 for programs on every architecture (proc(5)).
const ticks = time.Second / 100

// footprint reads /proc/PID/stat. It is asked for under the lock that keeps the process from being
// reaped meanwhile, so the number is nobody else's.
func footprint(r *run) (memory int64, processor time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.reaped || r.pid() == 0 {
		return 0, 0
	}
	text, err := os.ReadFile("/proc/" + r.ID() + "/stat")
	if err != nil {
		return 0, 0
	}
	return parseStat(text)
}

// parseStat reads the fields 14, 15 (utime, stime) and 24 (rss in pages); the second one is the
// program's name in parentheses, which may have blanks and parentheses of its own.
func parseStat(text []byte) (memory int64, processor time.Duration) {
	fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
	if len(fields) < 22 {
		return 0, 0
	}
	number := func(n int) int64 {
		v, err := strconv.ParseInt(string(fields[n-3]), 10, 64)
		if err != nil || v < 0 {
			return 0
		}
		return v
	}
	return number(24) * int64(os.Getpagesize()), time.Duration(number(14)+number(15)) * ticks
}
