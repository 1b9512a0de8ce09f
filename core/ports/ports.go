package ports

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// Variable tells the next program which sockets it got.
const Variable = "MAIL_PORTS"

// firstActivated is the first descriptor of socket activation (SD_LISTEN_FDS_START).
const firstActivated = 3

// Set holds sockets. Safe for concurrent use.
type Set struct {
	mu   sync.Mutex // guards held
	held []*socket
}

// socket is one listening socket.
type socket struct {
	fd   int
	name string // that the service manager gave it
	want string // the network and address that were asked for
	by   string // who asked first
	addr net.Addr
	used bool
}

// New returns an empty set.
func New() *Set { return &Set{} }

// Inherited returns a set of the sockets that the environment of this process names, and removes
// the variables.
func Inherited() (*Set, error) {
	s := New()
	pid, count, names := os.Getenv("LISTEN_PID"), os.Getenv("LISTEN_FDS"), os.Getenv("LISTEN_FDNAMES")
	left := os.Getenv(Variable)
	for _, v := range []string{"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", Variable} {
		os.Unsetenv(v)
	}
	if pid == strconv.Itoa(os.Getpid()) {
		if err := s.activated(count, names); err != nil {
			return nil, err
		}
	}
	if left == "" {
		return s, nil
	}
	for word := range strings.SplitSeq(left, ",") {
		fd, err := strconv.Atoi(word)
		if err != nil || fd < firstActivated {
			return nil, fmt.Errorf("%s=%s: not a list of descriptors", Variable, left)
		}
		if err := s.add(fd, ""); err != nil {
			return nil, fmt.Errorf("%s: %w", Variable, err)
		}
	}
	return s, nil
}

// activated takes the sockets of the service manager.
func (s *Set) activated(count, names string) error {
	n, err := strconv.ParseUint(count, 10, 10)
	if err != nil {
		return fmt.Errorf("LISTEN_FDS=%s: %w", count, err)
	}
	all := strings.Split(names, ":")
	for i := range int(n) {
		name := ""
		if i < len(all) {
			name = all[i]
		}
		if err := s.add(firstActivated+i, name); err != nil {
			return fmt.Errorf("LISTEN_FDS: descriptor %d (%s): %w", firstActivated+i, name, err)
		}
	}
	return nil
}

// add takes over a descriptor.
func (s *Set) add(fd int, name string) error {
	syscall.CloseOnExec(fd)
	l, err := listener(fd)
	if err != nil {
		return err
	}
	defer l.Close()
	if u, ok := l.(*net.UnixListener); ok {
		u.SetUnlinkOnClose(false)
	}
	s.held = append(s.held, &socket{fd: fd, name: name, addr: l.Addr()})
	return nil
}

// listener makes a listener of its own for a descriptor.
func listener(fd int) (net.Listener, error) {
	own, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, firstActivated)
	if err != nil {
		return nil, os.NewSyscallError("fcntl", err)
	}
	// Non-blocking before it becomes a file: a file that blocks would make the socket block for
	// all who share it.
	if err := syscall.SetNonblock(own, true); err != nil {
		syscall.Close(own)
		return nil, os.NewSyscallError("fcntl", err)
	}
	f := os.NewFile(uintptr(own), "port")
	defer f.Close()
	return net.FileListener(f)
}

// Listen returns a listener for address: on a socket that the service manager named name, or that
// is bound to the address already, else on a new one, which the set holds from now on.
func (s *Set) Listen(name, network, address string) (net.Listener, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, h := range s.held {
		if h.name != "" && h.name == name && !h.used || h.want == network+" "+address || equal(h.addr, network, address) {
			if !h.used {
				h.by = name
			}
			h.used, h.want = true, network+" "+address
			return listener(h.fd)
		}
	}
	l, err := net.Listen(network, address)
	if err != nil {
		return nil, err
	}
	fd, err := hold(l)
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	s.held = append(s.held, &socket{fd: fd, want: network + " " + address, by: name, addr: l.Addr(), used: true})
	return l, nil
}

// FD is Listen for one who passes the socket on: the descriptor stays the set's.
func (s *Set) FD(name, network, address string) (int, error) {
	l, err := s.Listen(name, network, address)
	if err != nil {
		return 0, err
	}
	defer l.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.held, func(h *socket) bool { return h.addr.String() == l.Addr().String() && h.used })
	if i < 0 {
		return 0, errors.New("the socket is gone")
	}
	return s.held[i].fd, nil
}

// hold returns a second descriptor of the listener's socket.
func hold(l net.Listener) (fd int, err error) {
	sc, ok := l.(syscall.Conn)
	if !ok {
		return 0, errors.New("a listener without a descriptor")
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return 0, err
	}
	var failed error
	err = raw.Control(func(n uintptr) { fd, failed = unix.FcntlInt(n, unix.F_DUPFD_CLOEXEC, firstActivated) })
	return fd, errors.Join(err, failed)
}

// equal reports whether a socket is bound to address: the same port, and the same address or any
// address on both sides.
func equal(bound net.Addr, network, address string) bool {
	t, ok := bound.(*net.TCPAddr)
	if !ok {
		return bound.Network() == network && bound.String() == address
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil || !strings.HasPrefix(network, "tcp") || port != strconv.Itoa(t.Port) {
		return false
	}
	if host == "" {
		return t.IP.IsUnspecified()
	}
	want, err := netip.ParseAddr(host)
	return err == nil && want.Unmap() == t.AddrPort().Addr().Unmap()
}

// Unused returns the addresses of inherited sockets that nobody asked for.
func (s *Set) Unused() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var unused []string
	for _, h := range s.held {
		if !h.used {
			unused = append(unused, h.addr.String())
		}
	}
	return unused
}

// Retain gives up the sockets that were asked for and that keep does not want any more. Those that the
// service manager opened by name are its own: they stay.
func (s *Set) Retain(keep func(name, network, address string) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held = slices.DeleteFunc(s.held, func(h *socket) bool {
		network, address, _ := strings.Cut(h.want, " ")
		if !h.used || h.name != "" || keep(h.by, network, address) {
			return false
		}
		_ = syscall.Close(h.fd) // nothing was written to it
		return true
	})
}

// Handover lets the sockets outlive an exec of this process and returns the environment variable
// that tells the next program of them; "" when there are none. Sockets that the service manager
// opened are among them, without their names.
func (s *Set) Handover() (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var fds []string
	for _, h := range s.held {
		if !h.used {
			continue
		}
		if _, err := unix.FcntlInt(uintptr(h.fd), unix.F_SETFD, 0); err != nil {
			return "", os.NewSyscallError("fcntl", err)
		}
		fds = append(fds, strconv.Itoa(h.fd))
	}
	if fds == nil {
		return "", nil
	}
	return Variable + "=" + strings.Join(fds, ","), nil
}

// Close gives the ports up.
func (s *Set) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var err error
	for _, h := range s.held {
		err = errors.Join(err, syscall.Close(h.fd))
	}
	s.held = nil
	return err
}
