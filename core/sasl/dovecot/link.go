package dovecot

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"github.com/mtad/mtad/core/sasl"
)

// errLost is what became of a request whose connection ended.
var errLost = errors.New("connection lost to authentication server")

// link is one connection to the server.
type link struct {
	nc         net.Conn
	mechanisms []sasl.Mechanism
	ended      chan struct{} // closed when the connection is of no use any more

	mu      sync.Mutex // guards what follows, and writing
	waiting map[uint32]chan answer
	next    uint32
	dead    bool
}

// processes are numbers that no process of a system has (Linux gives them up to 1<<22): Dovecot wants
// each connection to say another.
const firstProcess, processes = 1<<22 + 1, 1 << 30

// connect makes a connection and reads the server's greeting.
func (c *Client) connect(ctx context.Context) (*link, *bufio.Reader, error) {
	ctx, cancel := context.WithTimeout(ctx, c.o.ConnectTimeout)
	defer cancel()
	nc, err := (&net.Dialer{}).DialContext(ctx, c.o.Network, c.o.Address)
	if err != nil {
		return nil, nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = nc.SetDeadline(time.Unix(1, 0)) })
	r := bufio.NewReaderSize(nc, maxLine)
	mechanisms, err := greet(nc, r)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return nil, nil, errors.Join(err, nc.Close())
	}
	return &link{nc: nc, mechanisms: mechanisms, ended: make(chan struct{}), waiting: map[uint32]chan answer{}}, r, nil
}

func greet(nc net.Conn, r *bufio.Reader) ([]sasl.Mechanism, error) {
	if _, err := fmt.Fprintf(nc, "VERSION\t1\t1\nCPID\t%d\n", firstProcess+rand.IntN(processes)); err != nil {
		return nil, err
	}
	return readGreeting(r)
}

// read gives answers to those who wait for them until the connection ends.
func (l *link) read(r *bufio.Reader) {
	defer l.end()
	for {
		line, err := readLine(r)
		if err != nil {
			return
		}
		a, ok := parseAnswer(line)
		if !ok {
			continue
		}
		l.mu.Lock()
		ch := l.waiting[a.id]
		l.mu.Unlock()
		select {
		case ch <- a: // a nil channel is nobody
		default: // more answers than questions
		}
	}
}

// end makes the connection of no use. It may be called more than once.
func (l *link) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.dead {
		l.dead = true
		close(l.ended)
		_ = l.nc.Close()
	}
}

// alive reports whether the connection can be used, as far as is known.
func (l *link) alive() bool {
	select {
	case <-l.ended:
		return false
	default:
		return true
	}
}

// enter takes a number for an exchange.
func (l *link) enter() (uint32, chan answer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		l.next++
		if _, taken := l.waiting[l.next]; !taken && l.next != 0 {
			break
		}
	}
	ch := make(chan answer, 1)
	l.waiting[l.next] = ch
	return l.next, ch
}

// leave gives the number back.
func (l *link) leave(id uint32) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.waiting, id)
}

// write sends a line. A connection that takes none is of no use any more.
func (l *link) write(line []byte, limit time.Duration) error {
	l.mu.Lock()
	err := errLost
	if !l.dead {
		_ = l.nc.SetWriteDeadline(time.Now().Add(limit))
		_, err = l.nc.Write(line)
	}
	l.mu.Unlock()
	if err != nil {
		l.end()
		return errLost
	}
	return nil
}

// wait returns the answer to what was asked last.
func (l *link) wait(ctx context.Context, ch <-chan answer, limit time.Duration) (answer, error) {
	t := time.NewTimer(limit)
	defer t.Stop()
	select {
	case a := <-ch:
		return a, nil
	case <-t.C:
		return answer{}, fmt.Errorf("no answer of the authentication server in %v", limit)
	case <-ctx.Done():
		return answer{}, context.Cause(ctx)
	case <-l.ended:
	}
	select { // it may have been its last word
	case a := <-ch:
		return a, nil
	default:
		return answer{}, errLost
	}
}
