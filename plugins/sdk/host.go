package sdk

// Errno is how a host call fails; the numbers are ABI 1's.
type Errno int32

// The errors of host calls. OK is no error.
const (
	OK          Errno = 0
	ErrNotFound Errno = -1
	ErrDenied   Errno = -2
	ErrInvalid  Errno = -3
	ErrLimit    Errno = -4
	ErrStage    Errno = -5
	ErrAgain    Errno = -6
	ErrUnsup    Errno = -7
	ErrIO       Errno = -8
)

// Error returns the error in words.
func (e Errno) Error() string {
	switch e {
	case OK:
		return "ok"
	case ErrNotFound:
		return "not found"
	case ErrDenied:
		return "denied: not in this plugin's allow list"
	case ErrInvalid:
		return "bad argument"
	case ErrLimit:
		return "limit reached"
	case ErrStage:
		return "not at this hook point"
	case ErrAgain:
		return "try again later"
	case ErrUnsup:
		return "not supported by this host"
	}
	return "input/output error"
}

// Part says what of a header field HdrGet returns.
type Part int32

// The parts of a header field.
const (
	PartName  Part = 0 // the name as written
	PartValue Part = 1 // the value, unfolded and trimmed
	PartRaw   Part = 2 // the whole field as it came, without the last CRLF
)

// RcptPart says what of a recipient RcptGet returns.
type RcptPart int32

// The parts of a recipient.
const (
	RcptAddr     RcptPart = 0 // where it goes now
	RcptOriginal RcptPart = 1 // the address as given
	RcptParams   RcptPart = 2 // the parameters of RCPT, "NOTIFY=… ORCPT=…"
)

// Scope says how long a stashed value lives.
type Scope int32

// The scopes of a stash.
const (
	ScopeConnection Scope = 0
	ScopeMessage    Scope = 1
)

// Level is the level of a log line.
type Level int32

// The levels.
const (
	LevelDebug Level = iota
	LevelInfo
	LevelWarn
	LevelError
)

// Host is ABI 1 as mtad serves it, call by call. Strings and slices passed in are valid only
// during the call (the host copies what it keeps); slices returned are valid until the next call
// and must not be changed. Not safe for concurrent use: one hook, one goroutine.
type Host interface {
	// Get returns a property ("client.addr", "mail.from", …; the reference is docs/abi.md).
	Get(key string) (string, Errno)
	// Set sets an answer ("action.arg", "rewrite.result", …).
	Set(key, value string) Errno
	// Header fields, from 0. HdrFind returns the first index ≥ from, or -1.
	HdrCount() int
	HdrGet(i int, what Part) ([]byte, Errno)
	HdrFind(name string, from int) int
	// Envelope recipients, from 0.
	RcptCount() int
	RcptGet(i int, what RcptPart) (string, Errno)
	// BodySize is the length of the body, or -1 before it is known. BodyRead and MsgRead fill
	// p from offset off and return the number of bytes, 0 at the end.
	BodySize() int64
	BodyRead(off int64, p []byte) (int, Errno)
	MsgRead(off int64, p []byte) (int, Errno)
	// Reply sets the SMTP reply that goes with the verdict.
	Reply(code int, enhanced, text string) Errno
	// Config returns a value of the plugin's own configuration.
	Config(key string) (string, Errno)
	Log(level Level, text string)
	// Now returns nanoseconds: clock 0 since 1970, 1 monotonic. Random fills p.
	Now(clock int) int64
	Random(p []byte)
	// Stash keeps values across the hooks of a message or connection, per plugin.
	StashGet(scope Scope, key string) ([]byte, Errno)
	StashSet(scope Scope, key string, value []byte) Errno
	// Counter adds to a counter that appears in the metrics.
	Counter(name string, delta int64) Errno
	// Feature asks whether the host can do something: "abi1", "stash", "counter", or a
	// capability that this plugin was granted ("edit", "kv", …).
	Feature(name string) bool

	Services

	// Edits queue and are applied when the hook returns without failure. They need the
	// capability "edit".

	// HdrAdd inserts a field before the field at pos; pos < 0 or beyond the end appends.
	// Positions and indexes are those that the hook sees, its own earlier edits included.
	HdrAdd(name, value string, pos int) Errno
	HdrSet(i int, value string) Errno
	HdrDel(i int) Errno
	// BodyBegin starts a new body, BodyWrite appends to it, BodyEnd makes it the body.
	BodyBegin() Errno
	BodyWrite(p []byte) Errno
	BodyEnd() Errno
	// EnvFrom changes the envelope sender; RcptAdd and RcptDel its recipients. flags of
	// RcptAdd is 0.
	EnvFrom(address string) Errno
	RcptAdd(address string, flags int) Errno
	RcptDel(i int) Errno
}
