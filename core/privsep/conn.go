package privsep

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// Conn is one end of the channel. One goroutine receives; any may send.
type Conn struct {
	c    *net.UnixConn
	in   []byte
	oob  []byte
	mu   sync.Mutex // guards out, and keeps messages whole
	out  []byte
	once sync.Once
}

// Pair makes a channel: this process's end, and the file that another process inherits.
func Pair() (*Conn, *os.File, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "channel"), os.NewFile(uintptr(fds[1]), "channel")
	c, err := Take(ours)
	if err != nil {
		theirs.Close()
		return nil, nil, err
	}
	return c, theirs, nil
}

// Take makes an end of a channel of a file that Pair made; it takes over f.
func Take(f *os.File) (*Conn, error) {
	defer f.Close()
	nc, err := net.FileConn(f)
	if err != nil {
		return nil, fmt.Errorf("channel: %w", err)
	}
	c, ok := nc.(*net.UnixConn)
	if !ok || c.LocalAddr().Network() != "unixpacket" {
		nc.Close()
		return nil, errors.New("channel: not a socket of packets")
	}
	return &Conn{c: c, in: make([]byte, MaxMessage+1), oob: make([]byte, unix.CmsgSpace(4*(MaxFiles+1)))}, nil
}

// Send sends a message with files, which stay the caller's. Safe for concurrent use.
func (c *Conn) Send(m *Message, files ...int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var err error
	if c.out, err = m.Append(c.out[:0]); err != nil {
		return err
	}
	var oob []byte
	if len(files) > 0 {
		oob = unix.UnixRights(files...)
	}
	_, _, err = c.c.WriteMsgUnix(c.out, oob, nil)
	return err
}

// Receive returns the next message and its files, which are the caller's to close. io.EOF says
// that the other end is gone.
func (c *Conn) Receive() (*Message, []*os.File, error) {
	n, oobn, flags, _, err := c.c.ReadMsgUnix(c.in, c.oob)
	if errors.Is(err, io.EOF) || err == nil && n == 0 && oobn == 0 {
		return nil, nil, io.EOF
	}
	if err != nil {
		return nil, nil, err
	}
	files, err := received(c.oob[:oobn])
	var m *Message
	if err == nil && flags&(unix.MSG_TRUNC|unix.MSG_CTRUNC) != 0 {
		err = errMalformed
	}
	if err == nil {
		m, err = Decode(c.in[:n])
	}
	if err == nil {
		if s, _ := shapeOf(m.Op); len(files) > s.files {
			err = errMalformed
		}
	}
	if err != nil {
		CloseAll(files)
		return nil, nil, err
	}
	return m, files, nil
}

// received takes the files out of control messages.
func received(oob []byte) (files []*os.File, err error) {
	all, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil, errMalformed
	}
	for _, scm := range all {
		fds, err := unix.ParseUnixRights(&scm)
		if err != nil {
			continue // not files
		}
		for _, fd := range fds {
			syscall.CloseOnExec(fd)
			files = append(files, os.NewFile(uintptr(fd), "passed"))
		}
	}
	return files, nil
}

// CloseAll closes files.
func CloseAll(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}

// Close ends the channel; Receive returns an error. It may be called more than once.
func (c *Conn) Close() error {
	var err error
	c.once.Do(func() { err = c.c.Close() })
	return err
}
