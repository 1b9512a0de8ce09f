package dns_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	wire "github.com/miekg/dns"

	"github.com/mtad/mtad/core/dns"
	"github.com/mtad/mtad/core/dns/dnstest"
)

const failZone = `
	example.test. MX    10 mx.example.test.
	alias.test.   CNAME example.test.
	loop.test.    CNAME pool.test.
	pool.test.    CNAME loop.test.
	self.test.    CNAME self.test.
`

func TestServersThatMisbehave(t *testing.T) {
	for _, c := range []struct {
		name   string
		step   dnstest.Step
		ask    string
		status dns.Status
		log    string // in the error
	}{
		{"SERVFAIL is a failure", dnstest.ServFail, "example.test", dns.Failed, "SERVFAIL"},
		{"REFUSED is a failure", dnstest.Refused, "example.test", dns.Failed, "REFUSED"},
		{"a response code nobody knows is a failure", dnstest.Rcode(13), "example.test", dns.Failed, "RCODE13"},
		{"an empty answer of a server that is nobody is a failure", dnstest.Lame, "example.test", dns.Failed, "lame"},
		{"a referral is a failure", dnstest.Referral, "nothere.test", dns.Failed, "referral"},
		{"a packet cut off is a failure", dnstest.Garbage, "example.test", dns.Failed, "malformed"},
		{"a truncated answer comes over TCP", dnstest.Truncate, "example.test", dns.Found, ""},
		{"a truncated no comes over TCP", dnstest.Truncate, "nothere.test", dns.NXDomain, ""},
		{"a server without EDNS is asked without", dnstest.NoEDNS, "example.test", dns.Found, ""},
		{"forged replies are passed over", dnstest.Forge, "example.test", dns.Found, ""},
		{"a crowded socket is left for TCP", dnstest.Flood, "example.test", dns.Found, ""},
		{"an alias alone is followed by asking again", dnstest.AliasOnly, "alias.test", dns.Found, ""},
		{"an alias to nowhere alone is followed by asking again", dnstest.AliasOnly, "loop.test", dns.Failed, "CNAMEs"},
	} {
		t.Run(c.name, func(t *testing.T) {
			srv := dnstest.Start(t, failZone)
			srv.Always(c.ask, "", c.step)
			_, err := srv.Resolver().MX(t.Context(), c.ask)
			wantStatus(t, err, c.status)
			if c.log != "" && !strings.Contains(err.Error(), c.log) {
				t.Errorf("error %q does not say %q", err, c.log)
			}
		})
	}
}

func TestAliasesInCircles(t *testing.T) {
	r := dnstest.Start(t, failZone).Resolver()
	for _, name := range []string{"loop.test", "self.test"} {
		_, err := r.MX(t.Context(), name)
		wantStatus(t, err, dns.Failed)
	}
}

func TestTenAliasesAreFollowedElevenAreNot(t *testing.T) {
	var zone strings.Builder
	for i := range 11 {
		fmt.Fprintf(&zone, "a%d.test. CNAME a%d.test.\n", i, i+1)
	}
	srv := dnstest.Start(t, zone.String()+"a11.test. MX 10 mx.test.")
	for _, aliasOnly := range []bool{false, true} {
		if aliasOnly {
			srv.Always("", "", dnstest.AliasOnly)
		}
		r := srv.Resolver()
		_, err := r.MX(t.Context(), "a1.test")
		wantStatus(t, err, dns.Found)
		_, err = r.MX(t.Context(), "a0.test")
		wantStatus(t, err, dns.Failed)
	}
}

func TestFirstFailureIsTriedAgain(t *testing.T) {
	srv := dnstest.Start(t, failZone)
	srv.Next("example.test", "MX", dnstest.ServFail)
	_, err := srv.Resolver().MX(t.Context(), "example.test")
	wantStatus(t, err, dns.Found)
	if n := srv.Count("example.test", "MX"); n != 2 {
		t.Errorf("%d queries", n)
	}
}

func TestSecondServerIsAskedWhenTheFirstFails(t *testing.T) {
	for _, step := range []dnstest.Step{dnstest.ServFail, dnstest.Refused, dnstest.Lame, dnstest.Garbage, dnstest.Silence} {
		t.Run(step.String(), func(t *testing.T) {
			bad, good := dnstest.Start(t, ""), dnstest.Start(t, failZone)
			bad.Always("", "", step)
			o := good.Options()
			o.Servers = []string{bad.Addr(), good.Addr()}
			if step.String() == dnstest.Silence.String() {
				o.Timeout = 50 * time.Millisecond
				o.Attempts = 5 // if this machine is so slow that the good one is late
			}
			_, err := newResolver(t, o).MX(t.Context(), "example.test")
			wantStatus(t, err, dns.Found)
		})
	}
}

func TestNobodyListens(t *testing.T) {
	l, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	r := newResolver(t, dns.Options{Servers: []string{l.LocalAddr().String()}, Timeout: 50 * time.Millisecond})
	_, err = r.MX(t.Context(), "example.test")
	wantStatus(t, err, dns.Failed)
}

