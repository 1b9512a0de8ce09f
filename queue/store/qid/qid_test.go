package qid

import (
	"math"
	"strings"
	"testing"
	"time"
)

func TestIDsLookLikePostfix(t *testing.T) {
	at := time.Unix(1700000000, 123456789)
	for _, c := range []struct{ name, got, want string }{
		{"short", Short(at, 0x10A2B), "1E24010A2B"},
		{"short pads the microseconds", Short(time.Unix(1, 5000), 0xABC), "00005ABC"},
		{"long of time zero", Long(time.Unix(0, 0), 1), "0000000000z1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.got != c.want {
				t.Fatalf("got %s, want %s", c.got, c.want)
			}
		})
	}
}

func TestLongIDsSayTimeAndSerial(t *testing.T) {
	const serial = 12345
	at := time.Unix(1700000000, 123456789)
	id := Long(at, serial)
	i := strings.LastIndexByte(id, 'z')
	number := func(s string, base uint64) (n uint64) {
		for _, c := range s {
			n = n*base + uint64(strings.IndexRune("0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz", c))
		}
		return n
	}
	if i != 10 || number(id[:6], 52) != uint64(at.Unix()) || number(id[6:10], 52) != uint64(at.Nanosecond()/1000) || number(id[11:], 51) != serial {
		t.Fatalf("id %s does not say %v and %d", id, at, serial)
	}
}

func TestSerialComesBack(t *testing.T) {
	for _, at := range []time.Time{time.Unix(0, 0), time.Unix(1700000000, 999999999), time.Unix(1<<40, 0)} {
		for _, n := range []uint64{1, 15, 16, 50, 51, 52, 0x10000, math.MaxUint64} {
			for _, id := range []string{Short(at, n), Long(at, n)} {
				if got, ok := Serial(id); !ok || got != n || len(id) > MaxLen {
					t.Errorf("Serial(%s) = %d, %v; want %d", id, got, ok, n)
				}
			}
		}
	}
}

func TestSerialRefusesWhatIsNoID(t *testing.T) {
	for _, id := range []string{
		"", "12345", "123450", "1234501", "FFFFF1", "1E240abc", "1E240 1", "../etc/passwd", "z", "0000000000z",
		"0000000000z0", "0000000000z01", "000000000z1", "00000000000z1", "000000AAAAz1", "000000zzzzz1",
		"1E2401FFFFFFFFFFFFFFFFFF", "0000000000zyyyyyyyyyyyyyyyy", strings.Repeat("1", MaxLen+1),
	} {
		if n, ok := Serial(id); ok {
			t.Errorf("%q was taken for an id with serial %d", id, n)
		}
	}
}

func FuzzSerial(f *testing.F) {
	for _, s := range []string{"1E24010A2B", "4dPGc40tB8z4r3", "", "zzzzzzzzzzzz1", "00000F"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, id string) {
		n, ok := Serial(id)
		if !ok {
			return
		}
		if n == 0 || strings.ContainsAny(id, "/. \n") {
			t.Fatalf("%q gave %d", id, n)
		}
		long := strings.Contains(id, "z")
		tail := Short(time.Unix(0, 0), n)[microDigits16:]
		if long {
			tail = Long(time.Unix(0, 0), n)[secondDigits+microDigits52:]
		}
		if !strings.HasSuffix(id, tail) {
			t.Fatalf("%q gave %d, which is written %q", id, n, tail)
		}
	})
}
