package compose

import (
	"bytes"
	"errors"
	"io"
	"os"
)

// inMemory is how much text is held in memory.
const inMemory = 1 << 20

// spool holds text until its end is known.
type spool struct {
	limit int64
	size  int64
	buf   bytes.Buffer
	file  *os.File
}

// Write appends text.
func (s *spool) Write(p []byte) (int, error) {
	if s.size += int64(len(p)); s.limit > 0 && s.size > s.limit {
		return 0, ErrTooBig
	}
	if s.file == nil && s.buf.Len()+len(p) > 2*inMemory {
		if err := s.spill(); err != nil {
			return 0, err
		}
	}
	n, err := s.buf.Write(p)
	if err == nil && s.file != nil && s.buf.Len() > inMemory {
		_, err = s.buf.WriteTo(s.file)
	}
	return n, err
}

// spill begins a file, which has no name: it ends with the process.
func (s *spool) spill() error {
	f, err := os.CreateTemp("", "sendmail")
	if err != nil {
		return err
	}
	if err := os.Remove(f.Name()); err != nil {
		return errors.Join(err, f.Close())
	}
	s.file = f
	_, err = s.buf.WriteTo(f)
	return err
}

// reader reads what was written, from the begin.
func (s *spool) reader() (io.Reader, error) {
	if s.file == nil {
		return bytes.NewReader(s.buf.Bytes()), nil
	}
	if _, err := s.buf.WriteTo(s.file); err != nil {
		return nil, err
	}
	return io.NewSectionReader(s.file, 0, s.size), nil
}

func (s *spool) close() error {
	s.buf.Reset()
	if s.file == nil {
		return nil
	}
	return s.file.Close()
}
