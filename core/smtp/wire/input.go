package wire

import (
	"bytes"
	"net"
	"syscall"
)

// Input is what a client has sent and nobody has taken yet. It borrows its buffer when bytes
// arrive and gives it back when all are taken. It is for one goroutine. The zero value is made
// usable by Reset.
//
// Invariant: 0 ≤ r ≤ w ≤ len(buf), and buf is nil only if r == w == 0.
type Input struct {
	// Large asks for a large buffer: a message's text, or a long line.
	Large bool

	nc   net.Conn
	bufs *Buffers
	// raw is the socket, for waiting without a buffer; nil where nc is no plain socket.
	raw syscall.RawConn
	// attempt is in.readSocket, bound once.
	attempt func(fd uintptr) bool
	err     error // of the last attempt
	buf     []byte
	r, w    int
	seen    int // Bytes from r that have no LF
}

// Reset begins to read from nc, with buffers of bufs; what was read before is forgotten.
func (in *Input) Reset(nc net.Conn, bufs *Buffers) {
	in.nc, in.raw = nc, nil
	in.Discard()
	in.bufs = bufs
	if raw, ok := socketOf(nc); ok {
		in.raw = raw
		if in.attempt == nil {
			in.attempt = in.readSocket
		}
	}
}

// Discard forgets what was read.
func (in *Input) Discard() {
	in.r, in.w, in.seen = 0, 0, 0
	in.release()
}

// Bytes returns what was read and not taken. It is valid until Fill or Discard.
func (in *Input) Bytes() []byte { return in.buf[in.r:in.w] }

// Take marks n bytes as taken.
func (in *Input) Take(n int) { in.r, in.seen = in.r+n, 0 }

// IsEmpty reports whether everything was taken.
func (in *Input) IsEmpty() bool { return in.r == in.w }

// Line takes a line off the input, without its line end. bare says that its LF came without CR.
// It is valid until Fill or Discard. ok is false when there is no whole line.
func (in *Input) Line() (line []byte, bare, ok bool) {
	i := bytes.IndexByte(in.buf[in.r+in.seen:in.w], '\n')
	if i < 0 {
		in.seen = in.w - in.r
		return nil, false, false
	}
	line = in.buf[in.r : in.r+in.seen+i]
	in.Take(len(line) + 1)
	if n := len(line); n > 0 && line[n-1] == '\r' {
		return line[:n-1], false, true
	}
	return line, true, true
}

// Fill waits for more bytes, or fails with the connection's error; io.EOF is the client's end. Fewer
// than LargeBuffer bytes may be untaken.
func (in *Input) Fill() error {
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
func (in *Input) makeRoom() {
	switch isLarge := len(in.buf) == LargeBuffer; {
	case in.buf == nil:
		in.buf = in.bufs.Borrow(in.Large)
	case in.r == in.w && isLarge != in.Large:
		in.release()
		in.buf = in.bufs.Borrow(in.Large)
	case in.r == in.w:
		in.r, in.w = 0, 0
	case !isLarge && (in.Large || in.r == 0 && in.w == len(in.buf)):
		in.move(in.bufs.Borrow(true))
	case in.w == len(in.buf):
		in.move(in.buf)
	}
}

// move brings what is not taken to the begin of buf, which becomes the buffer.
func (in *Input) move(buf []byte) {
	n := copy(buf, in.Bytes())
	if &buf[0] != &in.buf[0] {
		in.bufs.GiveBack(in.buf)
	}
	in.buf, in.r, in.w = buf, 0, n
}

// release gives the buffer back if everything was taken.
func (in *Input) release() {
	if in.r == in.w && in.buf != nil {
		in.bufs.GiveBack(in.buf)
		in.buf, in.r, in.w = nil, 0, 0
	}
}
