package smtptest

import (
	"crypto/tls"
	"net"
	"sync"
	"testing"
)

// Server is a scripted server: the first connection gets the first script, and so on. Connections
// beyond get the last one again. Its methods are safe for concurrent use.
type Server struct {
	t       testing.TB
	l       net.Listener
	tls     *tls.Config
	client  *tls.Config
	scripts []string
	quit    chan struct{}
	conns   sync.WaitGroup

	mu       sync.Mutex // guards what follows
	changed  *sync.Cond
	accepted int
	played   int
	open     map[net.Conn]struct{}
	messages []string
	failure  error
}

// NewServer starts a server on a TCP port of the loopback interface. It ends with the test.
func NewServer(t testing.TB, scripts ...string) *Server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return NewServerOn(t, l, scripts...)
}

// NewServerOn starts a server on a listener that it then owns: another address, or a Unix socket
// for LMTP.
func NewServerOn(t testing.TB, l net.Listener, scripts ...string) *Server {
	t.Helper()
	s := &Server{t: t, l: l, scripts: scripts, quit: make(chan struct{}), open: make(map[net.Conn]struct{})}
	s.changed = sync.NewCond(&s.mu)
	s.tls, s.client = TLS(t)
	s.conns.Go(s.accept)
	t.Cleanup(s.close)
	return s
}

// Addr returns the address as net.Dial takes it: "127.0.0.1:port", or the path of a socket.
func (s *Server) Addr() string { return s.l.Addr().String() }

// ClientTLS returns a configuration with which a client trusts the server, by any of the names of
// Certificate.
func (s *Server) ClientTLS() *tls.Config { return s.client.Clone() }

// Wait waits until n connections have been played to the end of their scripts, or fails the test
// with the first one that was not.
func (s *Server) Wait(n int) {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.played < n && s.failure == nil {
		s.changed.Wait()
	}
	if s.failure != nil {
		s.t.Fatal("smtptest: ", s.failure)
	}
}

// Connections returns how many connections came so far.
func (s *Server) Connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.accepted
}

// Messages returns the texts that scripts took, in the order in which their connections ended.
func (s *Server) Messages() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.messages...)
}

func (s *Server) accept() {
	for {
		nc, err := s.l.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		script := s.scripts[min(s.accepted, len(s.scripts)-1)]
		s.accepted++
		s.open[nc] = struct{}{}
		s.mu.Unlock()
		s.conns.Go(func() { s.play(nc, script) })
	}
}

func (s *Server) play(nc net.Conn, script string) {
	p := &Player{Side: ServerSide, TLS: s.tls, Hang: s.quit}
	err := p.Play(nc, script)
	_ = nc.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, nc)
	s.messages = append(s.messages, p.Messages...)
	s.played++
	if err != nil && s.failure == nil {
		s.failure = err
	}
	s.changed.Broadcast()
}

// close ends the server. Scripts that have not come to their end by then do not count.
func (s *Server) close() {
	close(s.quit)
	_ = s.l.Close()
	s.mu.Lock()
	for nc := range s.open {
		_ = nc.Close()
	}
	s.mu.Unlock()
	s.conns.Wait()
}
