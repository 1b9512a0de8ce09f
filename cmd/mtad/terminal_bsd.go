//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package main

import "golang.org/x/sys/unix"

// The requests that get and set a terminal's modes.
const getModes, setModes = unix.TIOCGETA, unix.TIOCSETA
