package wasm

import "golang.org/x/sys/unix"

// mapRoom reserves address space. Pages come, as zeros, when they are written to.
func mapRoom(size uint64) ([]byte, error) {
	if size == 0 {
		return nil, unix.EINVAL
	}
	return unix.Mmap(-1, 0, int(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
}

// dropPages gives the pages of b back; reading it gives zeros then.
func dropPages(b []byte) error { return unix.Madvise(b, unix.MADV_DONTNEED) }

func unmapRoom(b []byte) { _ = unix.Munmap(b) }
