package builtin

import (
	"crypto/rand"
	"fmt"
	"slices"
	"time"

	"github.com/mtad/mtad/plugins/sdk"
)

// initHost is the host of a built-in that is being initialised: there is a configuration, a clock and
// a log, but no message.
type initHost struct {
	sdk.NoMessage
	config map[string]string
	needs  []string
	log    func(sdk.Level, string)
}

var _ sdk.Host = (*initHost)(nil)

// initialise tells p its configuration, if it wants to be told; an error refuses to load.
func initialise(p sdk.Plugin, h *initHost) (err error) {
	i, ok := p.(sdk.Initer)
	if !ok {
		return nil
	}
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("init: panic: %v", r)
		}
	}()
	return i.Init(sdk.Tx{Host: h})
}

// Config returns a value of the plugin's configuration.
func (h *initHost) Config(key string) (string, sdk.Errno) {
	if v, ok := h.config[key]; ok {
		return v, sdk.OK
	}
	return "", sdk.ErrNotFound
}

// Log logs under the plugin's name.
func (h *initHost) Log(level sdk.Level, text string) {
	if h.log != nil {
		h.log(level, text)
	}
}

// Now returns the time; the monotonic clock begins with 1970 here.
func (h *initHost) Now(int) int64 { return time.Now().UnixNano() }

// Random fills p.
func (h *initHost) Random(p []byte) { rand.Read(p) }

// Feature reports what the host can do: what the built-in needs is granted, or it is not loaded.
func (h *initHost) Feature(name string) bool {
	return name == "abi1" || slices.Contains(h.needs, name)
}
