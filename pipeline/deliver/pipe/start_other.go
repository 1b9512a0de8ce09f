//go:build !linux

package pipe

import "os/exec"

// start starts a command. Its umask is mtad's: there is no other way to set it here without
// changing it for the rest of mtad too.
func start(cmd *exec.Cmd) error { return cmd.Start() }
