package dns

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	wire "github.com/miekg/dns"
)

// FuzzName: what queryName lets through fits the wire, and asking for it again changes nothing.
func FuzzName(f *testing.F) {
	for _, name := range []string{"example.com", "EXAMPLE.com.", ".", "", "a..b", "münchen.test", "_25._tcp.münchen.test",
		"例え。テスト", "xn--a", "-a.test", "a b", `a\.b`, "1.0/25.2.0.192.in-addr.arpa", "a\xff", "faß.test", "\u200d.test", "_dmarc.É.test"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		got, err := queryName(name)
		if err != nil {
			return
		}
		again, err := queryName(got)
		if err != nil || again != got {
			t.Errorf("%q became %q, then %q, %v", name, got, again, err)
		}
		packet, err := new(wire.Msg).SetQuestion(got, wire.TypeMX).Pack()
		if err != nil {
			t.Fatalf("%q does not fit the wire: %v", got, err)
		}
		m := new(wire.Msg)
		if err := m.Unpack(packet); err != nil || m.Question[0].Name != got {
			t.Errorf("%q came back as %q, %v", got, m.Question[0].Name, err)
		}
	})
}

// FuzzResolvConf: whatever the file says, there is somebody to ask, and limits hold.
func FuzzResolvConf(f *testing.F) {
	f.Add("nameserver 192.0.2.1\nsearch a.test b.test\noptions ndots:3 timeout:2 attempts:3 rotate use-vc\n")
	f.Add("; comment\ndomain\ndomain x\noptions timeout:-1 attempts:99999999999999999999 ndots:x\nnameserver fe80::1%eth0")
	f.Fuzz(func(t *testing.T, text string) {
		c := parseResolvConf([]byte(text))
		if len(c.servers) < 1 || len(c.servers) > 3 || len(c.search) > 6 || c.ndots < 0 || c.ndots > 15 ||
			c.attempts < 1 || c.attempts > 5 || c.timeout < time.Second || c.timeout > 30*time.Second {
			t.Errorf("%+v", c)
		}
		for _, s := range c.servers {
			if _, err := netip.ParseAddrPort(s); err != nil {
				t.Error(err)
			}
		}
		for _, name := range c.candidates("host", "host.", true, true) {
			if !strings.HasPrefix(name, "host.") || len(name) > maxNameLength+1 {
				t.Errorf("candidate %q", name)
			}
		}
	})
}

// FuzzHosts: what the file gives can be asked for in both directions.
func FuzzHosts(f *testing.F) {
	f.Add("127.0.0.1 localhost\n::1 localhost ip6-localhost # both\n192.0.2.1\tMail.Example.test. mail\n")
	f.Add("::ffff:192.0.2.1 mapped\nfe80::1%lo0 zoned\n1 x\n192.0.2.1 a..b \x01\n")
	f.Fuzz(func(t *testing.T, text string) {
		h := parseHosts([]byte(text))
		for name, list := range h.addrs {
			if !isHostName(name) || len(list) > maxRecords {
				t.Errorf("%q has %d addresses", name, len(list))
			}
			v4, listed := h.lookup(name+".", IPv4)
			v6, _ := h.lookup(name+".", IPv6)
			if !listed || len(v4)+len(v6) != len(list) {
				t.Errorf("%q: %v and %v of %v", name, v4, v6, list)
			}
			for _, a := range list {
				if len(h.names[a]) == 0 {
					t.Errorf("%v has no name", a)
				}
			}
		}
	})
}
