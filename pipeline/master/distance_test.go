package master_test

import (
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mtad/mtad/core/porttest"
)

// distance is a long way to a server: what is said at one end is heard at the other one a while later.
// It counts connections and turns: how often a client spoke after it had heard something, which is how
// many round trips it waited for. QUIT is not counted, since nobody waits for its answer.
type distance struct {
	l     net.Listener
	to    string
	delay time.Duration // of one way
	done  sync.WaitGroup

	mu    sync.Mutex
	calls int
	turns int
}

func newDistance(t *testing.T, to string, delay time.Duration) *distance {
	t.Helper()
	l, err := net.Listen("tcp", porttest.Addr(t))
	if err != nil {
		t.Fatal(err)
	}
	d := &distance{l: l, to: to, delay: delay}
	d.done.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			d.done.Go(func() { d.carry(c) })
		}
	})
	t.Cleanup(func() { _ = l.Close(); d.done.Wait() })
	return d
}

func (d *distance) nexthop() string {
	_, port, _ := net.SplitHostPort(d.l.Addr().String())
	return "[127.0.0.1]:" + port
}

// taken returns the counts since the last call.
func (d *distance) taken() (calls, turns int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	calls, turns, d.calls, d.turns = d.calls, d.turns, 0, 0
	return calls, turns
}

// carry carries one connection.
func (d *distance) carry(near net.Conn) {
	defer func() { _ = near.Close() }()
	far, err := net.Dial("tcp", d.to)
	if err != nil {
		return
	}
	defer func() { _ = far.Close() }()
	d.mu.Lock()
	d.calls++
	d.mu.Unlock()
	var heard bool // the client heard something since it spoke; guarded by mu
	back := make(chan struct{})
	go func() {
		defer close(back)
		d.oneWay(near, far, func(p []byte) []byte { return p }, func() { d.mu.Lock(); heard = true; d.mu.Unlock() })
	}()
	d.oneWay(far, near, func(p []byte) []byte {
		d.mu.Lock()
		defer d.mu.Unlock()
		if heard && !strings.HasPrefix(string(p), "QUIT") {
			d.turns++
		}
		heard = false
		return p
	}, func() {})
	<-back
}

// oneWay carries what from says to to, which hears it later; heard is called when it has.
func (d *distance) oneWay(to, from net.Conn, said func([]byte) []byte, heard func()) {
	type piece struct {
		due  time.Time
		text []byte
	}
	way := make(chan piece, 1024)
	go func() {
		defer close(way)
		for {
			p := make([]byte, 64<<10)
			n, err := from.Read(p)
			if n > 0 {
				way <- piece{time.Now().Add(d.delay), said(p[:n])}
			}
			if err != nil {
				return
			}
		}
	}()
	for p := range way {
		time.Sleep(time.Until(p.due))
		heard() // before: the answer may come at once
		if _, err := to.Write(p.text); err != nil {
			_ = from.Close()
		}
	}
	if c, ok := to.(interface{ CloseWrite() error }); ok {
		_ = c.CloseWrite()
	}
}

// Mail to a real server 50 ms away: mtad waits for no more round trips than Postfix, on a new connection
// and for each message of a mailing, whatever the server offers.
func TestMailGoesALongWayInNoMoreRoundTripsThanPostfixs(t *testing.T) {
	need(t, "postfix", "postfix")
	needRoot(t)
	servers := []struct{ name, without string }{{"all", "silent-discard"}, {"no CHUNKING", "chunking,silent-discard"}, {"no PIPELINING", "chunking,pipelining,silent-discard"}}
	addrs, services := make([]string, len(servers)), ""
	for i, s := range servers {
		addrs[i] = porttest.Addr(t)
		services += addrs[i] + " inet n - n - - smtpd -o smtpd_discard_ehlo_keywords=" + s.without + "\n"
	}
	newPostfix(t, "", func(p *postfix) {
		setIn(t, p.etc+"/main.cf", "default_transport = discard:\nsmtpd_client_connection_count_limit = 0\n")
		appendTo(t, p.etc+"/master.cf", services)
	})
	var ways [2][]*distance
	lines := func(side int) string {
		var maps []string
		for i, addr := range addrs {
			ways[side] = append(ways[side], newDistance(t, addr, 25*time.Millisecond))
			maps = append(maps, fmt.Sprintf("{far%d.test = smtp:%s}", i, ways[side][i].nexthop()))
		}
		return "transport_maps = inline:{" + strings.Join(maps, ", ") + "}\ndefault_destination_concurrency_limit = 1\nsmtp_connection_cache_time_limit = 60s\n"
	}
	p := newPostfix(t, "", func(p *postfix) { setIn(t, p.etc+"/main.cf", lines(0)) })
	d := start(t, lines(1))
	front := *d
	front.addr = p.addr
	for i, s := range servers {
		for _, n := range []int{1, 6} {
			theirs, ours := sendFar(t, front, p.log, ways[0][i], i, n), sendFar(t, *d, d.log, ways[1][i], i, n)
			t.Logf("%s, %d messages: Postfix waits for %s; mtad for %s", s.name, n, theirs, ours)
			if ours.turns > theirs.turns {
				t.Errorf("%s, %d messages: mtad waits for %d round trips, Postfix for %d", s.name, n, ours.turns, theirs.turns)
			}
		}
	}
}

// crossing is what some messages took.
type crossing struct {
	calls, turns int
	took         time.Duration
}

func (c crossing) String() string {
	return fmt.Sprintf("%d round trips on %d connections in %v", c.turns, c.calls, c.took.Round(time.Millisecond))
}

// sendFar sends n messages and returns what it took until the last one was there.
func sendFar(t *testing.T, via daemon, log *logbook, way *distance, server, n int) crossing {
	t.Helper()
	via.t = t
	way.taken()
	sent := strings.Count(log.String(), "status=sent")
	c := via.hello()
	began := time.Now()
	for i := range n {
		c.mail("a@sender.test", fmt.Sprintf("b%d@far%d.test", i, server), []byte("Subject: x\r\n\r\nbody\r\n"))
	}
	log.waitCount(t, `status=sent`, sent+n)
	took := time.Since(began)
	calls, turns := way.taken()
	return crossing{calls, turns, took}
}
