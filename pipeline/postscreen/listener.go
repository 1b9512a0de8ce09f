package postscreen

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"
)

// Listener is a listener whose clients have passed. Make it with Listen.
type Listener struct {
	o      Options
	inner  net.Listener
	passed chan net.Conn
	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	tasks  sync.WaitGroup
	trials sync.WaitGroup // of tasks, those of clients
	room   chan struct{}

	once     sync.Once
	closeErr error
}

var _ net.Listener = (*Listener)(nil)

// Listen begins to accept from inner, which is the listener's from now on. Close it.
func Listen(inner net.Listener, o Options) *Listener {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	l := &Listener{o: o, inner: inner, passed: make(chan net.Conn), room: make(chan struct{}, max(o.Clients, 1))}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	l.tasks.Go(l.accept)
	return l
}

// Accept returns the next client that has passed, until the listener is closed.
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.passed:
		return c, nil
	case <-l.ctx.Done():
		return nil, net.ErrClosed
	}
}

// Addr is the inner listener's.
func (l *Listener) Addr() net.Addr { return l.inner.Addr() }

// Close turns away the clients under test and returns when they are gone.
func (l *Listener) Close() error {
	l.once.Do(func() {
		l.cancel()
		l.closeErr = l.inner.Close()
		l.tasks.Wait()
	})
	return l.closeErr
}

// accept takes clients until the inner listener is closed. When somebody else closed that, the clients
// under test still get their chance. What else fails passes, as for lack of file descriptors: it
// waits and tries again.
func (l *Listener) accept() {
	defer func() {
		l.trials.Wait()
		l.cancel()
	}()
	for {
		c, err := l.inner.Accept()
		if errors.Is(err, net.ErrClosed) || l.ctx.Err() != nil {
			if err == nil {
				_ = c.Close()
			}
			return
		}
		if err != nil {
			l.o.Log.Warning("accept: " + err.Error())
			l.pause()
			continue
		}
		select {
		case l.room <- struct{}{}:
			l.trials.Go(func() { l.test(c) })
		default:
			l.o.Log.Info("NOQUEUE: reject: CONNECT from " + ends(c).client + ": all screening ports busy")
			l.turnAway(c, "421 4.3.2 All server ports are busy\r\n")
		}
	}
}

func (l *Listener) pause() {
	select {
	case <-time.After(100 * time.Millisecond):
	case <-l.ctx.Done():
	}
}

// test is the goroutine of one client, until it passes or is gone.
func (l *Listener) test(c net.Conn) {
	defer func() { <-l.room }()
	if l.o.Upstream != nil {
		told, err := l.o.Upstream(c)
		if err != nil {
			l.o.Log.Warning("no client told by the proxy " + ends(c).client + ": " + err.Error())
			_ = c.Close()
			return
		}
		c = told
	}
	t := &trial{l: l, c: c, endpoints: ends(c)}
	// A closed listener ends the wait for the client.
	stop := context.AfterFunc(l.ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
	through := t.run(l.ctx)
	if !stop() {
		through = false
	}
	if !through {
		_ = t.c.Close()
		return
	}
	select {
	case l.passed <- t.c:
	case <-l.ctx.Done():
		l.turnAway(t.c, "421 4.3.2 Service currently unavailable\r\n")
	}
}

// writeTime bounds the writing of a line.
const writeTime = 10 * time.Second

// turnAway says a last line and closes.
func (l *Listener) turnAway(c net.Conn, line string) {
	_ = c.SetDeadline(l.o.Clock().Add(writeTime))
	_, _ = c.Write([]byte(line)) // a client that does not hear it is turned away as well
	_ = c.Close()
}

// both ends of a connection as the log has them: "[192.0.2.1]:1234".
type endpoints struct {
	addr           netip.Addr
	client, server string
}

func ends(c net.Conn) endpoints {
	client := addrPort(c.RemoteAddr())
	return endpoints{client.Addr(), bracketed(client), bracketed(addrPort(c.LocalAddr()))}
}

func addrPort(a net.Addr) netip.AddrPort {
	if t, ok := a.(*net.TCPAddr); ok {
		ap := t.AddrPort()
		return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	}
	return netip.AddrPort{}
}

func bracketed(a netip.AddrPort) string {
	return "[" + a.Addr().String() + "]:" + portText(a.Port())
}

// isTimeout tells a wait that ended from a client that is gone.
func isTimeout(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }
