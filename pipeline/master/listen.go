package master

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mtad/mtad/core/conf"
	"github.com/mtad/mtad/core/conf/mastercf"
)

// port is a bound port of a service. It stays bound across generations.
type port struct {
	service mastercf.Service
	l       net.Listener
	now     *turn // the generation that accepts
}

// in is the port's service as c has it: with the overrides that a reload brings. A service that
// master.cf has no more goes on as it was until a restart, which is when ports are bound and left.
func (p *port) in(c *conf.Config) mastercf.Service {
	for _, s := range c.Services() {
		if takesMail(s) && s.String() == p.service.String() {
			return s
		}
	}
	return p.service
}

// bind listens for every smtpd service of master.cf.
func (m *Master) bind(c *conf.Config) (ports []*port, err error) {
	defer func() {
		if err != nil {
			closePorts(ports)
		}
	}()
	for _, s := range c.Services() {
		if !takesMail(s) {
			continue
		}
		addrs, err := listenAddresses(c.For(s), s)
		if err != nil {
			return ports, err
		}
		for _, a := range addrs {
			l, err := m.around.listen(s.Name, a)
			if err != nil {
				return ports, fmt.Errorf("service %s: %w", s.String(), err)
			}
			ports = append(ports, &port{service: s, l: l})
		}
	}
	if len(ports) == 0 {
		return nil, fmt.Errorf("master.cf has no smtpd service of type inet: there is nothing to listen on")
	}
	return ports, nil
}

func closePorts(ports []*port) {
	for _, p := range ports {
		p.l.Close()
	}
}

// listenAddresses returns "host:port" for each address that a service listens on: its own, or
// those of inet_interfaces.
func listenAddresses(c *conf.Config, s mastercf.Service) ([]string, error) {
	host, name := s.HostPort()
	number, err := portNumber(name)
	if err != nil {
		return nil, fmt.Errorf("service %s: %w", s.String(), err)
	}
	if host != "" {
		return []string{net.JoinHostPort(host, number)}, nil
	}
	if words := c.List("inet_interfaces"); len(words) == 1 && words[0] == "all" {
		return anyAddress(c, number), nil
	}
	own, err := c.OwnAddresses()
	if err != nil {
		return nil, fmt.Errorf("inet_interfaces: %w", err)
	}
	var addrs []string
	for _, p := range own {
		addrs = append(addrs, net.JoinHostPort(p.Addr().String(), number))
	}
	return addrs, nil
}

func anyAddress(c *conf.Config, number string) []string {
	switch v4, v6 := c.Protocols(); {
	case v4 && v6:
		return []string{":" + number}
	case v6:
		return []string{"[::]:" + number}
	}
	return []string{"0.0.0.0:" + number}
}

// portNumber resolves the name of a port.
func portNumber(name string) (string, error) {
	if _, err := strconv.ParseUint(name, 10, 16); err == nil {
		return name, nil
	}
	n, err := net.DefaultResolver.LookupPort(context.Background(), "tcp", name)
	if err != nil {
		return "", fmt.Errorf("port %q is neither a number nor a name of a port", name)
	}
	return strconv.Itoa(n), nil
}

// turn is a listener for one generation: closing it ends its Accept and leaves the port bound.
type turn struct {
	net.Listener
	mu   sync.Mutex // held by Accept
	over atomic.Bool
}

// Accept waits for a connection until the turn is over.
func (t *turn) Accept() (net.Conn, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for {
		if t.over.Load() {
			return nil, net.ErrClosed
		}
		c, err := t.Listener.Accept()
		if err != nil && t.over.Load() {
			return nil, net.ErrClosed
		}
		if err == nil || !strings.Contains(err.Error(), os.ErrDeadlineExceeded.Error()) {
			return c, err
		}
	}
}

// Close ends the turn and returns when no Accept of it is under way.
func (t *turn) Close() error {
	t.over.Store(true)
	d, ok := t.Listener.(interface{ SetDeadline(time.Time) error })
	if !ok {
		return t.Listener.Close()
	}
	d.SetDeadline(time.Unix(1, 0))
	t.mu.Lock()
	defer t.mu.Unlock()
	return d.SetDeadline(time.Time{})
}

// next makes the turn of a new generation, after the one before is over.
func (p *port) next() *turn {
	if p.now != nil {
		p.now.Close()
	}
	p.now = &turn{Listener: p.l}
	return p.now
}
