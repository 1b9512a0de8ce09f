package wasm

import (
	"slices"
	"strings"
	"testing"

	"github.com/mtad/mtad/plugins/sdk"
)

// A Go guest that panicked wrote each word of its stack into a log line of its own.
func TestWhatAGuestWritesIsLoggedLineByLine(t *testing.T) {
	var got []string
	h := &initHost{m: &Module{o: Options{Log: func(_ sdk.Level, text string) { got = append(got, text) }}}}
	var l lineLog
	for _, piece := range []string{"panic: ", "trap", "\n\ngorou", "tine 1\r\n", strings.Repeat("x", 3000), "y\n", "rest"} {
		l.write(h, []byte(piece))
	}
	l.flush(h)
	l.flush(h)
	if want := []string{"panic: trap", "goroutine 1", strings.Repeat("x", 1000), "rest"}; !slices.Equal(got, want) {
		t.Fatalf("%q", got)
	}
}
