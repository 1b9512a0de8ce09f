package dnstest

import (
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	wire "github.com/miekg/dns"

	"github.com/mtad/mtad/core/dns"
)

// Server answers DNS queries on a loopback port. Safe for concurrent use.
type Server struct {
	tb   testing.TB
	addr string
	done chan struct{} // closed when the server stops

	mu      sync.Mutex
	zone    *zone
	once    map[key][]Step
	always  map[key]Step
	queries []Query
}

// key is a scripted question. name is in lower case with final dot, or "" for every name; qtype
// is 0 for every type.
type key struct {
	name  string
	qtype uint16
}

// Query is a query that the server received.
type Query struct {
	Name    string // lower case, final dot
	Type    string // "MX"
	Network string // "udp" or "tcp"
	From    string // address and port
	ID      uint16
	EDNS    bool
	DO      bool // signatures wanted
	AD      bool // wants to know about validation
	RD      bool // recursion desired
}

// Start starts a server that answers from zone text until tb ends.
func Start(tb testing.TB, zone string) *Server {
	tb.Helper()
	s := &Server{tb: tb, done: make(chan struct{}), zone: newZone(),
		once: make(map[key][]Step), always: make(map[key]Step)}
	s.Add(zone)
	tcp, udp := listen(tb)
	s.addr = udp.LocalAddr().String()
	var running sync.WaitGroup
	servers := []*wire.Server{{Listener: tcp}, {PacketConn: udp}}
	for _, srv := range servers {
		started := make(chan struct{})
		srv.Handler = wire.HandlerFunc(s.serve)
		srv.NotifyStartedFunc = func() { close(started) }
		running.Go(func() {
			if err := srv.ActivateAndServe(); err != nil {
				tb.Errorf("dnstest: %v", err)
			}
		})
		<-started
	}
	tb.Cleanup(func() {
		close(s.done)
		for _, srv := range servers {
			if err := srv.Shutdown(); err != nil {
				tb.Errorf("dnstest: %v", err)
			}
		}
		running.Wait()
	})
	return s
}

// listen returns sockets for TCP and UDP on the same port.
func listen(tb testing.TB) (net.Listener, net.PacketConn) {
	tb.Helper()
	var err error
	for range 20 { // the port that TCP got may be taken for UDP
		var tcp net.Listener
		if tcp, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			break
		}
		var udp net.PacketConn
		if udp, err = net.ListenPacket("udp", tcp.Addr().String()); err == nil {
			return tcp, udp
		}
		tcp.Close()
	}
	tb.Fatalf("dnstest: %v", err)
	return nil, nil
}

// Addr returns the server's "address:port", the same for UDP and TCP.
func (s *Server) Addr() string { return s.addr }

// Options returns options for a resolver that asks this server alone, twice at most, keeps no
// failures and waits long enough for a busy machine.
func (s *Server) Options() dns.Options {
	return dns.Options{Servers: []string{s.addr}, Timeout: 10 * time.Second, Attempts: 2, FailureTTL: -1}
}

// Resolver returns a resolver with Options.
func (s *Server) Resolver() *dns.Resolver {
	s.tb.Helper()
	r, err := dns.New(s.Options())
	if err != nil {
		s.tb.Fatalf("dnstest: %v", err)
	}
	return r
}

// Add adds the records of zone text to what the server knows.
func (s *Server) Add(zone string) {
	s.tb.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.zone.add(zone); err != nil {
		s.tb.Fatalf("dnstest: %v", err)
	}
}

// Remove forgets the records that name has of type qtype ("MX"). The name itself goes on existing.
func (s *Server) Remove(name, qtype string) {
	s.tb.Helper()
	k := s.key(name, qtype)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.zone.remove(k.name, k.qtype)
}

// Next scripts the next queries for name and type: each takes one step, before what Always says.
// An empty name or type stands for every one.
func (s *Server) Next(name, qtype string, steps ...Step) {
	s.tb.Helper()
	k := s.key(name, qtype)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.once[k] = append(s.once[k], steps...)
}

// Always scripts every query for name and type, until it is called again; Answer ends it. An empty
// name or type stands for every one; the most specific script counts.
func (s *Server) Always(name, qtype string, step Step) {
	s.tb.Helper()
	k := s.key(name, qtype)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.always[k] = step
}

// Count returns how many queries for name and type have arrived, over UDP and TCP. An empty name
// or type stands for every one.
func (s *Server) Count(name, qtype string) int {
	s.tb.Helper()
	k, n := s.key(name, qtype), 0
	for _, q := range s.Queries() {
		if (k.name == "" || k.name == q.Name) && (qtype == "" || strings.EqualFold(qtype, q.Type)) {
			n++
		}
	}
	return n
}

// Queries returns all queries that have arrived, in order.
func (s *Server) Queries() []Query {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Query(nil), s.queries...)
}

func (s *Server) key(name, qtype string) key {
	s.tb.Helper()
	var k key
	if name != "" {
		k.name = wire.CanonicalName(name)
	}
	if qtype != "" {
		t, ok := dns.ParseType(qtype)
		if !ok {
			s.tb.Fatalf("dnstest: %q is not a record type", qtype)
		}
		k.qtype = uint16(t)
	}
	return k
}

// serve answers one query.
func (s *Server) serve(w wire.ResponseWriter, query *wire.Msg) {
	_, udp := w.RemoteAddr().(*net.UDPAddr)
	reply := new(wire.Msg).SetReply(query)
	reply.Authoritative, reply.RecursionAvailable = true, true
	size := wire.MinMsgSize
	if opt := query.IsEdns0(); opt != nil {
		reply.SetEdns0(1232, opt.Do())
		size = int(opt.UDPSize())
	}
	step := s.prepare(w, query, reply)
	if !step.act(&call{w, query, reply, udp, s.done}) {
		return
	}
	if udp && !reply.Truncated {
		reply.Truncate(size)
	}
	if err := w.WriteMsg(reply); err != nil {
		w.Close()
	}
}

// prepare notes the query, fills reply from the zone and returns the step to take.
func (s *Server) prepare(w wire.ResponseWriter, query, reply *wire.Msg) Step {
	q := query.Question[0]
	name := wire.CanonicalName(q.Name)
	seen := Query{Name: name, Type: dns.Type(q.Qtype).String(), Network: w.RemoteAddr().Network(),
		From: w.RemoteAddr().String(), ID: query.Id, AD: query.AuthenticatedData, RD: query.RecursionDesired}
	if opt := query.IsEdns0(); opt != nil {
		seen.EDNS, seen.DO = true, opt.Do()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queries = append(s.queries, seen)
	s.zone.answer(reply)
	return s.step(name, q.Qtype)
}

// step returns what is scripted for a question, the most specific script first. The caller holds mu.
func (s *Server) step(name string, qtype uint16) Step {
	keys := []key{{name, qtype}, {name, 0}, {"", qtype}, {"", 0}}
	for _, k := range keys {
		if steps := s.once[k]; len(steps) > 0 {
			s.once[k] = steps[1:]
			return steps[0]
		}
	}
	for _, k := range keys {
		if step, ok := s.always[k]; ok {
			return step
		}
	}
	return Answer
}
