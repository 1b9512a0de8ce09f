package dns_test

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"

	wire "github.com/miekg/dns"

	"github.com/mtad/mtad/core/dns"
)

// fakeNet is a net whose servers are one function, for tests in a synctest bubble: its pipes, unlike
// sockets, let the bubble's clock run while somebody waits for a reply.
type fakeNet struct {
	// serve returns the reply to q, or nil for silence.
	serve func(network, address string, q *wire.Msg) *wire.Msg

	mu     sync.Mutex
	dialed []string // "udp 192.0.2.1:53"
}

func (f *fakeNet) Dial(_ context.Context, network, address string) (net.Conn, error) {
	f.mu.Lock()
	f.dialed = append(f.dialed, network+" "+address)
	f.mu.Unlock()
	client, server := net.Pipe()
	go f.converse(network, address, server)
	return client, nil
}

func (f *fakeNet) dials() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.dialed)
}

// converse answers one query and stays until the client hangs up.
func (f *fakeNet) converse(network, address string, conn net.Conn) {
	defer conn.Close()
	buf := make([]byte, 4096)
	n, err := conn.Read(buf)
	if err != nil {
		return
	}
	packet := buf[:n]
	if network == "tcp" {
		packet = packet[2:]
	}
	q := new(wire.Msg)
	if q.Unpack(packet) != nil {
		return
	}
	if reply := f.serve(network, address, q); reply != nil {
		packet, err := reply.Pack()
		if err != nil {
			return
		}
		if network == "tcp" {
			packet = append(binary.BigEndian.AppendUint16(nil, uint16(len(packet))), packet...)
		}
		conn.Write(packet)
	}
	io.Copy(io.Discard, conn)
}

// replying returns the reply to q with the given records, as a recursive server sends it.
func replying(t testing.TB, q *wire.Msg, records ...string) *wire.Msg {
	reply := new(wire.Msg).SetReply(q)
	reply.RecursionAvailable = true
	for _, text := range records {
		rr, err := wire.NewRR(text)
		if err != nil {
			t.Error(err)
			return nil
		}
		reply.Answer = append(reply.Answer, rr)
	}
	return reply
}

func newResolver(t testing.TB, o dns.Options) *dns.Resolver {
	t.Helper()
	r, err := dns.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func ip(s string) netip.Addr { return netip.MustParseAddr(s) }

// wantStatus fails the test unless err has the status, is an *Error, and is temporary just when
// that status is.
func wantStatus(t testing.TB, err error, want dns.Status) {
	t.Helper()
	if got := dns.StatusOf(err); got != want {
		t.Fatalf("status %v (%v), want %v", got, err, want)
	}
	if want == dns.Found {
		return
	}
	e, ok := err.(*dns.Error)
	if !ok {
		t.Fatalf("%T, want *dns.Error", err)
	}
	if temporary := want == dns.Failed || want == dns.Disabled || want == dns.Filtered; e.Temporary() != temporary {
		t.Errorf("Temporary is %v for %v", e.Temporary(), want)
	}
}
