package dns_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	wire "github.com/miekg/dns"

	"github.com/mtad/mtad/core/dns"
	"github.com/mtad/mtad/core/dns/dnstest"
)

// write writes text to path with a modification time of its own, so that a change shows whatever
// the file system's clock resolves.
func write(t *testing.T, path, text string, version int) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	mtime := time.Date(2020, 1, version, 0, 0, 0, 0, time.UTC)
	if err := os.Chtimes(path, mtime, mtime); err != nil {
		t.Fatal(err)
	}
}

func TestHostsFileComesFirst(t *testing.T) {
	hosts := filepath.Join(t.TempDir(), "hosts")
	write(t, hosts, "# comment\n192.0.2.100 Four.test four-alias # more\n2001:db8::100 v6only.test\nnonsense x.test\n::1\n192.0.2.101 bad_\x01name\n", 1)
	srv := dnstest.Start(t, hostZone)
	o := srv.Options()
	o.Hosts = hosts
	r := newResolver(t, o)
	for _, c := range []struct {
		name, host string
		family     dns.Family
		want       string
		status     dns.Status
	}{
		{"a name in the file has the file's address", "four.TEST", dns.IPv4, "[192.0.2.100]", dns.Found},
		{"and no other", "four.test.", dns.Both, "[192.0.2.100]", dns.Found},
		{"not even in the other family", "four.test", dns.IPv6, "[]", dns.NoData},
		{"an alias counts", "four-alias", dns.Both, "[192.0.2.100]", dns.Found},
		{"IPv6 counts", "v6only.test", dns.Both, "[2001:db8::100]", dns.Found},
		{"a name that is not in the file is asked for", "six.test", dns.Both, "[2001:db8::6]", dns.Found},
		{"a line without address does not count", "x.test", dns.Both, "[]", dns.NXDomain},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := r.Addrs(t.Context(), c.host, c.family)
			wantStatus(t, err, c.status)
			if fmt.Sprint(got) != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
	if names, err := r.PTR(t.Context(), ip("192.0.2.100")); err != nil || !slices.Equal(names, []string{"four.test", "four-alias"}) {
		t.Errorf("PTR: %v, %v", names, err)
	}
	if srv.Count("four.test", "") != 0 {
		t.Error("the server was asked for a name that the file has")
	}
}

func TestFilesAreReadAgainWhenTheyChange(t *testing.T) {
	hosts := filepath.Join(t.TempDir(), "hosts")
	srv := dnstest.Start(t, "")
	o := srv.Options()
	o.Hosts = hosts
	synctest.Test(t, func(t *testing.T) {
		r := newResolver(t, o)
		want := func(when, addr string) {
			t.Helper()
			got, _ := r.Addrs(t.Context(), "h", dns.IPv4)
			if s := strings.Trim(fmt.Sprint(got), "[]"); s != addr {
				t.Errorf("%s: got %q, want %q", when, s, addr)
			}
		}
		want("no file yet", "")
		write(t, hosts, "192.0.2.1 h\n", 1)
		want("within five seconds", "")
		time.Sleep(5 * time.Second)
		want("after five seconds", "192.0.2.1")
		write(t, hosts, "192.0.2.2 h\n", 2)
		time.Sleep(5 * time.Second)
		want("after a change", "192.0.2.2")
		if err := os.Remove(hosts); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		want("when the file is gone", "192.0.2.2")
	})
}

// An error is not "no": a hosts file that cannot be read may have had the name.
func TestFileThatCannotBeReadIsAFailure(t *testing.T) {
	srv := dnstest.Start(t, hostZone)
	o := srv.Options()
	o.Hosts = t.TempDir() // a directory
	r := newResolver(t, o)
	_, err := r.Addrs(t.Context(), "four.test", dns.IPv4)
	wantStatus(t, err, dns.Failed)
	_, err = r.PTR(t.Context(), ip("192.0.2.1"))
	wantStatus(t, err, dns.Failed)

	o = srv.Options()
	o.Servers, o.ResolvConf, o.Search = nil, t.TempDir(), true
	_, err = newResolver(t, o).Addrs(t.Context(), "four.test", dns.IPv4)
	wantStatus(t, err, dns.Failed)
	o.Search = false
	_, err = newResolver(t, o).Addrs(t.Context(), "four.test", dns.IPv4)
	wantStatus(t, err, dns.Failed)

	o = srv.Options()
	o.Hosts = filepath.Join(t.TempDir(), "hosts")
	write(t, o.Hosts, strings.Repeat("#\n", 3<<20), 1)
	_, err = newResolver(t, o).Addrs(t.Context(), "four.test", dns.IPv4)
	wantStatus(t, err, dns.Failed)
}

func TestResolvConfSaysWhomToAsk(t *testing.T) {
	for _, c := range []struct {
		name, text, want string
	}{
		{"servers in order, attempts times", "nameserver 192.0.2.1\nnameserver 2001:db8::1\noptions attempts:2 timeout:1\n",
			"udp 192.0.2.1:53 udp [2001:db8::1]:53 udp 192.0.2.1:53 udp [2001:db8::1]:53"},
		{"three servers at most", "nameserver 192.0.2.1\nnameserver 192.0.2.2\nnameserver 192.0.2.3\nnameserver 192.0.2.4\noptions attempts:1",
			"udp 192.0.2.1:53 udp 192.0.2.2:53 udp 192.0.2.3:53"},
		{"comments and nonsense are skipped", "# nameserver 192.0.2.8\n;nameserver 192.0.2.9\nnameserver\nnameserver ns.test\n  nameserver 192.0.2.1 # local\noptions attempts:x ndots attempts:1\n",
			"udp 192.0.2.1:53"},
		{"no server means this host", "options attempts:1", "udp 127.0.0.1:53"},
		{"use-vc means TCP", "nameserver 192.0.2.1\noptions use-vc attempts:1", "tcp 192.0.2.1:53"},
		{"out of range is brought into range", "nameserver 192.0.2.1\noptions attempts:0 timeout:0", "udp 192.0.2.1:53"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "resolv.conf")
			write(t, path, c.text, 1)
			synctest.Test(t, func(t *testing.T) {
				f := &fakeNet{serve: func(_, _ string, q *wire.Msg) *wire.Msg {
					return new(wire.Msg).SetRcode(q, wire.RcodeServerFailure)
				}}
				r := newResolver(t, dns.Options{ResolvConf: path, Dial: f.Dial})
				_, err := r.MX(t.Context(), "a.test")
				wantStatus(t, err, dns.Failed)
				if got := strings.Join(f.dials(), " "); got != c.want {
					t.Errorf("asked %s", got)
				}
			})
		})
	}
}

