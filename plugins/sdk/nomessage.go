package sdk

// NoMessage answers every call that is about a message: not at this stage. Embed it in a Host for a
// plugin that is being initialised.
type NoMessage struct{ NoServices }

// Get is not to be had.
func (NoMessage) Get(string) (string, Errno) { return "", ErrStage }

// Set is not to be had.
func (NoMessage) Set(string, string) Errno { return ErrStage }

// HdrCount is 0.
func (NoMessage) HdrCount() int { return 0 }

// HdrGet is not to be had.
func (NoMessage) HdrGet(int, Part) ([]byte, Errno) { return nil, ErrStage }

// HdrFind finds nothing.
func (NoMessage) HdrFind(string, int) int { return -1 }

// RcptCount is 0.
func (NoMessage) RcptCount() int { return 0 }

// RcptGet is not to be had.
func (NoMessage) RcptGet(int, RcptPart) (string, Errno) { return "", ErrStage }

// BodySize is not known.
func (NoMessage) BodySize() int64 { return -1 }

// BodyRead is not to be had.
func (NoMessage) BodyRead(int64, []byte) (int, Errno) { return 0, ErrStage }

// MsgRead is not to be had.
func (NoMessage) MsgRead(int64, []byte) (int, Errno) { return 0, ErrStage }

// Reply is not to be had.
func (NoMessage) Reply(int, string, string) Errno { return ErrStage }

// StashGet is not to be had.
func (NoMessage) StashGet(Scope, string) ([]byte, Errno) { return nil, ErrStage }

// StashSet is not to be had.
func (NoMessage) StashSet(Scope, string, []byte) Errno { return ErrStage }

// Counter is not to be had.
func (NoMessage) Counter(string, int64) Errno { return ErrStage }

// HdrAdd is not to be had.
func (NoMessage) HdrAdd(string, string, int) Errno { return ErrStage }

// HdrSet is not to be had.
func (NoMessage) HdrSet(int, string) Errno { return ErrStage }

// HdrDel is not to be had.
func (NoMessage) HdrDel(int) Errno { return ErrStage }

// BodyBegin is not to be had.
func (NoMessage) BodyBegin() Errno { return ErrStage }

// BodyWrite is not to be had.
func (NoMessage) BodyWrite([]byte) Errno { return ErrStage }

// BodyEnd is not to be had.
func (NoMessage) BodyEnd() Errno { return ErrStage }

// EnvFrom is not to be had.
func (NoMessage) EnvFrom(string) Errno { return ErrStage }

// RcptAdd is not to be had.
func (NoMessage) RcptAdd(string, int) Errno { return ErrStage }

// RcptDel is not to be had.
func (NoMessage) RcptDel(int) Errno { return ErrStage }
