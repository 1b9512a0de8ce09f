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
	noMessage
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
