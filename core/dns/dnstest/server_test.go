package dnstest_test

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"

	wire "github.com/miekg/dns"

	"github.com/mtad/mtad/core/dns"
	"github.com/mtad/mtad/core/dns/dnstest"
)

const zone = `
	; a comment
	example.test       MX    10 mx.example.test.   ; no final dot, no TTL
	mx.example.test.   60 IN A 192.0.2.1
	alias.test.        CNAME far.alias.test.
	far.alias.test.    CNAME mx.example.test.
	gone.test.         CNAME nothere.test.
	*.wild.test.       TXT   "any"
	own.wild.test.     A     192.0.2.2
	deep.empty.test.   A     192.0.2.3
`

// ask sends one query to srv and returns the reply.
func ask(t *testing.T, srv *dnstest.Server, network, name string, qtype uint16) *wire.Msg {
	t.Helper()
	c := &wire.Client{Net: network}
	reply, _, err := c.Exchange(new(wire.Msg).SetQuestion(name, qtype), srv.Addr())
	if err != nil {
		t.Fatal(err)
	}
	return reply
}

func TestZone(t *testing.T) {
	srv := dnstest.Start(t, zone)
	for _, c := range []struct {
		name  string
		ask   string
		qtype uint16
		want  string // answers, or the response code of a "no"
	}{
		{"a record", "example.test.", wire.TypeMX, "example.test. 300 IN MX 10 mx.example.test."},
		{"in any case", "EXAMPLE.test.", wire.TypeMX, "example.test. 300 IN MX 10 mx.example.test."},
		{"aliases with what they lead to", "alias.test.", wire.TypeA, "alias.test. 300 IN CNAME far.alias.test.|far.alias.test. 300 IN CNAME mx.example.test.|mx.example.test. 60 IN A 192.0.2.1"},
		{"an alias to nowhere", "gone.test.", wire.TypeA, "NXDOMAIN gone.test. 300 IN CNAME nothere.test."},
		{"an alias to a name without the type", "alias.test.", wire.TypeMX, "NOERROR alias.test. 300 IN CNAME far.alias.test.|far.alias.test. 300 IN CNAME mx.example.test."},
		{"another type", "example.test.", wire.TypeA, "NOERROR "},
		{"a name with nothing but names below", "empty.test.", wire.TypeA, "NOERROR "},
		{"no such name", "nothere.test.", wire.TypeA, "NXDOMAIN "},
		{"a wildcard", "a.b.wild.test.", wire.TypeTXT, `a.b.wild.test. 300 IN TXT "any"`},
		{"a wildcard of another type", "a.wild.test.", wire.TypeA, "NOERROR "},
		{"no wildcard over a name that is there", "own.wild.test.", wire.TypeTXT, "NOERROR "},
		{"no wildcard for the name above it", "wild.test.", wire.TypeTXT, "NOERROR "},
	} {
		for _, network := range []string{"udp", "tcp"} {
			t.Run(c.name+" over "+network, func(t *testing.T) {
				m := ask(t, srv, network, c.ask, c.qtype)
				var list []string
				for _, rr := range m.Answer {
					list = append(list, strings.ReplaceAll(rr.String(), "\t", " "))
				}
				got := strings.Join(list, "|")
				if len(m.Ns) == 1 {
					got = wire.RcodeToString[m.Rcode] + " " + got
				}
				if got != c.want || !m.Authoritative || !m.RecursionAvailable {
					t.Errorf("got %q, want %q", got, c.want)
				}
			})
		}
	}
}

func TestScripts(t *testing.T) {
	srv := dnstest.Start(t, zone)
	rcode := func(name string) string {
		return wire.RcodeToString[ask(t, srv, "udp", name, wire.TypeMX).Rcode]
	}
	srv.Always("", "MX", dnstest.Refused)
	srv.Always("Example.Test", "", dnstest.Answer)
	srv.Next("example.test", "MX", dnstest.ServFail, dnstest.Rcode(wire.RcodeNotImplemented))
	for i, want := range []string{"SERVFAIL", "NOTIMP", "NOERROR", "NOERROR"} {
		if got := rcode("example.test."); got != want {
			t.Errorf("query %d: %s, want %s", i, got, want)
		}
	}
	if got := rcode("other.test."); got != "REFUSED" {
		t.Errorf("other name: %s", got)
	}
	srv.Always("", "MX", dnstest.Answer)
	if got := rcode("other.test."); got != "NXDOMAIN" {
		t.Errorf("after Answer: %s", got)
	}
	if a, b, c := srv.Count("example.test", "MX"), srv.Count("", "MX"), srv.Count("example.test", "A"); a != 4 || b != 6 || c != 0 {
		t.Errorf("counted %d, %d, %d", a, b, c)
	}
	if q := srv.Queries()[0]; q.Name != "example.test." || q.Type != "MX" || q.Network != "udp" || q.EDNS || !q.RD || q.From == "" {
		t.Errorf("%+v", q)
	}
}

func TestZoneCanChange(t *testing.T) {
	srv := dnstest.Start(t, "")
	count := func() int { return len(ask(t, srv, "udp", "new.test.", wire.TypeA).Answer) }
	before := count()
	srv.Add("new.test. A 192.0.2.1\nnew.test. A 192.0.2.2\nnew.test. TXT \"x\"")
	added := count()
	srv.Remove("new.test", "A")
	if removed := count(); before != 0 || added != 2 || removed != 0 {
		t.Errorf("%d, %d, %d records", before, added, removed)
	}
	if m := ask(t, srv, "udp", "new.test.", wire.TypeTXT); len(m.Answer) != 1 {
		t.Error("the other type went too")
	}
}

