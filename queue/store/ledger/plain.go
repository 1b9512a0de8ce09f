package ledger

import "strings"

// plainError is an error that prints as one line. Pebble's print as many, with stack traces where
// loggers ask for all they have.
type plainError struct {
	text string
	err  error
}

func plain(err error) error {
	if err == nil {
		return nil
	}
	text, _, _ := strings.Cut(err.Error(), "\n")
	return &plainError{text, err}
}

// Error returns the first line.
func (e *plainError) Error() string { return e.text }

// Unwrap returns the error as it came.
func (e *plainError) Unwrap() error { return e.err }
