//go:build !linux

package ctl

import "os"

func openPath(dir string) (*os.File, error) { return os.Open(dir) }
