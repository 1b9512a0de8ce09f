package milter

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"time"
)

// Commands to the milter.
const (
	cmdOptNeg  = 'O'
	cmdMacro   = 'D'
	cmdConnect = 'C'
	cmdHelo    = 'H'
	cmdMail    = 'M'
	cmdRcpt    = 'R'
	cmdData    = 'T'
	cmdHeader  = 'L'
	cmdEOH     = 'N'
	cmdBody    = 'B'
	cmdEOM     = 'E'
	cmdAbort   = 'A'
	cmdQuit    = 'Q'
)

// Answers of the milter.
const (
	ansAddRcpt    = '+'
	ansDelRcpt    = '-'
	ansAddRcptPar = '2'
	ansShutdown   = '4'
	ansAccept     = 'a'
	ansReplBody   = 'b'
	ansContinue   = 'c'
	ansDiscard    = 'd'
	ansChgFrom    = 'e'
	ansConnFail   = 'f'
	ansAddHeader  = 'h'
	ansInsHeader  = 'i'
	ansChgHeader  = 'm'
	ansProgress   = 'p'
	ansQuarantine = 'q'
	ansReject     = 'r'
	ansSkip       = 's'
	ansTempfail   = 't'
	ansReply      = 'y'
)

// Bounds of packets: maxChunk is the most body bytes in one; a longer answer than maxPacket is a
// failure.
const (
	maxChunk  = 65535
	maxPacket = 1 << 20
)

// wire is packets over a connection. One goroutine uses it.
type wire struct {
	c   net.Conn
	r   *bufio.Reader
	w   *bufio.Writer
	buf []byte
}

func newWire(c net.Conn) *wire {
	return &wire{c: c, r: bufio.NewReaderSize(c, 4<<10), w: bufio.NewWriterSize(c, 16<<10)}
}

// limit gives the reads and writes that follow d.
func (w *wire) limit(d time.Duration) { w.c.SetDeadline(time.Now().Add(d)) }

// send writes a packet; it leaves with the next flush.
func (w *wire) send(cmd byte, data []byte) error {
	var head [5]byte
	binary.BigEndian.PutUint32(head[:4], uint32(len(data)+1))
	head[4] = cmd
	if _, err := w.w.Write(head[:]); err != nil {
		return err
	}
	_, err := w.w.Write(data)
	return err
}

// read flushes and returns the next answer that is no progress. data is valid until the next read.
// A sign of progress begins the time limit anew.
func (w *wire) read(limit time.Duration) (ans byte, data []byte, err error) {
	if err := w.w.Flush(); err != nil {
		return 0, nil, err
	}
	for {
		if ans, data, err = w.packet(); err != nil || ans != ansProgress {
			return ans, data, err
		}
		w.limit(limit)
	}
}

func (w *wire) packet() (byte, []byte, error) {
	var head [5]byte
	if _, err := io.ReadFull(w.r, head[:]); err != nil {
		return 0, nil, err
	}
	n := binary.BigEndian.Uint32(head[:4])
	if n < 1 || n > maxPacket {
		return 0, nil, fmt.Errorf("a packet of %d bytes", n)
	}
	n--
	if uint32(cap(w.buf)) < n {
		w.buf = make([]byte, n)
	}
	w.buf = w.buf[:n]
	_, err := io.ReadFull(w.r, w.buf)
	return head[4], w.buf, err
}

// appendText appends a text with the NUL that ends it; a NUL inside would end it early and is left
// out.
func appendText(b []byte, s string) []byte {
	for i := range len(s) {
		if s[i] != 0 {
			b = append(b, s[i])
		}
	}
	return append(b, 0)
}

// cutText takes a text off data. One that nothing ends goes to the end of data.
func cutText(data []byte) (text string, rest []byte) {
	for i, c := range data {
		if c == 0 {
			return string(data[:i]), data[i+1:]
		}
	}
	return string(data), nil
}

// cutNumber takes a number off data.
func cutNumber(data []byte) (n uint32, rest []byte, ok bool) {
	if len(data) < 4 {
		return 0, nil, false
	}
	return binary.BigEndian.Uint32(data), data[4:], true
}
