package proxyproto

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Sizes in bytes. A header of version 2 may have extensions, which nobody needs here: more than
// maxRest of them is more than any proxy sends.
const (
	maxLine    = 107
	prefix     = 12 // enough to tell the versions apart; no header is shorter
	fixed      = 16
	maxRest    = 4 << 10
	signature  = "\r\n\r\n\x00\r\nQUIT\n"
	beginLine  = "PROXY "
	v2Version  = 2
	cmdLocal   = 0
	cmdProxy   = 1
	famUnspec  = 0x00
	famTCP4    = 0x11
	famTCP6    = 0x21
	unknownKey = "UNKNOWN"
)

// Header is what a proxy said.
type Header struct {
	// Client and Server are the ends of the connection that the proxy took; both are invalid for
	// a connection of the proxy's own (LOCAL, UNKNOWN).
	Client, Server netip.AddrPort
}

// Errors of Read besides those of reading.
var (
	// ErrNoHeader: the connection begins with something else.
	ErrNoHeader = errors.New("no PROXY header")
	// ErrTooLong: the header is longer than any may be.
	ErrTooLong = errors.New("PROXY header too long")
	// ErrMalformed: the header does not say what it must.
	ErrMalformed = errors.New("malformed PROXY header")
)

// Read reads a header and nothing beyond it.
func Read(r io.Reader) (Header, error) {
	var b [maxLine]byte
	if _, err := io.ReadFull(r, b[:prefix]); err != nil {
		return Header{}, err
	}
	switch {
	case string(b[:prefix]) == signature:
		return readBinary(r)
	case bytes.HasPrefix(b[:], []byte(beginLine)):
		return readLine(r, &b)
	}
	return Header{}, ErrNoHeader
}

// readLine reads the rest of a line, byte by byte: what is behind it is not ours.
func readLine(r io.Reader, b *[maxLine]byte) (Header, error) {
	for n := prefix; ; n++ {
		if line, ok := bytes.CutSuffix(b[:n], []byte("\r\n")); ok {
			return parseLine(string(line))
		}
		if n == maxLine {
			return Header{}, ErrTooLong
		}
		if _, err := io.ReadFull(r, b[n:n+1]); err != nil {
			return Header{}, err
		}
	}
}

// parseLine reads "PROXY TCP4 client server port port".
func parseLine(line string) (h Header, err error) {
	words := strings.Split(line, " ")
	if words[1] == unknownKey {
		return h, nil
	}
	if len(words) != 6 || words[1] != "TCP4" && words[1] != "TCP6" {
		return h, fmt.Errorf("%w: %q", ErrMalformed, line)
	}
	ok1, ok2 := false, false
	h.Client, ok1 = end(words[2], words[4], words[1] == "TCP6")
	h.Server, ok2 = end(words[3], words[5], words[1] == "TCP6")
	if !ok1 || !ok2 {
		return Header{}, fmt.Errorf("%w: %q", ErrMalformed, line)
	}
	return h, nil
}

// end is an address and a port in decimal.
func end(address, port string, six bool) (netip.AddrPort, bool) {
	a, err := netip.ParseAddr(address)
	n, err2 := strconv.ParseUint(port, 10, 16)
	if err != nil || err2 != nil || a.Is6() != six || a.Zone() != "" || port[0] == '+' {
		return netip.AddrPort{}, false
	}
	return netip.AddrPortFrom(a.Unmap(), uint16(n)), true
}

// readBinary reads version 2 behind its signature.
func readBinary(r io.Reader) (h Header, err error) {
	var b [fixed - prefix + 36]byte
	if _, err := io.ReadFull(r, b[:4]); err != nil {
		return h, err
	}
	version, command, family, size := b[0]>>4, b[0]&15, b[1], int(binary.BigEndian.Uint16(b[2:4]))
	switch {
	case version != v2Version || command > cmdProxy:
		return h, fmt.Errorf("%w: version and command %#x", ErrMalformed, b[0])
	case size > maxRest:
		return h, ErrTooLong
	}
	addresses := 0
	switch {
	case command == cmdLocal, family == famUnspec:
	case family == famTCP4:
		addresses = 12
	case family == famTCP6:
		addresses = 36
	default:
		return h, fmt.Errorf("%w: family %#x", ErrMalformed, family)
	}
	if size < addresses {
		return h, fmt.Errorf("%w: %d bytes for addresses", ErrMalformed, size)
	}
	part := b[4 : 4+addresses]
	if _, err := io.ReadFull(r, part); err != nil {
		return h, err
	}
	if _, err := io.CopyN(io.Discard, r, int64(size-addresses)); err != nil {
		return h, err
	}
	if addresses > 0 {
		h.Client, h.Server = ends(part)
	}
	return h, nil
}

// ends reads two addresses of equal length and their ports.
func ends(b []byte) (client, server netip.AddrPort) {
	n := (len(b) - 4) / 2
	from, _ := netip.AddrFromSlice(b[:n])
	to, _ := netip.AddrFromSlice(b[n : 2*n])
	return netip.AddrPortFrom(from.Unmap(), binary.BigEndian.Uint16(b[2*n:])),
		netip.AddrPortFrom(to.Unmap(), binary.BigEndian.Uint16(b[2*n+2:]))
}

// Conn is a connection with the addresses that a proxy told.
type Conn struct {
	net.Conn
	client, server net.Addr
}

// RemoteAddr is the client's, or the proxy's for a connection of its own.
func (c *Conn) RemoteAddr() net.Addr { return c.client }

// LocalAddr is the address that the client connected to.
func (c *Conn) LocalAddr() net.Addr { return c.server }

// NetConn returns the connection to the proxy.
func (c *Conn) NetConn() net.Conn { return c.Conn }

// Accept reads the header of a connection, for which there is the time that is given. It leaves the
// connection without deadlines.
func Accept(nc net.Conn, timeout time.Duration) (*Conn, error) {
	if err := nc.SetReadDeadline(time.Now().Add(timeout)); err != nil {
		return nil, err
	}
	h, err := Read(nc)
	if err != nil {
		return nil, err
	}
	c := &Conn{nc, nc.RemoteAddr(), nc.LocalAddr()}
	if h.Client.IsValid() {
		c.client, c.server = net.TCPAddrFromAddrPort(h.Client), net.TCPAddrFromAddrPort(h.Server)
	}
	return c, nc.SetReadDeadline(time.Time{})
}
