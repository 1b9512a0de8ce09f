package asuser

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

// process is a deliverer as its user sees it: a socket by which it gets connections, one for each delivery
// at a time. It is one process for all deliveries of an owner, so that many at a time cost one runtime.
type process struct {
	ready   chan struct{} // closed when it is started, or is not
	control *net.UnixConn
	err     error
	// conns is how many connections are open or are about to be; guarded by the pool.
	conns int
}

// connect makes a connection to the process.
func (p *process) connect() (net.Conn, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socketpair", err)
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "delivery"), os.NewFile(uintptr(fds[1]), "delivery")
	defer ours.Close()
	defer theirs.Close()
	if _, _, err := p.control.WriteMsgUnix([]byte{0}, unix.UnixRights(fds[1]), nil); err != nil {
		return nil, err
	}
	return net.FileConn(ours)
}

// attend serves the connections that come by a control socket, until that is closed and the last of them
// has ended.
func attend(control *net.UnixConn, serve func(net.Conn) error) error {
	var all sync.WaitGroup
	defer all.Wait()
	oob := make([]byte, unix.CmsgSpace(4))
	var one [1]byte
	for {
		n, oobn, _, _, err := control.ReadMsgUnix(one[:], oob)
		if errors.Is(err, io.EOF) || err == nil && n == 0 {
			return nil
		}
		if err != nil {
			return err
		}
		c, err := received(oob[:oobn])
		if err != nil {
			return err
		}
		all.Go(func() {
			defer c.Close()
			_ = serve(c) // the other side sees the connection end
		})
	}
}

// received makes a connection of the file in a control message.
func received(oob []byte) (net.Conn, error) {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil || len(messages) != 1 {
		return nil, fmt.Errorf("%d control messages: %w", len(messages), errFrame)
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 1 {
		return nil, fmt.Errorf("%d files: %w", len(fds), errFrame)
	}
	syscall.CloseOnExec(fds[0])
	f := os.NewFile(uintptr(fds[0]), "delivery")
	defer f.Close()
	return net.FileConn(f)
}
