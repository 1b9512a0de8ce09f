package dovecot

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/mtad/mtad/core/sasl"
)

// Options of a Client.
type Options struct {
	// Network and Address of the socket: "unix" and a path, or "tcp" and host:port
	// (smtpd_sasl_path).
	Network, Address string
	// Name is how errors name the socket; "" for Address.
	Name string
	// ConnectTimeout is for the connection with its greeting (5 s when 0); Timeout for each
	// answer (30 s when 0: Dovecot holds back those to a client that guesses).
	ConnectTimeout, Timeout time.Duration
}

// Client is a SASL server behind a socket of Dovecot. Safe for concurrent use.
type Client struct {
	o    Options
	life context.Context // ends with Close
	stop context.CancelFunc
	work sync.WaitGroup

	mu         sync.Mutex // guards what follows
	closed     bool
	now        *link // nil before the first connection
	dialing    *dialing
	mechanisms []sasl.Mechanism // as last heard; nil when never
}

// dialing is an attempt to connect, for all who wait for it.
type dialing struct {
	done chan struct{}
	l    *link
	err  error
}

var _ sasl.Server = (*Client)(nil)

// New returns a client. Nothing is connected yet.
func New(o Options) *Client {
	if o.ConnectTimeout <= 0 {
		o.ConnectTimeout = 5 * time.Second
	}
	if o.Timeout <= 0 {
		o.Timeout = 30 * time.Second
	}
	if o.Name == "" {
		o.Name = o.Address
	}
	c := &Client{o: o}
	c.life, c.stop = context.WithCancel(context.Background())
	return c
}

// Close ends the connection, and the exchanges over it. It returns when nothing of the client runs.
func (c *Client) Close() {
	c.mu.Lock()
	c.closed = true
	l := c.now
	c.mu.Unlock()
	c.stop()
	if l != nil {
		l.end()
	}
	c.work.Wait()
}

// Mechanisms returns what the server offers, as it last said.
func (c *Client) Mechanisms(ctx context.Context) ([]sasl.Mechanism, error) {
	c.mu.Lock()
	known := c.mechanisms
	c.mu.Unlock()
	if known != nil {
		return known, nil
	}
	l, _, err := c.link(ctx)
	if err != nil {
		return nil, err
	}
	return l.mechanisms, nil
}

// Begin opens an exchange. Nothing is asked before its first Next.
func (c *Client) Begin(p sasl.Peer, mechanism string) sasl.Exchange {
	return &exchange{c: c, peer: p, mechanism: mechanism}
}

// link returns the connection; used says that it was there before.
func (c *Client) link(ctx context.Context) (l *link, used bool, err error) {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil, false, errors.New("the client is closed")
	}
	if c.now != nil && c.now.alive() {
		defer c.mu.Unlock()
		return c.now, true, nil
	}
	d := c.dialing
	if d == nil {
		d = &dialing{done: make(chan struct{})}
		c.dialing = d
		c.work.Go(func() { c.dial(d) })
	}
	c.mu.Unlock()
	select {
	case <-d.done:
		return d.l, false, d.err
	case <-ctx.Done():
		return nil, false, context.Cause(ctx)
	}
}

// dial connects, tells who waits, and reads until the connection ends.
func (c *Client) dial(d *dialing) {
	l, r, err := c.connect(c.life)
	c.mu.Lock()
	c.dialing = nil
	switch {
	case err != nil:
		d.err = err
	case c.closed:
		d.err = errLost
		l.end()
	default:
		d.l, c.now, c.mechanisms = l, l, l.mechanisms
	}
	c.mu.Unlock()
	close(d.done)
	if d.err == nil {
		l.read(r)
	}
}
