package sdktest

import (
	"time"

	"github.com/mtad/mtad/plugins/sdk"
)

// loadHost is the host of a plugin that is being initialised: there is a configuration, a clock and
// a log, but no message.
type loadHost struct {
	sdk.NoMessage
	l Load
}

var _ sdk.Host = (*loadHost)(nil)

// Config returns a value of the configuration.
func (h *loadHost) Config(key string) (string, sdk.Errno) {
	if v, ok := h.l.Config[key]; ok {
		return v, sdk.OK
	}
	return "", sdk.ErrNotFound
}

// Log logs.
func (h *loadHost) Log(level sdk.Level, text string) {
	if h.l.Log != nil {
		h.l.Log(level, text)
	}
}

// Now returns the time.
func (h *loadHost) Now(int) int64 { return time.Now().UnixNano() }

// Random fills p with what is not random: a transcript has the same result each time.
func (h *loadHost) Random(p []byte) {
	for i := range p {
		p[i] = byte(i * 37)
	}
}

// Feature reports what the host can do.
func (h *loadHost) Feature(name string) bool { return name == "abi1" || h.l.Allow[name] }

// Reply is heard and not kept.
func (*loadHost) Reply(int, string, string) sdk.Errno { return sdk.OK }
