package master

import (
	"context"
	"fmt"
	"maps"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mtad/mtad/core/conf"
	"github.com/mtad/mtad/core/conf/mastercf"
)

// port is a bound port of a service. It stays bound across generations, as long as they have it.
type port struct {
	service mastercf.Service
	address string
	l       net.Listener
	now     *turn // the generation that accepts
}

// in is the port's service as c has it: with the overrides that a reload brings.
func (p *port) in(c *conf.Config) mastercf.Service {
	for _, s := range c.Services() {
		if takesMail(s) && s.String() == p.service.String() {
			return s
		}
	}
	return p.service
}

// bind listens for every smtpd service of master.cf; a port that is bound already stays as it is. fresh are
// those that are not. On error none of them is left open.
func (m *Master) bind(c *conf.Config) (ports, fresh []*port, err error) {
	defer func() {
		if err != nil {
			closePorts(fresh)
		}
	}()
	for _, s := range c.Services() {
		if !takesMail(s) {
			continue
		}
		addrs, err := listenAddresses(c.For(s), s)
		if err != nil {
			return nil, fresh, err
		}
		for _, a := range addrs {
			if p := m.bound(&s, a); p != nil {
				ports = append(ports, p)
				continue
			}
			l, err := m.around.listen(s.Name, a)
			if err != nil {
				return nil, fresh, fmt.Errorf("service %s: %w", s.String(), err)
			}
			fresh = append(fresh, &port{service: s, address: a, l: l})
			ports = append(ports, fresh[len(fresh)-1])
		}
	}
	if len(ports) == 0 {
		m.log.Info("no service takes mail by SMTP: it comes by sendmail alone")
	}
	return ports, fresh, nil
}

// bound returns the port of a service at an address, nil when there is none yet.
func (m *Master) bound(s *mastercf.Service, address string) *port {
	for _, p := range m.ports {
		if p.service.String() == s.String() && p.address == address {
			return p
		}
	}
	return nil
}

// leave gives up the ports that a generation has no more, after those who accepted there.
func (m *Master) leave(ports []*port) {
	for _, p := range ports {
		if slices.Contains(m.ports, p) {
			continue
		}
		if p.now != nil {
			_ = p.now.Close()
		}
		_ = p.l.Close()
	}
	if m.around.ports == nil {
		return // the parent has left them
	}
	m.around.ports.Retain(func(_, _, address string) bool {
		held := func(p *port) bool { return p.address == address }
		return address == m.cfg.String("admin_address") || slices.ContainsFunc(m.ports, held) || slices.ContainsFunc(slices.Collect(maps.Values(m.spawned)), held)
	})
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
	mu    sync.Mutex // held by Accept
	over  atomic.Bool
	ended sync.Once
	err   error // of the end
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

// Close ends the turn and returns when no Accept of it is under way. The deadline is the port's: only the
// first call has it, which is over before the next turn begins.
func (t *turn) Close() error {
	t.ended.Do(func() { t.err = t.end() })
	return t.err
}

func (t *turn) end() error {
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
