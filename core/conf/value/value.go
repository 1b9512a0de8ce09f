package value

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Range is what a number may be, both ends included.
type Range struct{ Min, Max int64 }

// All returns the range that holds every number.
func All() Range { return Range{math.MinInt64, math.MaxInt64} }

// AtLeast returns the range from low on.
func AtLeast(low int64) Range { return Range{low, math.MaxInt64} }

// Holds reports whether n is in the range.
func (r Range) Holds(n int64) bool { return r.Min <= n && n <= r.Max }

// String returns the range as an error says it: "1 or more", "0 to 100".
func (r Range) String() string {
	switch {
	case r == All():
		return "any number"
	case r.Max == math.MaxInt64:
		return fmt.Sprintf("%d or more", r.Min)
	case r.Min == math.MinInt64:
		return fmt.Sprintf("%d or less", r.Max)
	}
	return fmt.Sprintf("%d to %d", r.Min, r.Max)
}

// Bool reads yes or no.
func Bool(s string) (bool, error) {
	switch strings.ToLower(s) {
	case "yes":
		return true, nil
	case "no":
		return false, nil
	}
	return false, fmt.Errorf("%q is neither yes nor no", s)
}

// Int reads a whole number in base ten that is in range.
func Int(s string, in Range) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is not a whole number", s)
	}
	if !in.Holds(n) {
		return 0, fmt.Errorf("%d is out of range: %s expected", n, in)
	}
	return n, nil
}

// Units of time, by letter.
func unitOf(letter byte) (unit time.Duration, ok bool) {
	switch letter {
	case 's':
		return time.Second, true
	case 'm':
		return time.Minute, true
	case 'h':
		return time.Hour, true
	case 'd':
		return 24 * time.Hour, true
	case 'w':
		return 7 * 24 * time.Hour, true
	}
	return 0, false
}

// Duration reads a time. unit is the letter that counts when s has none; in is in seconds.
func Duration(s string, unit byte, in Range) (time.Duration, error) {
	digits := s
	if n := len(s); n > 0 {
		if _, ok := unitOf(s[n-1] | 0x20); ok {
			digits, unit = s[:n-1], s[n-1]|0x20
		}
	}
	each, ok := unitOf(unit)
	if !ok {
		return 0, fmt.Errorf("%q is not a unit of time", unit)
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is not a time: a number and one of s m h d w expected", s)
	}
	seconds := int64(each / time.Second)
	if most := int64(math.MaxInt64/time.Second) / seconds; n > most || n < -most {
		return 0, fmt.Errorf("the time %s is too long", s)
	}
	if n *= seconds; !in.Holds(n) {
		return 0, fmt.Errorf("the time %s is out of range: %s seconds expected", s, in)
	}
	return time.Duration(n) * time.Second, nil
}

// DurationUnit returns the letter of the unit that a default value such as "5d" ends in, and 's'
// when it ends in none.
func DurationUnit(s string) byte {
	if s != "" {
		if _, ok := unitOf(s[len(s)-1] | 0x20); ok {
			return s[len(s)-1] | 0x20
		}
	}
	return 's'
}

// byteUnits are the suffixes of Bytes and how many bits they shift.
var byteUnits = [...]struct {
	suffix string
	shift  uint
}{{"kib", 10}, {"mib", 20}, {"gib", 30}, {"k", 10}, {"m", 20}, {"g", 30}, {"b", 0}}

// Bytes reads a size of mtad's own parameters: a number of bytes, or a number with KiB, MiB or
// GiB, or K, M or G for the same, in any case.
func Bytes(s string, in Range) (int64, error) {
	digits, shift := strings.ToLower(s), uint(0)
	for _, u := range byteUnits {
		if number, ok := strings.CutSuffix(digits, u.suffix); ok {
			digits, shift = strings.TrimSpace(number), u.shift
			break
		}
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%q is not a size: a number and B, KiB, MiB or GiB expected (or K, M, G)", s)
	}
	if n > math.MaxInt64>>shift {
		return 0, fmt.Errorf("the size %s is too large", s)
	}
	if n <<= shift; !in.Holds(n) {
		return 0, fmt.Errorf("the size %s is out of range: %s bytes expected", s, in)
	}
	return n, nil
}