func TestRotateSpreadsTheQueries(t *testing.T) {
	path := filepath.Join(t.TempDir(), "resolv.conf")
	write(t, path, "nameserver 192.0.2.1\nnameserver 192.0.2.2\noptions rotate\n", 1)
	synctest.Test(t, func(t *testing.T) {
		f := &fakeNet{serve: func(_, _ string, q *wire.Msg) *wire.Msg { return replying(t, q) }}
		r := newResolver(t, dns.Options{ResolvConf: path, Dial: f.Dial})
		for range 4 {
			r.MX(t.Context(), "a.test")
		}
		asked := f.dials()
		slices.Sort(asked)
		if got := strings.Join(asked, " "); got != "udp 192.0.2.1:53 udp 192.0.2.1:53 udp 192.0.2.2:53 udp 192.0.2.2:53" {
			t.Errorf("asked %s", got)
		}
	})
}

func TestSearch(t *testing.T) {
	path := filepath.Join(t.TempDir(), "resolv.conf")
	write(t, path, "domain ignored.test\nsearch one.test two.test bad..name\noptions ndots:2\n", 1)
	zone := `
		a.one.test.       A 192.0.2.1
		b.two.test.       A 192.0.2.2
		c.d.two.test.     A 192.0.2.3
		c.d.              A 192.0.2.4
		w.x.y.            A 192.0.2.5
		w.x.y.one.test.   A 192.0.2.6
		n.one.test.       TXT "no address"
	`
	for _, c := range []struct {
		name, host, want string
		search           bool
		status           dns.Status
	}{
		{"names are absolute unless asked otherwise", "a", "[]", false, dns.NXDomain},
		{"a short name is completed", "a", "[192.0.2.1]", true, dns.Found},
		{"domains are tried in order", "b", "[192.0.2.2]", true, dns.Found},
		{"a name with too few dots is completed first", "c.d", "[192.0.2.3]", true, dns.Found},
		{"a name with enough dots is tried as it is first", "w.x.y", "[192.0.2.5]", true, dns.Found},
		{"a final dot means absolute", "a.", "[]", true, dns.NXDomain},
		{"a name that exists somewhere has no data rather than not existing", "n", "[]", true, dns.NoData},
		{"a failure ends the search: nobody knows which name was meant", "fail", "[]", true, dns.Failed},
	} {
		t.Run(c.name, func(t *testing.T) {
			srv := dnstest.Start(t, zone)
			srv.Add("fail.two.test. A 192.0.2.9")
			srv.Always("fail.one.test", "", dnstest.ServFail)
			o := srv.Options()
			o.ResolvConf, o.Search = path, c.search
			got, err := newResolver(t, o).Addrs(t.Context(), c.host, dns.IPv4)
			wantStatus(t, err, c.status)
			if fmt.Sprint(got) != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestNative(t *testing.T) {
	srv := dnstest.Start(t, hostZone+"1.2.0.192.in-addr.arpa. PTR Mail.test.\n2.2.0.192.in-addr.arpa. PTR 192.0.2.2.\n1.2.0.192.in-addr.arpa. PTR bad\\010name.\n")
	srv.Always("fail.test.", "", dnstest.ServFail)
	srv.Always("halffail.test.", "A", dnstest.ServFail)
	srv.Always("9.2.0.192.in-addr.arpa.", "", dnstest.ServFail)
	n := dns.NewNativeDialing(func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, srv.Addr())
	})
	for _, c := range []struct {
		name, host string
		family     dns.Family
		want       string
		status     dns.Status
	}{
		{"both families", "both.test.", dns.Both, "[192.0.2.1 192.0.2.2 192.0.2.1 2001:db8::1]", dns.Found},
		{"one family", "both.test.", dns.IPv6, "[2001:db8::1]", dns.Found},
		{"not found", "nothere.test.", dns.Both, "[]", dns.NXDomain},
		{"failed", "fail.test.", dns.Both, "[]", dns.Failed},
		{"one failed, the other not found", "halffail.test.", dns.Both, "[]", dns.Failed},
		{"a name that cannot be", "a b.test", dns.Both, "[]", dns.BadName},
		{"an address", "192.0.2.77", dns.Both, "[192.0.2.77]", dns.Found},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := n.Addrs(t.Context(), c.host, c.family)
			wantStatus(t, err, c.status)
			if fmt.Sprint(got) != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
	names, err := n.PTR(t.Context(), ip("192.0.2.1"))
	if err != nil || !slices.Equal(names, []string{"mail.test"}) {
		t.Errorf("PTR: %v, %v", names, err)
	}
	for addr, want := range map[string]dns.Status{"192.0.2.2": dns.Failed, "192.0.2.8": dns.NXDomain, "192.0.2.9": dns.Failed} {
		_, err = n.PTR(t.Context(), ip(addr))
		if dns.StatusOf(err) != want {
			t.Errorf("PTR of %s: %v, want %v", addr, err, want)
		}
	}
}

func TestNativeKnowsHostsOnly(t *testing.T) {
	n := dns.NewNative()
	_, mx := n.MX(t.Context(), "example.test")
	_, txt := n.TXT(t.Context(), "example.test")
	_, _, tlsa := n.TLSA(t.Context(), "_25._tcp.example.test")
	_, query := n.Query(t.Context(), "example.test", dns.TypeA)
	for _, err := range []error{mx, txt, tlsa, query} {
		wantStatus(t, err, dns.Disabled)
	}
}
