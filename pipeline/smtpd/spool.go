package smtpd

import (
	"fmt"
	"io"
	"os"
)

// spoolMemory is how much of a message stays in memory.
const spoolMemory = 64 << 10

// spool keeps a message until all of it is here: in memory, and what does not fit there in a file
// without a name, which is gone when the process is. nil: nothing.
type spool struct {
	dir  string
	head []byte
	file *os.File
}

func newSpool(dir string) *spool { return &spool{dir: dir} }

// Write adds p.
func (s *spool) Write(p []byte) (int, error) {
	if s.file == nil && len(s.head)+len(p) <= spoolMemory {
		s.head = append(s.head, p...)
		return len(p), nil
	}
	if s.file == nil {
		f, err := os.CreateTemp(s.dir, "proxy")
		if err != nil {
			return 0, err
		}
		s.file = f
		if err := os.Remove(f.Name()); err != nil {
			return 0, err
		}
	}
	return s.file.Write(p)
}

// copyTo writes all of it to w.
func (s *spool) copyTo(w io.Writer) error {
	if _, err := w.Write(s.head); err != nil || s.file == nil {
		return err
	}
	if _, err := s.file.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("spool: %w", err)
	}
	_, err := io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{s.file}, make([]byte, 32<<10))
	return err
}

// free gives up what was kept.
func (s *spool) free() {
	if s != nil && s.file != nil {
		_ = s.file.Close() // nothing of it is wanted any more
	}
}
