package remote

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"
)

const (
	// timeout bounds one lookup, connection included, when its context does not.
	timeout = 30 * time.Second
	// maxIdle and idleTime bound what is kept between lookups.
	maxIdle  = 16
	idleTime = 10 * time.Second
)

// protocol puts a question and reads the answer.
type protocol interface {
	ask(c *conn, key string) (value string, found bool, err error)
}

// Client asks one server.
type Client struct {
	network, address string
	protocol         protocol
	whole            bool

	// mu guards idle and closed.
	mu     sync.Mutex
	idle   []*conn
	closed bool
}

// conn is a connection and when it was put aside.
type conn struct {
	net.Conn
	in    *bufio.Reader
	since time.Time
}

// answerError is an answer that says that there is no answer: the connection is in order.
type answerError string

func (e answerError) Error() string { return string(e) }

// WholeKey reports whether keys are never taken apart (domainlist.WholeKey).
func (c *Client) WholeKey() bool { return c.whole }

// Lookup asks the server.
func (c *Client) Lookup(ctx context.Context, key string) (string, bool, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if k := c.take(); k != nil {
		value, found, err := c.exchange(ctx, k, key)
		var said answerError
		if err == nil || errors.As(err, &said) || ctx.Err() != nil {
			return value, found, c.wrap(err)
		}
	}
	var d net.Dialer
	nc, err := d.DialContext(ctx, c.network, c.address)
	if err != nil {
		return "", false, c.wrap(err)
	}
	value, found, err := c.exchange(ctx, &conn{Conn: nc, in: bufio.NewReader(nc)}, key)
	return value, found, c.wrap(err)
}

func (c *Client) wrap(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", c.address, err)
}

// exchange asks over one connection, and keeps it if it is still in order. A context that ends
// interrupts it.
func (c *Client) exchange(ctx context.Context, k *conn, key string) (string, bool, error) {
	stop := context.AfterFunc(ctx, func() { _ = k.SetDeadline(time.Unix(1, 0)) })
	value, found, err := c.protocol.ask(k, key)
	var said answerError
	if !stop() || err != nil && !errors.As(err, &said) {
		_ = k.Close() // nothing more is expected of it
		return "", false, errors.Join(err, ctx.Err())
	}
	c.put(k)
	return value, found, err
}

// take returns a connection that was put aside a short time ago, or nil.
func (c *Client) take() *conn {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.idle) > 0 {
		k := c.idle[len(c.idle)-1]
		c.idle = c.idle[:len(c.idle)-1]
		if time.Since(k.since) < idleTime {
			return k
		}
		_ = k.Close()
	}
	return nil
}

func (c *Client) put(k *conn) {
	k.since = time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || len(c.idle) >= maxIdle || k.in.Buffered() > 0 {
		_ = k.Close()
		return
	}
	c.idle = append(c.idle, k)
}

// Close closes what is idle; lookups under way end by themselves.
func (c *Client) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	for _, k := range c.idle {
		_ = k.Close()
	}
	c.idle = nil
	return nil
}

// TCP returns the table tcp:name, name being "host:port".
func TCP(name string) (*Client, error) {
	if _, port, err := net.SplitHostPort(name); err != nil || port == "" {
		return nil, errors.New("want tcp:host:port")
	}
	return &Client{network: "tcp", address: name, protocol: tcp{}, whole: true}, nil
}

// Socketmap returns the table socketmap:name, name being "inet:host:port:name" or "unix:path:name". A
// reply of more than most bytes is an error.
func Socketmap(name string, most int) (*Client, error) {
	network, rest, _ := strings.Cut(name, ":")
	i := strings.LastIndexByte(rest, ':')
	if i < 1 || i == len(rest)-1 || network != "inet" && network != "unix" {
		return nil, errors.New("want socketmap:inet:host:port:name or socketmap:unix:path:name")
	}
	address, table := rest[:i], rest[i+1:]
	if network == "inet" {
		network = "tcp"
		if _, port, err := net.SplitHostPort(address); err != nil || port == "" {
			return nil, errors.New("want socketmap:inet:host:port:name")
		}
	}
	return &Client{network: network, address: address, protocol: socketmap{table, most}}, nil
}
