//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// hideInput has a terminal not show what is typed until shown is called. An interrupt in between ends
// the program, with the terminal as it was.
func hideInput(f *os.File) (shown func(), err error) {
	fd := int(f.Fd())
	before, err := unix.IoctlGetTermios(fd, getModes)
	if err != nil {
		return nil, fmt.Errorf("terminal: %w", err)
	}
	hidden := *before
	hidden.Lflag &^= unix.ECHO
	if err := unix.IoctlSetTermios(fd, setModes, &hidden); err != nil {
		return nil, fmt.Errorf("terminal: %w", err)
	}
	interrupted, over := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(interrupted, syscall.SIGINT, syscall.SIGTERM)
	var wg sync.WaitGroup
	wg.Go(func() {
		select {
		case <-interrupted:
			_ = unix.IoctlSetTermios(fd, setModes, before) // nothing is left to be done about it
			os.Exit(exFailure)
		case <-over:
		}
	})
	return func() {
		signal.Stop(interrupted)
		close(over)
		wg.Wait()
		_ = unix.IoctlSetTermios(fd, setModes, before) // the terminal that was just there
	}, nil
}
