package dns_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"

	wire "github.com/miekg/dns"

	"github.com/mtad/mtad/core/dns"
)

// oneReply is a connection whose server replies to whatever it is asked with packet, under the id
// of the question.
type oneReply struct {
	net.Conn
	stream bool
	packet []byte
	out    bytes.Reader
}

func (c *oneReply) Write(query []byte) (int, error) {
	reply := bytes.Clone(c.packet)
	id := query
	if c.stream {
		id = query[2:]
	}
	copy(reply, id[:2])
	if c.stream {
		reply = append(binary.BigEndian.AppendUint16(nil, uint16(len(reply))), reply...)
	}
	c.out.Reset(reply)
	return len(query), nil
}

func (c *oneReply) Read(p []byte) (int, error) { return c.out.Read(p) }
func (*oneReply) Close() error                 { return nil }
func (*oneReply) SetDeadline(time.Time) error  { return nil }

var hostName = regexp.MustCompile(`^[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?$`)

// FuzzAnswer feeds packets to every kind of lookup. Whatever the packet, what comes out is
// safe and bounded, and "not found" comes only of a packet that says so.
func FuzzAnswer(f *testing.F) {
	for _, m := range seedReplies(f) {
		packet, err := m.Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(packet)
		f.Add(packet[:len(packet)-1])
	}
	f.Fuzz(func(t *testing.T, packet []byte) {
		if len(packet) > 4096 {
			return
		}
		dial := func(_ context.Context, network, _ string) (net.Conn, error) {
			return &oneReply{stream: network == "tcp", packet: packet}, nil
		}
		r := newResolver(t, dns.Options{Servers: []string{"192.0.2.1"}, Attempts: 1, CacheBytes: -1, Dial: dial})
		ctx := t.Context()
		mx, err := r.MX(ctx, "a.test")
		checkOutcome(t, packet, len(mx), err)
		for i, m := range mx {
			checkHost(t, m.Host)
			if i > 0 && mx[i-1].Pref > m.Pref {
				t.Errorf("%v before %v", mx[i-1], m)
			}
		}
		names, err := r.PTR(ctx, ip("192.0.2.1"))
		checkOutcome(t, packet, len(names), err)
		for _, name := range names {
			checkHost(t, name)
		}
		found, err := r.Addrs(ctx, "a.test", dns.IPv6)
		checkOutcome(t, packet, len(found), err)
		texts, err := r.TXT(ctx, "a.test")
		checkOutcome(t, packet, len(texts), err)
		records, _, err := r.TLSA(ctx, "a.test")
		checkOutcome(t, packet, len(records), err)
		for _, qtype := range []dns.Type{dns.TypeMX, dns.TypeTXT, dns.TypeSRV, dns.TypeSOA, 65280} {
			a, err := r.Query(ctx, "a.test", qtype)
			checkOutcome(t, packet, len(a.Records), err)
			for _, data := range a.Records {
				if i := strings.IndexFunc(data, func(r rune) bool { return r < ' ' || r >= 0x7f }); i >= 0 {
					t.Errorf("byte %#x in data %q", data[i], data)
				}
			}
		}
	})
}

func checkHost(t *testing.T, host string) {
	t.Helper()
	if !hostName.MatchString(host) || len(host) > 253 || strings.Contains(host, "..") {
		t.Errorf("host name %q", host)
	}
}

func checkOutcome(t *testing.T, packet []byte, n int, err error) {
	t.Helper()
	var e *dns.Error
	switch {
	case err == nil && (n < 1 || n > 100):
		t.Errorf("%d records", n)
	case err != nil && !errors.As(err, &e):
		t.Errorf("%T", err)
	case err != nil && strings.ContainsAny(err.Error(), "\r\n\x00"):
		t.Errorf("control byte in %q", err.Error())
	case errors.Is(err, dns.ErrNotFound) && (len(packet) < 12 || packet[3]&0xf != 0 && packet[3]&0xf != wire.RcodeNameError):
		t.Errorf("%v out of %x", err, packet)
	}
}

// seedReplies returns replies of all kinds to the questions that FuzzAnswer asks.
func seedReplies(tb testing.TB) []*wire.Msg {
	var all []*wire.Msg
	reply := func(name, qtype string, records ...string) *wire.Msg {
		t, _ := dns.ParseType(qtype)
		m := replying(tb, new(wire.Msg).SetQuestion(name, uint16(t)), records...)
		all = append(all, m)
		return m
	}
	reply("a.test.", "MX", "a.test. 60 IN MX 10 mx.test.", "a.test. 60 IN MX 5 bad\\010name.test.", "a.test. 0 IN MX 0 .")
	reply("a.test.", "MX", "a.test. 60 IN CNAME b.test.", "b.test. 60 IN CNAME c.test.", "c.test. 60 IN MX 10 mx.test.")
	reply("a.test.", "MX", "a.test. 60 IN CNAME b.test.", "b.test. 60 IN CNAME a.test.")
	reply("a.test.", "MX", "a.test. 60 IN CNAME b.test.")
	reply("a.test.", "MX").Rcode = wire.RcodeNameError
	reply("a.test.", "MX").Rcode = wire.RcodeServerFailure
	reply("a.test.", "MX").Truncated = true
	reply("1.2.0.192.in-addr.arpa.", "PTR", "1.2.0.192.in-addr.arpa. 60 IN PTR mail.test.")
	reply("a.test.", "AAAA", "a.test. 60 IN AAAA 2001:db8::1", "a.test. 60 IN AAAA ::ffff:192.0.2.1")
	reply("a.test.", "TXT", `a.test. 60 IN TXT "v=spf1 \000" "-all"`)
	reply("a.test.", "TLSA", "a.test. 60 IN TLSA 3 1 1 00ff")
	reply("a.test.", "SRV", "a.test. 60 IN SRV 1 2 3 host\\009.test.")
	reply("a.test.", "SOA", `a.test. 60 IN SOA ns\010.test. root.test. 1 2 3 4 5`)
	reply("a.test.", "TYPE65280", `a.test. 60 IN TYPE65280 \# 3 000a0d`)
	return all
}
