package master

import (
	"path/filepath"

	"golang.org/x/sys/unix"
)

// onReadOnly reports whether a path, or what there is above it, is on a file system that is mounted read-only.
func onReadOnly(path string) bool {
	var st unix.Statfs_t
	for {
		switch err := unix.Statfs(path, &st); {
		case err == nil:
			return st.Flags&unix.ST_RDONLY != 0
		case err != unix.ENOENT || path == "/":
			return false
		}
		path = filepath.Dir(path)
	}
}
