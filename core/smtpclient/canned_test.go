package smtpclient_test

import (
	"bytes"
	"io"
	"net"
	"time"
)

// canned is a connection to a peer that has said everything already and keeps what it is told.
type canned struct {
	in            []byte
	out           bytes.Buffer
	reads, writes int
}

func (c *canned) Read(p []byte) (int, error) {
	c.reads++
	if len(c.in) == 0 {
		return 0, io.EOF
	}
	n := copy(p, c.in)
	c.in = c.in[n:]
	return n, nil
}

func (c *canned) Write(p []byte) (int, error) {
	c.writes++
	return c.out.Write(p)
}

func (*canned) Close() error                     { return nil }
func (*canned) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (*canned) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (*canned) SetDeadline(time.Time) error      { return nil }
func (*canned) SetReadDeadline(time.Time) error  { return nil }
func (*canned) SetWriteDeadline(time.Time) error { return nil }