func TestExtendedErrorIsInTheLogAndItsTextIsNot(t *testing.T) {
	f := &fakeNet{serve: func(_, _ string, q *wire.Msg) *wire.Msg {
		reply := new(wire.Msg).SetRcode(q, wire.RcodeServerFailure)
		reply.SetEdns0(1232, false)
		opt := reply.IsEdns0()
		opt.Option = append(opt.Option, &wire.EDNS0_EDE{InfoCode: wire.ExtendedErrorCodeDNSBogus, ExtraText: "evil\ntext"})
		return reply
	}}
	_, err := newResolver(t, dns.Options{Servers: []string{"192.0.2.1"}, Dial: f.Dial}).MX(t.Context(), "a.test")
	wantStatus(t, err, dns.Failed)
	if s := err.Error(); !strings.Contains(s, "SERVFAIL (DNSSEC Bogus)") || strings.Contains(s, "evil") {
		t.Errorf("got %q", s)
	}
}

// A "no" must come from somebody who may say it, about the name that was asked.
func TestRepliesThatAreNoAnswer(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(t *testing.T, m *wire.Msg)
		status dns.Status
	}{
		{"records of another name, and no word about ours", func(t *testing.T, m *wire.Msg) {
			m.Answer = replying(t, m, "other.test. 60 IN MX 10 mx.test.").Answer
		}, dns.Failed},
		{"NXDOMAIN of a server that is nobody", func(_ *testing.T, m *wire.Msg) {
			m.Rcode, m.RecursionAvailable = wire.RcodeNameError, false
		}, dns.Failed},
		{"NXDOMAIN of nobody, beside a record of our name", func(t *testing.T, m *wire.Msg) {
			m.Rcode, m.RecursionAvailable = wire.RcodeNameError, false
			m.Answer = replying(t, m, "a.test. 60 IN A 192.0.2.1").Answer
		}, dns.Failed},
		{"records of another type from a recursive server", func(t *testing.T, m *wire.Msg) {
			m.Answer = replying(t, m, "a.test. 60 IN A 192.0.2.1").Answer
		}, dns.NoData},
		{"a TTL with its top bit set, which means 0 (RFC 2181 §8)", func(t *testing.T, m *wire.Msg) {
			m.Answer = replying(t, m, "a.test. 60 IN MX 10 mx.test.").Answer
			m.Answer[0].Header().Ttl = 1 << 31
		}, dns.Found},
		{"records of another class", func(t *testing.T, m *wire.Msg) {
			m.Answer = replying(t, m, "a.test. 60 CH MX 10 mx.test.").Answer
		}, dns.NoData},
		{"an empty answer of a recursive server", func(*testing.T, *wire.Msg) {}, dns.NoData},
		{"NXDOMAIN of a recursive server", func(_ *testing.T, m *wire.Msg) { m.Rcode = wire.RcodeNameError }, dns.NXDomain},
		{"no question in a positive reply", func(t *testing.T, m *wire.Msg) {
			m.Answer = replying(t, m, "a.test. 60 IN MX 10 mx.test.").Answer
			m.Question = nil
		}, dns.Failed},
		{"a query instead of a reply", func(_ *testing.T, m *wire.Msg) { m.Response = false }, dns.Failed},
		{"truncated over TCP too", func(_ *testing.T, m *wire.Msg) { m.Truncated = true }, dns.Failed},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fakeNet{serve: func(_, _ string, q *wire.Msg) *wire.Msg {
					m := replying(t, q)
					c.change(t, m)
					return m
				}}
				r := newResolver(t, dns.Options{Servers: []string{"192.0.2.1"}, Dial: f.Dial})
				_, err := r.MX(t.Context(), "a.test")
				wantStatus(t, err, c.status)
				if entries := r.Stats().Entries; c.status == dns.Found && entries != 0 {
					t.Error("TTL 0 was kept")
				}
			})
		})
	}
}

func TestSilenceCostsAttemptsTimesServersTimesTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeNet{serve: func(string, string, *wire.Msg) *wire.Msg { return nil }}
		r := newResolver(t, dns.Options{Servers: []string{"192.0.2.1", "[2001:db8::1]:5353"},
			Timeout: 3 * time.Second, Attempts: 2, Dial: f.Dial})
		start := time.Now()
		_, err := r.MX(t.Context(), "a.test")
		wantStatus(t, err, dns.Failed)
		if d := time.Since(start); d != 12*time.Second {
			t.Errorf("took %v", d)
		}
		want := "[udp 192.0.2.1:53 udp [2001:db8::1]:5353 udp 192.0.2.1:53 udp [2001:db8::1]:5353]"
		if got := fmt.Sprint(f.dials()); got != want {
			t.Errorf("asked %v", got)
		}
		if errors.Is(err, context.DeadlineExceeded) {
			t.Error("a try that timed out looks like the caller's own deadline")
		}
	})
}

func TestContextEndsTheLookup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeNet{serve: func(string, string, *wire.Msg) *wire.Msg { return nil }}
		r := newResolver(t, dns.Options{Servers: []string{"192.0.2.1"}, Dial: f.Dial})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		_, err := r.Addrs(ctx, "a.test", dns.Both)
		wantStatus(t, err, dns.Failed)
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		if s := r.Stats(); s.Entries != 0 || s.Failures != 2 {
			t.Errorf("%+v: what a context ended must not be kept", s)
		}
	})
}

func TestOptionsThatContradictAreRefused(t *testing.T) {
	for _, o := range []dns.Options{
		{Servers: []string{"ns.example.test"}},
		{Servers: []string{"192.0.2.1:0"}},
		{Servers: []string{""}},
		{Timeout: -1},
		{Attempts: -1},
		{Parallel: -1},
		{MinTTL: 2 * time.Hour},
		{MaxTTL: -1},
	} {
		if _, err := dns.New(o); err == nil {
			t.Errorf("%+v was accepted", o)
		}
	}
}
