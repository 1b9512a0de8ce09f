package qid

import (
	"math"
	"strconv"
	"strings"
	"time"
)

const digits52 = "0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz"

// MaxLen is the most bytes an id can have: a long one of the latest time and the largest serial.
const MaxLen = 32

const (
	microDigits16 = 5
	secondDigits  = 6
	microDigits52 = 4
	separator     = 'z'
)

// Short returns the short id of a serial (> 0) given out at t.
func Short(t time.Time, serial uint64) string {
	var buf [MaxLen]byte
	b := appendPadded(buf[:0], micros(t), 16, microDigits16)
	return string(appendPadded(b, serial, 16, 1))
}

// Long returns the long id of a serial (> 0) given out at t.
func Long(t time.Time, serial uint64) string {
	var buf [MaxLen]byte
	b := appendPadded(buf[:0], uint64(max(t.Unix(), 0)), 52, secondDigits)
	b = appendPadded(b, micros(t), 52, microDigits52)
	return string(appendPadded(append(b, separator), serial, 51, 1))
}

func micros(t time.Time) uint64 { return uint64(t.Nanosecond() / 1000) }

// appendPadded appends n in the base (16, 51 or 52) with at least width digits.
func appendPadded(dst []byte, n, base uint64, width int) []byte {
	var buf [16]byte
	digits := digits52
	if base == 16 {
		digits = "0123456789ABCDEF"
	}
	i := len(buf)
	for n > 0 || len(buf)-i < width {
		i--
		buf[i] = digits[n%base]
		n /= base
	}
	return append(dst, buf[i:]...)
}

// Serial returns the serial that an id carries; ok is false when id is no id that Short or Long
// makes. That it is one does not say that such an entry is, or ever was, in the queue.
func Serial(id string) (serial uint64, ok bool) {
	if len(id) > MaxLen {
		return 0, false
	}
	if i := strings.LastIndexByte(id, separator); i >= 0 {
		return longSerial(id, i)
	}
	return shortSerial(id)
}

func shortSerial(id string) (uint64, bool) {
	if len(id) <= microDigits16 || strings.ContainsFunc(id, notUpperHex) || id[microDigits16] == '0' {
		return 0, false
	}
	us, err := strconv.ParseUint(id[:microDigits16], 16, 64)
	if err != nil || us >= 1e6 {
		return 0, false
	}
	n, err := strconv.ParseUint(id[microDigits16:], 16, 64)
	return n, err == nil
}

func notUpperHex(r rune) bool { return (r < '0' || r > '9') && (r < 'A' || r > 'F') }

func longSerial(id string, sep int) (uint64, bool) {
	const least = secondDigits + microDigits52
	if sep < least || sep > least && id[0] == '0' {
		return 0, false
	}
	_, okSec := parseDigits(id[:sep-microDigits52], 52)
	us, okUS := parseDigits(id[sep-microDigits52:sep], 52)
	serial := id[sep+1:]
	n, ok := parseDigits(serial, 51)
	return n, okSec && okUS && us < 1e6 && ok && serial[0] != '0'
}

func parseDigits(s string, base uint64) (n uint64, ok bool) {
	for i := 0; i < len(s); i++ {
		d := strings.IndexByte(digits52, s[i])
		if d < 0 || uint64(d) >= base || n > (math.MaxUint64-uint64(d))/base {
			return 0, false
		}
		n = n*base + uint64(d)
	}
	return n, s != ""
}
