package ctl

import (
	"net"
	"sync"
)

// fairListener asks the kernel who connects, and keeps one user from taking all connections: root
// must still get in when a user's script runs wild.
type fairListener struct {
	net.Listener
	s *Server

	mu   sync.Mutex
	open map[int]int // connections per uid
	all  int
}

// Accept returns the next connection of a user who has not too many.
func (l *fairListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if g := l.admit(c); g != nil {
			return g, nil
		}
		c.Close() // its end learns that by the end of the connection
	}
}

// admit counts a connection, or returns nil when its user has too many.
func (l *fairListener) admit(c net.Conn) *guest {
	uid, err := peerUID(c)
	if err != nil {
		uid = nobody
	}
	return l.admitUID(c, uid)
}

func (l *fairListener) admitUID(c net.Conn, uid int) *guest {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.s.isAdmin(uid) && (l.open[uid] >= maxUserConns || l.all >= maxConns) {
		return nil
	}
	l.open[uid]++
	l.all++
	return &guest{Conn: c, l: l, uid: uid}
}

// guest is a connection whose user is known.
type guest struct {
	net.Conn
	l    *fairListener
	uid  int
	once sync.Once
}

// Close closes the connection and forgets it.
func (g *guest) Close() error {
	g.once.Do(func() {
		g.l.mu.Lock()
		defer g.l.mu.Unlock()
		g.l.all--
		if g.l.open[g.uid]--; g.l.open[g.uid] == 0 {
			delete(g.l.open, g.uid)
		}
	})
	return g.Conn.Close()
}