func TestSOAOfTheZoneTextIsUsed(t *testing.T) {
	srv := dnstest.Start(t, "test. 30 SOA ns.test. root.test. 1 2 3 4 7")
	m := ask(t, srv, "udp", "nothere.test.", wire.TypeA)
	if soa, ok := m.Ns[0].(*wire.SOA); !ok || soa.Minttl != 7 || soa.Hdr.Ttl != 30 {
		t.Errorf("got %v", m.Ns)
	}
}

func TestWhatDoesNotFitIsTruncated(t *testing.T) {
	var text strings.Builder
	for i := range 100 {
		fmt.Fprintf(&text, "big.test. TXT \"%d %s\"\n", i, strings.Repeat("x", 100))
	}
	srv := dnstest.Start(t, text.String())
	if m := ask(t, srv, "udp", "big.test.", wire.TypeTXT); !m.Truncated || len(m.Answer) >= 100 {
		t.Errorf("over UDP: truncated %v, %d records", m.Truncated, len(m.Answer))
	}
	if m := ask(t, srv, "tcp", "big.test.", wire.TypeTXT); m.Truncated || len(m.Answer) != 100 {
		t.Errorf("over TCP: truncated %v, %d records", m.Truncated, len(m.Answer))
	}
}

func TestRawSendsTheBytes(t *testing.T) {
	srv := dnstest.Start(t, "")
	srv.Always("", "", dnstest.Raw(func(query []byte) []byte { return append(slices.Clone(query[:2]), "nonsense"...) }))
	for _, network := range []string{"udp", "tcp"} {
		conn, err := wire.Dial(network, srv.Addr())
		if err != nil {
			t.Fatal(err)
		}
		m := new(wire.Msg).SetQuestion("a.test.", wire.TypeA)
		if err := conn.WriteMsg(m); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 512)
		n, err := conn.Read(buf)
		if err != nil || string(buf[2:n]) != "nonsense" || buf[0] != byte(m.Id>>8) || buf[1] != byte(m.Id) {
			t.Errorf("%s: %q, %v", network, buf[:n], err)
		}
		conn.Close()
	}
}

func TestHeldQueryIsAnsweredWhenReleased(t *testing.T) {
	srv := dnstest.Start(t, zone)
	release := make(chan struct{})
	srv.Next("", "", dnstest.Hold(release))
	answered := make(chan error)
	go func() {
		_, err := srv.Resolver().MX(t.Context(), "example.test")
		answered <- err
	}()
	select {
	case err := <-answered:
		t.Fatalf("answered while held: %v", err)
	case release <- struct{}{}: // taken by the server, so the query has arrived
	}
	if err := <-answered; err != nil {
		t.Error(err)
	}
}

// The resolver that tests get must see what the script says, not what it said a moment ago.
func TestResolverKeepsNoFailures(t *testing.T) {
	srv := dnstest.Start(t, zone)
	srv.Next("example.test", "MX", dnstest.ServFail, dnstest.ServFail)
	r := srv.Resolver()
	_, err := r.MX(t.Context(), "example.test")
	if dns.StatusOf(err) != dns.Failed {
		t.Errorf("got %v", err)
	}
	if _, err = r.MX(t.Context(), "example.test"); err != nil {
		t.Error(err)
	}
}

func TestServerEndsWithItsTest(t *testing.T) {
	var addr string
	t.Run("inner", func(t *testing.T) {
		srv := dnstest.Start(t, zone)
		addr = srv.Addr()
		srv.Always("", "", dnstest.Hold(nil)) // a handler that is busy at the end
		conn, err := wire.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if err := conn.WriteMsg(new(wire.Msg).SetQuestion("a.test.", wire.TypeA)); err != nil {
			t.Fatal(err)
		}
	})
	conn, err := net.Dial("tcp", addr)
	if err == nil {
		conn.Close()
		t.Error("still listening")
	}
	var op *net.OpError
	if err != nil && !errors.As(err, &op) {
		t.Errorf("got %v", err)
	}
}

// recorder is a testing.TB that notes failures instead of failing.
type recorder struct {
	testing.TB
	fatal string
}

func (r *recorder) Helper() {}
func (r *recorder) Fatalf(format string, args ...any) {
	r.fatal = fmt.Sprintf(format, args...)
	panic(r)
}

func TestMistakesEndTheTest(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(tb testing.TB)
	}{
		{"a zone line without data", func(tb testing.TB) { dnstest.Start(tb, "a.test. MX") }},
		{"a zone line with an unknown type", func(tb testing.TB) { dnstest.Start(tb, "a.test. MXX 10 b.test.") }},
	} {
		t.Run(c.name, func(t *testing.T) {
			tb := &recorder{TB: t}
			func() {
				defer func() {
					if r := recover(); r != nil && r != any(tb) {
						panic(r)
					}
				}()
				c.do(tb)
			}()
			if !strings.Contains(tb.fatal, "zone line") {
				t.Errorf("got %q", tb.fatal)
			}
		})
	}
}
