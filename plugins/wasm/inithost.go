package wasm

import (
	"crypto/rand"
	"strings"
	"time"

	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/plugins/sdk"
)

// initHost is the host of a guest that is being initialised: there is a configuration, a clock
// and a log, but no message.
type initHost struct {
	sdk.NoMessage
	m    *Module
	text string
}

var _ sdk.Host = (*initHost)(nil)

// refusal is what the guest said with reply when it refused to load.
func (h *initHost) refusal() string {
	if h.text == "" {
		return "no reason given"
	}
	return h.text
}

// Reply keeps the reason of a refusal.
func (h *initHost) Reply(_ int, _, text string) sdk.Errno {
	h.text = status.Clean(strings.Clone(text))
	return sdk.OK
}

// Config returns a value of the plugin's configuration.
func (h *initHost) Config(key string) (string, sdk.Errno) {
	if v, ok := h.m.o.Config[key]; ok {
		return v, sdk.OK
	}
	return "", sdk.ErrNotFound
}

// Log logs under the plugin's name.
func (h *initHost) Log(level sdk.Level, text string) {
	if h.m.o.Log != nil {
		h.m.o.Log(level, strings.Clone(text))
	}
}

// Now returns the time; the monotonic clock begins with 1970 here.
func (h *initHost) Now(int) int64 { return time.Now().UnixNano() }

// Random fills p.
func (h *initHost) Random(p []byte) { rand.Read(p) }

// Feature reports what the host can do.
func (h *initHost) Feature(name string) bool { return name == "abi1" || h.m.o.Allow[name] }
