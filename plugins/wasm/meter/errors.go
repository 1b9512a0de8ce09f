package meter

import (
	"errors"
	"fmt"
)

// What can be wrong with a module. Every error of Rewrite and Inspect answers errors.Is to exactly one of them.
var (
	// ErrMalformed: these bytes are not a core WebAssembly module.
	ErrMalformed = errors.New("malformed module")
	// ErrUnsupported: a module, perhaps a good one, that uses what this package does not decode.
	ErrUnsupported = errors.New("not supported")
	// ErrLimit: more of something than the options or this package allow.
	ErrLimit = errors.New("over the limit")
	// ErrReserved: the module uses a name that the metering needs for itself.
	ErrReserved = errors.New("reserved name")
	// ErrOptions: the caller's options make no sense; the module was not looked at.
	ErrOptions = errors.New("bad metering options")
)

// Error says what is wrong with a module and where.
type Error struct {
	Offset int    // byte offset in the module as it was given
	Detail string // what was found there; names the opcode if it is one
	Err    error  // one of the errors above
}

// Error is one line without the module's name, which the caller knows.
func (e *Error) Error() string {
	return fmt.Sprintf("wasm offset %#x: %s: %v", e.Offset, e.Detail, e.Err)
}

// Unwrap makes errors.Is(err, ErrUnsupported) and its siblings work.
func (e *Error) Unwrap() error { return e.Err }
