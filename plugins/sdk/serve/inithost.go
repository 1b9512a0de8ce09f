package serve

import (
	"crypto/rand"
	"time"

	"github.com/mtad/mtad/plugins/sdk"
	"github.com/mtad/mtad/plugins/sdk/serve/wire"
)

// maxInitLines is how many lines a plugin may log while it is initialised.
const maxInitLines = 100

// initHost is the host of a plugin that is being initialised: there is a configuration, a clock and a
// log, but no message.
type initHost struct {
	sdk.NoMessage
	s      *server
	logged []*wire.Op
}

var _ sdk.Host = (*initHost)(nil)

// Config returns a value of the plugin's configuration.
func (h *initHost) Config(key string) (string, sdk.Errno) { return h.s.setting(key) }

// Log keeps a line for the log.
func (h *initHost) Log(level sdk.Level, text string) {
	if len(h.logged) < maxInitLines {
		h.logged = append(h.logged, &wire.Op{Function: wire.Function_LOG, I: int64(level), P: []byte(text[:min(len(text), 1000)])})
	}
}

// Now returns the time; the monotonic clock begins with 1970 here.
func (h *initHost) Now(int) int64 { return time.Now().UnixNano() }

// Random fills p.
func (h *initHost) Random(p []byte) { rand.Read(p) }

// Feature reports what the host can do for this plugin.
func (h *initHost) Feature(name string) bool { return h.s.features[name] }
