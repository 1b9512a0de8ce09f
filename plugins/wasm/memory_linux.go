package wasm

import (
	"errors"
	"os"
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"
)

// mapRoom reserves address space. Pages come, as zeros, when they are written to.
func mapRoom(size uint64) ([]byte, error) {
	if size == 0 {
		return nil, unix.EINVAL
	}
	return unix.Mmap(-1, 0, int(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
}

// scattered is how many pieces of a memory may be emptied one by one.
const scattered = 64

var errScattered = errors.New("the pages lie scattered")

// clearPages makes b zeros. Pages that are there are written to, and stay; what is not there (never touched, or on
// the swap disk) is given up. An error says that b is as it was, or partly zeros.
func clearPages(b []byte) error {
	page := os.Getpagesize()
	if len(b) == 0 {
		return nil
	}
	there := make([]byte, (len(b)+page-1)/page)
	if _, _, errno := unix.Syscall(unix.SYS_MINCORE, uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), uintptr(unsafe.Pointer(&there[0]))); errno != 0 {
		return errno
	}
	for begin, pieces := 0, 0; begin < len(there); pieces++ {
		end := begin + 1
		for end < len(there) && there[end]&1 == there[begin]&1 {
			end++
		}
		piece := b[begin*page : min(end*page, len(b))]
		switch {
		case pieces == scattered:
			return errScattered
		case there[begin]&1 != 0:
			for part := range slices.Chunk(piece, 256<<10) { // between two of them the collector may stop us
				clear(part)
			}
		default:
			if err := dropPages(piece); err != nil {
				return err
			}
		}
		begin = end
	}
	return nil
}

// dropPages gives the pages of b back; reading it gives zeros then.
func dropPages(b []byte) error { return unix.Madvise(b, unix.MADV_DONTNEED) }

func unmapRoom(b []byte) { _ = unix.Munmap(b) }
