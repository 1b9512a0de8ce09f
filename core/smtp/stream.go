package smtp

import (
	"io"
	"net"
	"time"
)

// Stream is a net.Conn made of a reader and a writer, as standard input and output (sendmail -bs;
// Postfix does not ask such a client to wait for replies: see Options.ForbidUnauthPipelining).
// Deadlines work as far as the two have SetReadDeadline and SetWriteDeadline, as *os.File has for
// pipes and terminals; else they are ignored. Close closes what is an io.Closer.
type Stream struct {
	r io.Reader
	w io.Writer
}

var _ net.Conn = (*Stream)(nil)

// NewStream returns a Stream that owns r and w.
func NewStream(r io.Reader, w io.Writer) *Stream { return &Stream{r: r, w: w} }

// Read reads from the reader.
func (s *Stream) Read(p []byte) (int, error) { return s.r.Read(p) }

// Write writes to the writer.
func (s *Stream) Write(p []byte) (int, error) { return s.w.Write(p) }

// Close closes the reader and the writer.
func (s *Stream) Close() error {
	err := closeIfCloser(s.r)
	if err2 := closeIfCloser(s.w); err == nil {
		err = err2
	}
	return err
}

func closeIfCloser(v any) error {
	if c, ok := v.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

// LocalAddr returns an address that is none.
func (s *Stream) LocalAddr() net.Addr { return streamAddr{} }

// RemoteAddr returns an address that is none.
func (s *Stream) RemoteAddr() net.Addr { return streamAddr{} }

type streamAddr struct{}

func (streamAddr) Network() string { return "stream" }
func (streamAddr) String() string  { return "stream" }

// SetDeadline sets both deadlines.
func (s *Stream) SetDeadline(t time.Time) error {
	err := s.SetReadDeadline(t)
	if err2 := s.SetWriteDeadline(t); err == nil {
		err = err2
	}
	return err
}

// SetReadDeadline sets the deadline of reads, if the reader can.
func (s *Stream) SetReadDeadline(t time.Time) error {
	if d, ok := s.r.(interface{ SetReadDeadline(time.Time) error }); ok {
		return d.SetReadDeadline(t)
	}
	return nil
}

// SetWriteDeadline sets the deadline of writes, if the writer can.
func (s *Stream) SetWriteDeadline(t time.Time) error {
	if d, ok := s.w.(interface{ SetWriteDeadline(time.Time) error }); ok {
		return d.SetWriteDeadline(t)
	}
	return nil
}
