//go:build !linux

package spawn

import "os"

// start starts a program. Its umask is this process's: there is no way to set it here without
// changing it for the rest of the process too.
func start(c *Command, attr *os.ProcAttr) (*os.Process, error) {
	return os.StartProcess(c.Path, c.Argv, attr)
}

// awaitEnd is left to the wait that follows.
func awaitEnd(int) {}
