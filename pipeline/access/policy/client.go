package policy

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/mtad/mtad/pipeline/access"
)

// maxIdle bounds the idle connections that are kept; maxAnswer the bytes of an answer.
const (
	maxIdle   = 100
	maxAnswer = 64 << 10
)

// Client asks one policy service. Safe for concurrent use.
type Client struct {
	o    Options
	at   endpoint
	spec string

	mu     sync.Mutex
	idle   []*conn
	closed bool
}

var _ access.PolicyService = (*Client)(nil)

// conn is a connection to the service.
type conn struct {
	net.Conn
	r              *bufio.Reader
	born, lastUsed time.Time
	requests       int
}

// New returns a client of the service that spec names. Nothing is dialled yet.
func New(spec string, o Options) (*Client, error) {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	e, o, err := parse(spec, o)
	if err != nil {
		return nil, err
	}
	o.TryLimit = max(o.TryLimit, 1)
	return &Client{o: o, at: e, spec: spec}, nil
}

// Close closes idle connections; those in use are closed after their request.
func (c *Client) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	for _, k := range c.idle {
		_ = k.Close()
	}
	c.idle = nil
}

// Ask returns the action for a request, or the default action.
func (c *Client) Ask(ctx context.Context, q *access.Query) string {
	request := c.request(q)
	for try := 1; ; try++ {
		action, err := c.try(ctx, request)
		if err == nil {
			return action
		}
		if c.o.Warn != nil {
			c.o.Warn("problem talking to server " + c.spec + ": " + err.Error())
		}
		if try >= c.o.TryLimit || !wait(ctx, c.o.RetryDelay) {
			return c.o.DefaultAction
		}
	}
}

func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// try asks once. A kept connection that the service has closed meanwhile is replaced by a new
// one, without counting as a failure.
func (c *Client) try(ctx context.Context, request []byte) (string, error) {
	for {
		k, fresh, err := c.take(ctx)
		if err != nil {
			return "", err
		}
		action, err := c.exchange(ctx, k, request)
		if err == nil {
			c.keep(k)
			return action, nil
		}
		_ = k.Close()
		if fresh || !errors.Is(err, errClosed) {
			return "", err
		}
	}
}

// errClosed says that the service closed the connection before it answered anything.
var errClosed = errors.New("connection closed")

func (c *Client) take(ctx context.Context) (k *conn, fresh bool, err error) {
	now := c.o.Clock()
	c.mu.Lock()
	for n := len(c.idle); n > 0; n = len(c.idle) {
		k = c.idle[n-1]
		c.idle = c.idle[:n-1]
		if c.o.MaxIdle > 0 && now.Sub(k.lastUsed) >= c.o.MaxIdle || c.o.MaxTTL > 0 && now.Sub(k.born) >= c.o.MaxTTL {
			_ = k.Close()
			continue
		}
		c.mu.Unlock()
		return k, false, nil
	}
	c.mu.Unlock()
	d := net.Dialer{Timeout: c.o.Timeout}
	nc, err := d.DialContext(ctx, c.at.network, c.at.address)
	if err != nil {
		return nil, true, err
	}
	return &conn{Conn: nc, r: bufio.NewReader(nc), born: now}, true, nil
}

func (c *Client) keep(k *conn) {
	k.lastUsed = c.o.Clock()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || len(c.idle) >= maxIdle || c.o.RequestLimit > 0 && k.requests >= c.o.RequestLimit {
		_ = k.Close()
		return
	}
	c.idle = append(c.idle, k)
}

// exchange sends a request and reads the answer.
func (c *Client) exchange(ctx context.Context, k *conn, request []byte) (string, error) {
	stop := context.AfterFunc(ctx, func() { _ = k.Close() })
	defer stop()
	if err := k.SetDeadline(time.Now().Add(c.o.Timeout)); err != nil {
		return "", err
	}
	k.requests++
	if _, err := k.Write(request); err != nil {
		return "", fmt.Errorf("%w: %w", errClosed, err)
	}
	return readAction(k.r)
}

// readAction reads an answer.
func readAction(r *bufio.Reader) (string, error) {
	action, found := "", false
	for read := 0; read < maxAnswer; {
		line, err := r.ReadSlice('\n')
		read += len(line)
		if err != nil {
			if read == 0 && errors.Is(err, io.EOF) {
				return "", errClosed
			}
			return "", err
		}
		text := strings.TrimRight(string(line), "\r\n")
		if text == "" {
			if !found {
				return "", errors.New("the answer has no action")
			}
			return action, nil
		}
		name, v, ok := strings.Cut(text, "=")
		if !ok {
			return "", fmt.Errorf("%q is no attribute", text)
		}
		if strings.TrimSpace(name) == "action" {
			action, found = strings.TrimSpace(v), true
		}
	}
	return "", errors.New("the answer is too long")
}
