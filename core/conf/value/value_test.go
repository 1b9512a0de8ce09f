package value

import (
	"math"
	"strings"
	"testing"
	"time"
)

func TestBool(t *testing.T) {
	for s, want := range map[string]bool{"yes": true, "YES": true, "Yes": true, "no": false, "NO": false} {
		if got, err := Bool(s); err != nil || got != want {
			t.Errorf("%q is %v, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "true", "1", "y", "yes ", "on"} {
		if _, err := Bool(s); err == nil || !strings.Contains(err.Error(), "neither yes nor no") {
			t.Errorf("%q gives %v", s, err)
		}
	}
}

func TestInt(t *testing.T) {
	tests := []struct {
		s     string
		in    Range
		want  int64
		error string
	}{
		{"0", All(), 0, ""}, {"-5", All(), -5, ""}, {"10240000", AtLeast(1), 10240000, ""}, {"100", Range{0, 100}, 100, ""},
		{"0", AtLeast(1), 0, "1 or more expected"}, {"101", Range{0, 100}, 0, "0 to 100 expected"},
		{"5", Range{math.MinInt64, 4}, 0, "4 or less"}, {"", All(), 0, "not a whole number"}, {"10 # ten", All(), 0, "not a whole number"},
		{"0x10", All(), 0, "not a whole number"}, {"1.5", All(), 0, "not a whole number"}, {"10M", All(), 0, "not a whole number"},
		{"99999999999999999999", All(), 0, "not a whole number"},
	}
	for _, tt := range tests {
		got, err := Int(tt.s, tt.in)
		check(t, tt.s, got, tt.want, err, tt.error)
	}
	if s := All().String(); s != "any number" {
		t.Errorf("the whole range is %q", s)
	}
}

func TestDuration(t *testing.T) {
	day := 24 * time.Hour
	tests := []struct {
		s     string
		unit  byte
		in    Range
		want  time.Duration
		error string
	}{
		{"300s", 's', All(), 300 * time.Second, ""}, {"5d", 's', All(), 5 * day, ""}, {"5", 'd', All(), 5 * day, ""},
		{"2w", 's', All(), 14 * day, ""}, {"2H", 's', All(), 2 * time.Hour, ""}, {"1m", 'h', All(), time.Minute, ""},
		{"0", 'h', AtLeast(0), 0, ""}, {"60", 's', Range{1, 60}, time.Minute, ""},
		{"61", 's', Range{1, 60}, 0, "1 to 60 seconds"}, {"0", 's', AtLeast(1), 0, "1 or more seconds"},
		{"", 's', All(), 0, "s m h d w"}, {"s", 's', All(), 0, "s m h d w"}, {"1h30m", 's', All(), 0, "s m h d w"},
		{"5y", 's', All(), 0, "s m h d w"}, {"5 m", 's', All(), 0, "s m h d w"}, {"1.5h", 's', All(), 0, "s m h d w"},
		{"9223372036854775807", 's', All(), 0, "too long"}, {"99999999999w", 's', All(), 0, "too long"}, {"1", 'x', All(), 0, "not a unit"},
	}
	for _, tt := range tests {
		got, err := Duration(tt.s, tt.unit, tt.in)
		check(t, tt.s, got, tt.want, err, tt.error)
	}
}

func TestDurationUnit(t *testing.T) {
	for s, want := range map[string]byte{"5d": 'd', "0h": 'h', "4000s": 's', "": 's', "10": 's', "1W": 'w'} {
		if got := DurationUnit(s); got != want {
			t.Errorf("%q counts %q, want %q", s, got, want)
		}
	}
}

func TestBytes(t *testing.T) {
	tests := []struct {
		s     string
		in    Range
		want  int64
		error string
	}{
		{"16MiB", All(), 16 << 20, ""}, {"16 mib", All(), 16 << 20, ""}, {"1GiB", All(), 1 << 30, ""}, {"64KiB", All(), 65536, ""},
		{"64M", All(), 64 << 20, ""}, {"3 k", All(), 3 << 10, ""}, {"1g", All(), 1 << 30, ""}, {"1T", All(), 0, "not a size"},
		{"100", All(), 100, ""}, {"100B", All(), 100, ""}, {"5GiB", Range{0, 4 << 30}, 0, "out of range"},
		{"", All(), 0, "not a size"}, {"-1", All(), 0, "not a size"}, {"16MB", All(), 0, "not a size"},
		{"99999999999GiB", All(), 0, "too large"},
	}
	for _, tt := range tests {
		got, err := Bytes(tt.s, tt.in)
		check(t, tt.s, got, tt.want, err, tt.error)
	}
}

func check[T comparable](t *testing.T, s string, got, want T, err error, text string) {
	t.Helper()
	if text == "" {
		if err != nil || got != want {
			t.Errorf("%q is %v, %v; want %v", s, got, err, want)
		}
		return
	}
	if err == nil || !strings.Contains(err.Error(), text) {
		t.Errorf("%q gives %v, %v; want an error with %q", s, got, err, text)
	}
}

func FuzzDuration(f *testing.F) {
	f.Add("5d", byte('s'))
	f.Add("-1", byte('w'))
	f.Fuzz(func(t *testing.T, s string, unit byte) {
		d, err := Duration(s, unit, AtLeast(0))
		if err == nil && (d < 0 || d%time.Second != 0) {
			t.Fatalf("%q is %v", s, d)
		}
		if n, err := Bytes(s, AtLeast(0)); err == nil && n < 0 {
			t.Fatalf("%q is %d bytes", s, n)
		}
	})
}
