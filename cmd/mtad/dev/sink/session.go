package sink

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"time"
)

// Bounds of a session.
const (
	bufferSize  = 64 << 10
	headerLimit = 64 << 10 // how far into a message its Message-Id may stand
	idleTimeout = 5 * time.Minute
	lingerTime  = time.Second // for the client to read its last reply
)

// ending ends a message: the CRLF before it belongs to the last line.
var ending = []byte("\r\n.\r\n")

// session is one SMTP session. What was read and not taken is buf[from:to].
type session struct {
	s        *Sink
	c        net.Conn
	buf      []byte
	from, to int
	out      []byte // replies to pipelined commands
	header   []byte // of the message under way
	text     []byte // all of it, when it is dumped
}

// smtp serves one client.
func (s *Sink) smtp(ctx context.Context, c net.Conn) {
	s.connected()
	x := &session{s: s, c: c, buf: make([]byte, bufferSize)}
	defer s.disconnected()
	defer x.part()
	x.out = append(x.out, "220 sink.invalid ESMTP\r\n"...)
	for {
		line, err := x.line()
		if err != nil {
			return
		}
		if !x.command(ctx, line) {
			_ = x.flush() // the client may be gone
			return
		}
	}
}

// command answers one command. It reports false when the session is over.
func (x *session) command(ctx context.Context, line []byte) bool {
	verb := bytes.ToUpper(line[:min(4, len(line))])
	switch string(verb) {
	case "EHLO":
		x.out = append(x.out, "250-sink.invalid\r\n250-PIPELINING\r\n250-SIZE\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 ENHANCEDSTATUSCODES\r\n"...)
	case "HELO", "NOOP", "MAIL", "RSET":
		x.out = append(x.out, "250 2.0.0 Ok\r\n"...)
	case "RCPT":
		x.out = append(x.out, "250 2.1.5 Ok\r\n"...)
	case "QUIT":
		x.out = append(x.out, "221 2.0.0 Bye\r\n"...)
		return false
	case "DATA":
		x.out = append(x.out, "354 Go on\r\n"...)
		return x.flush() == nil && x.message(ctx) == nil
	default:
		x.out = append(x.out, "502 5.5.1 Not here\r\n"...)
	}
	return true
}

// line takes the next line, without its end. It is valid until the next read.
func (x *session) line() ([]byte, error) {
	for {
		if i := bytes.IndexByte(x.buf[x.from:x.to], '\n'); i >= 0 {
			line := x.buf[x.from : x.from+i]
			x.from += i + 1
			return bytes.TrimSuffix(line, []byte("\r")), nil
		}
		if x.to-x.from == len(x.buf) {
			return nil, errors.New("line too long")
		}
		if err := x.read(0); err != nil {
			return nil, err
		}
	}
}

// read sends what is to be sent and reads more, keeping keep bytes before from.
func (x *session) read(keep int) error {
	if err := x.flush(); err != nil {
		return err
	}
	begin := x.from - keep
	if x.to == len(x.buf) || x.from == x.to {
		x.to = copy(x.buf, x.buf[begin:x.to])
		x.from = keep
	}
	if err := x.c.SetReadDeadline(time.Now().Add(idleTimeout)); err != nil {
		return err
	}
	if x.s.isOver() {
		return net.ErrClosed // hangUp came before the deadline was set
	}
	n, err := x.c.Read(x.buf[x.to:])
	x.to += n
	if n > 0 {
		return nil
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return err
}

// part ends a session: when the sink ends, the client gets the time to read its last reply. A connection
// that is closed with something unread is reset, and the reset would overtake the reply.
func (x *session) part() {
	_ = x.flush() // the client may be gone
	half, ok := x.c.(interface{ CloseWrite() error })
	if !ok || !x.s.isOver() || half.CloseWrite() != nil {
		return
	}
	_ = x.c.SetReadDeadline(time.Now().Add(lingerTime))
	_, _ = io.Copy(io.Discard, io.LimitReader(x.c, bufferSize))
}

func (x *session) flush() error {
	if len(x.out) == 0 {
		return nil
	}
	if err := x.c.SetWriteDeadline(time.Now().Add(idleTimeout)); err != nil {
		return err
	}
	_, err := x.c.Write(x.out)
	x.out = x.out[:0]
	return err
}

// message takes a message and answers it.
func (x *session) message(ctx context.Context) error {
	x.header, x.text = x.header[:0], x.text[:0]
	size, err := x.data()
	if err != nil {
		return err
	}
	if d := x.s.o.Delay; d > 0 {
		select {
		case <-time.After(d):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	serial, refuse := x.s.number()
	id := messageID(x.header)
	if !refuse && x.s.o.Dump != "" {
		err = x.dump(serial, id)
	}
	switch {
	case refuse:
		x.out = append(x.out, "451 4.3.0 Not this time\r\n"...)
	case err != nil:
		x.out = append(x.out, "451 4.3.0 Cannot write the message\r\n"...)
	default:
		x.s.count(id, size)
		x.out = append(x.out, "250 2.0.0 Ok\r\n"...)
	}
	return nil
}

// data reads up to the end of the message. The two bytes before it in the buffer are the CRLF of
// DATA (or the client wrote a bare LF there, and then an empty message needs a line end).
func (x *session) data() (size int64, err error) {
	keep := 2 // bytes before from that may begin the ending
	if x.from < keep {
		return 0, errors.New("a bare LF ends DATA")
	}
	for {
		window := x.buf[x.from-keep : x.to]
		if i := bytes.Index(window, ending); i >= 0 {
			// from-keep+i+2 is where the final dot stands.
			end := x.from - keep + i + len("\r\n")
			size += int64(end - x.from)
			x.takeOrGiveBack(end)
			x.from = end + len(".\r\n")
			return size, nil
		}
		n := x.to - x.from
		x.take(x.to)
		size += int64(n)
		keep = min(keep+n, len(ending)-1)
		x.from = x.to
		if err := x.read(keep); err != nil {
			return 0, err
		}
	}
}

// takeOrGiveBack takes up to end. When that is before from, the dot came with an earlier read and
// was taken for text.
func (x *session) takeOrGiveBack(end int) {
	if end >= x.from {
		x.take(end)
	} else if x.s.o.Dump != "" {
		x.text = x.text[:len(x.text)-(x.from-end)]
	}
}

// take keeps what is wanted of buf[from:end], which is text of the message.
func (x *session) take(end int) {
	if p := x.buf[x.from:end]; x.s.o.Dump != "" {
		x.text = append(x.text, p...)
	}
	if room := headerLimit - len(x.header); room > 0 && !bytes.Contains(x.header, []byte("\r\n\r\n")) {
		x.header = append(x.header, x.buf[x.from:min(end, x.from+room)]...)
	}
}

// messageID returns the value of the Message-Id field in a header, nil if there is none.
func messageID(header []byte) []byte {
	const name = "message-id:"
	for line := range bytes.Lines(header) {
		if len(line) <= 2 {
			return nil
		}
		if len(line) > len(name) && bytes.EqualFold(line[:len(name)], []byte(name)) {
			return bytes.TrimSpace(line[len(name):])
		}
	}
	return nil
}
