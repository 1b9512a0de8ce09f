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
	noMessage
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

// noMessage answers every call that is about a message: not at this stage.
type noMessage struct{ sdk.NoServices }

func (noMessage) Get(string) (string, sdk.Errno)                 { return "", sdk.ErrStage }
func (noMessage) Set(string, string) sdk.Errno                   { return sdk.ErrStage }
func (noMessage) HdrCount() int                                  { return 0 }
func (noMessage) HdrGet(int, sdk.Part) ([]byte, sdk.Errno)       { return nil, sdk.ErrStage }
func (noMessage) HdrFind(string, int) int                        { return -1 }
func (noMessage) RcptCount() int                                 { return 0 }
func (noMessage) RcptGet(int, sdk.RcptPart) (string, sdk.Errno)  { return "", sdk.ErrStage }
func (noMessage) BodySize() int64                                { return -1 }
func (noMessage) BodyRead(int64, []byte) (int, sdk.Errno)        { return 0, sdk.ErrStage }
func (noMessage) MsgRead(int64, []byte) (int, sdk.Errno)         { return 0, sdk.ErrStage }
func (noMessage) Reply(int, string, string) sdk.Errno            { return sdk.ErrStage }
func (noMessage) StashGet(sdk.Scope, string) ([]byte, sdk.Errno) { return nil, sdk.ErrStage }
func (noMessage) StashSet(sdk.Scope, string, []byte) sdk.Errno   { return sdk.ErrStage }
func (noMessage) Counter(string, int64) sdk.Errno                { return sdk.ErrStage }
func (noMessage) HdrAdd(string, string, int) sdk.Errno           { return sdk.ErrStage }
func (noMessage) HdrSet(int, string) sdk.Errno                   { return sdk.ErrStage }
func (noMessage) HdrDel(int) sdk.Errno                           { return sdk.ErrStage }
func (noMessage) BodyBegin() sdk.Errno                           { return sdk.ErrStage }
func (noMessage) BodyWrite([]byte) sdk.Errno                     { return sdk.ErrStage }
func (noMessage) BodyEnd() sdk.Errno                             { return sdk.ErrStage }
func (noMessage) EnvFrom(string) sdk.Errno                       { return sdk.ErrStage }
func (noMessage) RcptAdd(string, int) sdk.Errno                  { return sdk.ErrStage }
func (noMessage) RcptDel(int) sdk.Errno                          { return sdk.ErrStage }
