package bodyfile

import (
	"fmt"
	"syscall"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/mtad/mtad/queue/store/codec"
)

// Writer writes a body to an uncommitted file. It must end in Place or Discard. One goroutine
// uses it; ReadAt may run beside others.
type Writer struct {
	dir    *Dir
	serial uint64
	name   string
	file   vfs.File
	size   int64
	sums   codec.Sums
}

// Create starts the body of a serial. n tells several drafts of one serial apart.
func (d *Dir) Create(serial uint64, n int) (*Writer, error) {
	name := d.fs.PathJoin(d.tmp, fmt.Sprintf("%s.%d", baseName(serial), n))
	file, err := d.fs.Create(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		return nil, err
	}
	w := &Writer{dir: d, serial: serial, name: name, file: file}
	if fd := file.Fd(); fd != vfs.InvalidFd {
		if err := syscall.Fchmod(int(fd), 0o600); err != nil {
			w.Discard()
			return nil, err
		}
	}
	return w, nil
}

// Append appends a block of codec.BlockLen bytes; only the last may be shorter. The content of
// block is undefined afterwards. After an error the writer can only be discarded.
func (w *Writer) Append(block []byte) error {
	w.sums = w.sums.Add(block)
	w.size += int64(len(block))
	_, err := w.file.Write(block)
	return err
}

// Size is the number of bytes appended.
func (w *Writer) Size() int64 { return w.size }

// Sums are the checksums of the blocks appended.
func (w *Writer) Sums() codec.Sums { return w.sums }

// ReadAt reads what was appended, as io.ReaderAt.
func (w *Writer) ReadAt(p []byte, off int64) (int, error) { return w.file.ReadAt(p, off) }

// Place makes the body durable under its final name. After an error nothing of it is left, or
// Walk will find it.
func (w *Writer) Place() error {
	err := w.file.Sync()
	if err2 := w.file.Close(); err == nil {
		err = err2
	}
	w.file = nil
	if err != nil {
		w.Discard()
		return err
	}
	return w.move()
}

func (w *Writer) move() error {
	d := w.dir
	err := d.makeSub(w.serial)
	if err == nil {
		err = d.fs.Rename(w.name, d.path(w.serial))
	}
	if err != nil {
		w.Discard()
		return err
	}
	if err := syncDir(d.fs, d.sub(int(w.serial&0xff))); err != nil {
		// The cause is what matters; a file that stays behind is found at the next start.
		_ = d.Remove(w.serial)
		return err
	}
	return nil
}

// Discard forgets the body. It may be called after Place failed, not after it succeeded.
func (w *Writer) Discard() {
	if w.file != nil {
		_ = w.file.Close()
		w.file = nil
	}
	// A file that cannot be removed now is removed at the next start.
	_ = w.dir.fs.Remove(w.name)
}
