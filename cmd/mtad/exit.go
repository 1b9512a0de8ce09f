package main

import (
	"errors"
	"os"
	"strings"
	"syscall"

	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/pipeline/ctl"
)

// Exit codes (sysexits(3)).
const (
	exOK          = 0
	exFailure     = 1
	exUsage       = 64 // the arguments are wrong
	exDataErr     = 65 // the message or an address in it is wrong
	exNoUser      = 67 // an address has no user
	exUnavailable = 69 // it cannot be done
	exOSErr       = 71 // the system does not do its part
	exIOErr       = 74 // reading or writing failed
	exTempFail    = 75 // it may work later
	exNoPerm      = 77 // the user may not
)

// codeOf is the exit code for a failure to submit a message.
func codeOf(err error) int {
	var e *status.Error
	switch {
	case errors.As(err, &e) && e.Temporary():
		return exTempFail
	case errors.As(err, &e):
		return codeOfReply(e.Reply.DSN())
	case errors.Is(err, ctl.ErrDown), isDiskFull(err):
		return exTempFail
	case errors.Is(err, os.ErrPermission):
		return exNoPerm
	}
	return exTempFail
}

// codeOfReply is the exit code for an enhanced code of class 5 (RFC 3463 §3).
func codeOfReply(dsn string) int {
	switch {
	case dsn == "5.1.1", dsn == "5.1.6":
		return exNoUser
	case strings.HasPrefix(dsn, "5.1."), strings.HasPrefix(dsn, "5.6."):
		return exDataErr
	case dsn == "5.7.1":
		return exNoPerm
	}
	return exUnavailable
}

func isDiskFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}
