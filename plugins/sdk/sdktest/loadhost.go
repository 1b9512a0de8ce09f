package sdktest

import (
	"time"

	"github.com/mtad/mtad/plugins/sdk"
)

// loadHost is the host of a plugin that is being initialised: there is a configuration, a clock and
// a log, but no message.
type loadHost struct {
	sdk.NoServices
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

func (*loadHost) Get(string) (string, sdk.Errno)                 { return "", sdk.ErrStage }
func (*loadHost) Set(string, string) sdk.Errno                   { return sdk.ErrStage }
func (*loadHost) HdrCount() int                                  { return 0 }
func (*loadHost) HdrGet(int, sdk.Part) ([]byte, sdk.Errno)       { return nil, sdk.ErrStage }
func (*loadHost) HdrFind(string, int) int                        { return -1 }
func (*loadHost) RcptCount() int                                 { return 0 }
func (*loadHost) RcptGet(int, sdk.RcptPart) (string, sdk.Errno)  { return "", sdk.ErrStage }
func (*loadHost) BodySize() int64                                { return -1 }
func (*loadHost) BodyRead(int64, []byte) (int, sdk.Errno)        { return 0, sdk.ErrStage }
func (*loadHost) MsgRead(int64, []byte) (int, sdk.Errno)         { return 0, sdk.ErrStage }
func (*loadHost) Reply(int, string, string) sdk.Errno            { return sdk.OK }
func (*loadHost) StashGet(sdk.Scope, string) ([]byte, sdk.Errno) { return nil, sdk.ErrStage }
func (*loadHost) StashSet(sdk.Scope, string, []byte) sdk.Errno   { return sdk.ErrStage }
func (*loadHost) Counter(string, int64) sdk.Errno                { return sdk.ErrStage }
func (*loadHost) HdrAdd(string, string, int) sdk.Errno           { return sdk.ErrStage }
func (*loadHost) HdrSet(int, string) sdk.Errno                   { return sdk.ErrStage }
func (*loadHost) HdrDel(int) sdk.Errno                           { return sdk.ErrStage }
func (*loadHost) BodyBegin() sdk.Errno                           { return sdk.ErrStage }
func (*loadHost) BodyWrite([]byte) sdk.Errno                     { return sdk.ErrStage }
func (*loadHost) BodyEnd() sdk.Errno                             { return sdk.ErrStage }
func (*loadHost) EnvFrom(string) sdk.Errno                       { return sdk.ErrStage }
func (*loadHost) RcptAdd(string, int) sdk.Errno                  { return sdk.ErrStage }
func (*loadHost) RcptDel(int) sdk.Errno                          { return sdk.ErrStage }
