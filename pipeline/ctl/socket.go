package ctl

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// maxSocketPath is the longest path that every system takes in a socket address (sun_path of 104
// bytes on the BSDs, 108 on Linux, one of them for the end).
const maxSocketPath = 103

// ErrRunning says that another daemon answers on the socket.
var ErrRunning = errors.New("another daemon answers on the control socket")

// ErrDown says that no daemon answers on the socket.
var ErrDown = errors.New("the mail system is down")

// Listen makes the control socket at path, for everybody to connect. A socket that a dead daemon
// left is replaced; one that answers is ErrRunning; anything else at path is an error. Closing
// the listener removes the socket.
func Listen(path string) (net.Listener, error) {
	if err := clear(path); err != nil {
		return nil, err
	}
	short, done, err := shorten(path)
	if err != nil {
		return nil, err
	}
	ln, err := net.Listen("unix", short)
	if err != nil {
		done()
		return nil, fmt.Errorf("control socket %s: %w", path, err)
	}
	if err := os.Chmod(path, 0o666); err != nil {
		err = errors.Join(err, ln.Close())
		done()
		return nil, err
	}
	return &listener{Listener: ln, done: done}, nil
}

// listener keeps the directory open by which its socket is removed.
type listener struct {
	net.Listener
	once sync.Once
	done func()
}

// Close closes and removes the socket.
func (l *listener) Close() error {
	err := l.Listener.Close()
	l.once.Do(l.done)
	return err
}

// clear removes a socket at path that nobody answers on.
func clear(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode().Type() != fs.ModeSocket:
		return fmt.Errorf("control socket %s: there is something else of this name", path)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	c, err := dial(ctx, path)
	if err == nil {
		return errors.Join(fmt.Errorf("%s: %w", path, ErrRunning), c.Close())
	}
	if !errors.Is(err, ErrDown) {
		return err
	}
	return os.Remove(path)
}

// dial connects to the socket at path. It returns ErrDown when nobody listens there.
func dial(ctx context.Context, path string) (net.Conn, error) {
	short, done, err := shorten(path)
	if err == nil {
		defer done()
		var d net.Dialer
		var c net.Conn
		if c, err = d.DialContext(ctx, "unix", short); err == nil {
			return c, nil
		}
	}
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
		return nil, fmt.Errorf("%w: %s: %w", ErrDown, path, err)
	}
	return nil, err
}

// shorten returns a name of path that fits a socket address. It is valid until done is called.
func shorten(path string) (short string, done func(), err error) {
	if len(path) <= maxSocketPath {
		return path, func() {}, nil
	}
	if runtime.GOOS != "linux" {
		return "", nil, fmt.Errorf("control socket %s: the path has more than %d bytes", path, maxSocketPath)
	}
	// Through the open directory: to change the working directory would change it for every
	// goroutine of the process.
	dir, err := openPath(filepath.Dir(path))
	if err != nil {
		return "", nil, err
	}
	short = fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), filepath.Base(path))
	return short, func() { dir.Close() }, nil
}
