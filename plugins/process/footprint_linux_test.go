package process

import (
	"os"
	"testing"
	"time"
)

func TestTheSystemsAccountOfAProcessIsRead(t *testing.T) {
	page := int64(os.Getpagesize())
	for name, c := range map[string]struct {
		text      string
		memory    int64
		processor time.Duration
	}{
		"a usual line": {"4711 (scan) S 1 4711 4711 0 -1 4194560 1 0 0 0 120 30 0 0 20 0 7 0 99 12345 300 18446744073709551615 1 1",
			300 * page, 1500 * time.Millisecond},
		"a name with parentheses and blanks": {"4711 (a) S (b c) S 1 4711 4711 0 -1 4194560 1 0 0 0 1 2 0 0 20 0 7 0 99 12345 2 1", 2 * page, 30 * time.Millisecond},
		"a number that is none":              {"4711 (scan) S 1 4711 4711 0 -1 4194560 1 0 0 0 x 30 0 0 20 0 7 0 99 12345 -1 1", 0, 300 * time.Millisecond},
		"a line that is cut":                 {"4711 (scan) S 1 4711", 0, 0},
		"nothing":                            {"", 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			if m, p := parseStat([]byte(c.text)); m != c.memory || p != c.processor {
				t.Errorf("%d bytes and %v, want %d and %v", m, p, c.memory, c.processor)
			}
		})
	}
}
