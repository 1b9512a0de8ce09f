package asuser

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/privsep"
	"github.com/mtad/mtad/pipeline/deliver"
	"github.com/mtad/mtad/pipeline/deliver/mailbox"
)

// world is a parent whose deliverers are goroutines with the rights of this process.
type world struct {
	t       testing.TB
	dir     string
	u       *Users
	started atomic.Int32
	done    sync.WaitGroup
	// fail is what the parent answers, if not nil.
	fail error
	// serve is what the deliverer does with a connection, shared.serve unless a test has another.
	serve func(c net.Conn, directory string) error

	mu sync.Mutex
	// controls are the deliverers' ends.
	controls []*net.UnixConn
}

func newWorld(t testing.TB) *world {
	w := &world{t: t, dir: t.TempDir(), u: New(nil, time.Minute)}
	w.u.pool.start = func(o owner) (*net.UnixConn, error) {
		if w.fail != nil {
			return nil, w.fail
		}
		w.started.Add(1)
		fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
		if err != nil {
			return nil, err
		}
		ours, theirs := control(t, fds[0]), control(t, fds[1])
		w.mu.Lock()
		w.controls = append(w.controls, theirs)
		w.mu.Unlock()
		serve := (&shared{directory: o.directory}).serve
		if w.serve != nil {
			serve = func(c net.Conn) error { return w.serve(c, o.directory) }
		}
		w.done.Go(func() {
			defer theirs.Close()
			_ = attend(theirs, serve)
		})
		return ours, nil
	}
	t.Cleanup(func() {
		w.u.Close()
		w.done.Wait()
	})
	return w
}

func control(t testing.TB, fd int) *net.UnixConn {
	c, err := controlOf(os.NewFile(uintptr(fd), "socket"))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// self is an owner that the world's deliverers are.
func self() deliver.As { return deliver.As{UID: os.Getuid(), GID: os.Getgid()} }

// deliver delivers a text to a mailbox below the directory.
func (w *world) deliver(ctx context.Context, name string, text mail.Content, o mailbox.Options) (string, error) {
	w.t.Helper()
	p, err := mailbox.Below(w.dir, name, os.Getuid())
	if err != nil {
		w.t.Fatal(err)
	}
	m := &mailbox.Message{Sender: "a@s.test", Original: "o@r.test", Delivered: "b@r.test", Text: text}
	return w.u.Mailboxes(privsep.Virtual, o).Deliver(ctx, self(), p, m)
}

// one is what the only file of a pattern has.
func (w *world) one(pattern string) string {
	w.t.Helper()
	names, err := filepath.Glob(filepath.Join(w.dir, pattern))
	if err != nil || len(names) != 1 {
		w.t.Fatalf("%d files %s", len(names), pattern)
	}
	b, err := os.ReadFile(names[0])
	if err != nil {
		w.t.Fatal(err)
	}
	return string(b)
}
