package smtp

import (
	"net"
	"time"

	"github.com/mtad/mtad/core/status"
)

// Meter is told of the connections of a service. Its methods are quick and may be called by any
// goroutine.
type Meter interface {
	// Began: a connection is served from now on. Ended: it is over.
	Began()
	Ended()
	// Refused: a connection was turned away, by Options.MaxConnections, by Options.Closed, or, between
	// Began and Ended, by Handler.Connect.
	Refused()
}

// noMeter counts nothing.
type noMeter struct{}

func (noMeter) Began()   {}
func (noMeter) Ended()   {}
func (noMeter) Refused() {}

// stressTime is how long a server counts as stressed after it was full, as in Postfix's master(8).
const stressTime = 1000 * time.Second

// filled is called when the last place of a server is taken.
func (s *Server) filled() {
	if s.opt.Stressed == nil {
		return
	}
	now := time.Now().UnixNano()
	if before := s.stressed.Swap(now + int64(stressTime)); before <= now && s.opt.OnStress != nil {
		s.opt.OnStress()
	}
}

// present is the server whose options a new connection gets: the one of Options.Stressed for a while
// after all places were taken.
func (s *Server) present() *Server {
	until := s.stressed.Load()
	if until == 0 || time.Now().UnixNano() >= until {
		return s
	}
	if t := s.opt.Stressed(); t != nil {
		return t
	}
	return s
}

// closedFor answers a client while the service is closed.
func (s *Server) closedFor(nc net.Conn) bool {
	if s.opt.Closed == nil || !s.opt.Closed() {
		return false
	}
	s.refuse(nc, status.Reply{Code: 421, Enhanced: "4.3.2", Text: s.opt.Hostname + " Service not available, try again later"})
	return true
}

// Refused is an error of Handler.Connect that wants to hear of the end of the connection: who is refused
// with 554 may stay and say QUIT.
type Refused struct {
	// Err is the refusal.
	Err error
	// Client is what the replies to further commands call the client, "" for nothing.
	Client string
	// End is called once, when the connection is over.
	End func()
}

// Error returns the refusal's text.
func (r *Refused) Error() string { return r.Err.Error() }

// Unwrap returns the refusal.
func (r *Refused) Unwrap() error { return r.Err }
