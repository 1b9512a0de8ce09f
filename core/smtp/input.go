package smtp

import (
	"bytes"
	"net"
	"syscall"
)

// input is what a client has sent and nobody has taken yet. It borrows its buffer when bytes
// arrive and gives it back when all are taken.
//
// Invariant: 0 ≤ r ≤ w ≤ len(buf), and buf is nil only if r == w == 0.
type input struct {
	nc   net.Conn
	bufs *buffers
	// raw is the socket, for waiting without a buffer; nil where nc is no plain socket.
	raw syscall.RawConn
	// attempt is in.readSocket, bound once.
	attempt func(fd uintptr) bool
	err     error // of the last attempt
	buf     []byte
	r, w    int
	seen    int  // bytes from r that have no LF
	large   bool // wants a large buffer: a message's text
}

// reset begins to read from nc; what was read before is forgotten.
func (in *input) reset(nc net.Conn) {
	in.nc, in.raw = nc, nil
	in.discard()
	if raw, ok := socketOf(nc); ok {
		in.raw = raw
		if in.attempt == nil {
			in.attempt = in.readSocket
		}
	}
}

// discard forgets what was read.
func (in *input) discard() {
	in.r, in.w, in.seen = 0, 0, 0
	in.release()
}

// bytes returns what was read and not taken. It is valid until fill or release.
func (in *input) bytes() []byte { return in.buf[in.r:in.w] }

// take marks n bytes as taken.
func (in *input) take(n int) { in.r, in.seen = in.r+n, 0 }

// isEmpty reports whether everything was taken.
func (in *input) isEmpty() bool { return in.r == in.w }

// line takes a line off the input, without its line end. bare says that its LF came without CR.
// It is valid until fill or release. ok is false when there is no whole line.
func (in *input) line() (line []byte, bare, ok bool) {
	i := bytes.IndexByte(in.buf[in.r+in.seen:in.w], '\n')
	if i < 0 {
		in.seen = in.w - in.r
		return nil, false, false
	}
	line = in.buf[in.r : in.r+in.seen+i]
	in.take(len(line) + 1)
	if n := len(line); n > 0 && line[n-1] == '\r' {
		return line[:n-1], false, true
	}
	return line, true, true
}

// fill waits for more bytes. The buffer must have room: fewer than largeBuffer bytes untaken.
func (in *input) fill() error {
	if in.raw == nil {
		in.makeRoom()
		n, err := in.nc.Read(in.buf[in.w:])
		in.w += n
		if n > 0 {
			return nil
		}
		in.release()
		return err
	}
	in.err = nil
	if err := in.raw.Read(in.attempt); err != nil {
		return err
	}
	return in.err
}

// makeRoom sees to it that the buffer has room behind w, and the size that is wanted.
func (in *input) makeRoom() {
	switch isLarge := len(in.buf) == largeBuffer; {
	case in.buf == nil:
		in.buf = in.bufs.borrow(in.large)
	case in.r == in.w && isLarge != in.large:
		in.release()
		in.buf = in.bufs.borrow(in.large)
	case in.r == in.w:
		in.r, in.w = 0, 0
	case !isLarge && (in.large || in.r == 0 && in.w == len(in.buf)):
		in.move(in.bufs.borrow(true))
	case in.w == len(in.buf):
		in.move(in.buf)
	}
}

// move brings what is not taken to the begin of buf, which becomes the buffer.
func (in *input) move(buf []byte) {
	n := copy(buf, in.bytes())
	if &buf[0] != &in.buf[0] {
		in.bufs.giveBack(in.buf)
	}
	in.buf, in.r, in.w = buf, 0, n
}

// release gives the buffer back if everything was taken.
func (in *input) release() {
	if in.r == in.w && in.buf != nil {
		in.bufs.giveBack(in.buf)
		in.buf, in.r, in.w = nil, 0, 0
	}
}
