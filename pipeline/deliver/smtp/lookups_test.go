package smtp_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/mtad/mtad/core/dns/dnstest"
	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/smtpclient"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/pipeline/deliver/smtp"
	"github.com/mtad/mtad/queue"
)

// use_srv_lookup: RFC 6186 and RFC 2782.
func TestServicesAreFoundByTheirRecords(t *testing.T) {
	const records = "_submission._tcp.to.test. SRV 20 0 587 b.to.test.\n_submission._tcp.to.test. SRV 10 0 2525 a.to.test.\n"
	for _, c := range []struct {
		name, zone, nexthop string
		fails               bool
		edit                func(*smtp.Options)
		server, want        string
	}{
		{"by priority, at the port of the record", records, "to.test:submission", false, nil, "192.0.2.1:2525", "sent 2.0.0 a.to.test[192.0.2.1]:2525 (250 2.0.0 Ok: queued as 1A)"},
		{"the next one when the first is away", records, "to.test:submission", false, nil, "192.0.2.2:587", "sent 2.0.0 b.to.test[192.0.2.2]:587 (250 2.0.0 Ok: queued as 1A)"},
		{"a host in brackets is no domain", records, "[to.test]:submission", false, nil, "192.0.2.3:587", "sent 2.0.0 to.test[192.0.2.3]:587 (250 2.0.0 Ok: queued as 1A)"},
		{"a number is no service", records, "to.test:587", false, nil, "192.0.2.3:587", "sent 2.0.0 to.test[192.0.2.3]:587 (250 2.0.0 Ok: queued as 1A)"},
		{"another service", records, "to.test:submissions", false, nil, "192.0.2.3:465", "sent 2.0.0 to.test[192.0.2.3]:465 (250 2.0.0 Ok: queued as 1A)"},
		{"no record: returned", "", "to.test:submission", false, nil, "", "bounced 5.4.4 none (Host or domain name not found. Name service error for name=_submission._tcp.to.test type=SRV: Host not found)"},
		{"no record, with fallback", "", "to.test:submission", false, func(o *smtp.Options) { o.SRVFallback = true }, "192.0.2.3:587", "sent 2.0.0 to.test[192.0.2.3]:587 (250 2.0.0 Ok: queued as 1A)"},
		{"the service is not offered", "_submission._tcp.to.test. SRV 0 0 0 .", "to.test:submission", false, nil, "", "bounced 5.1.0 none (Domain to.test does not offer the service submission (null SRV))"},
		{"a failed lookup: later", "", "to.test:submission", true, nil, "", "deferred 4.4.3 none (Host or domain name not found. Name service error for name=_submission._tcp.to.test type=SRV: Host not found, try again) dead"},
		{"a failed lookup that is ignored", "", "to.test:submission", true, func(o *smtp.Options) { o.IgnoreSRVErrors = true }, "192.0.2.3:587", "sent 2.0.0 to.test[192.0.2.3]:587 (250 2.0.0 Ok: queued as 1A)"},
		{"no record is no failure", "", "to.test:submission", false, func(o *smtp.Options) { o.IgnoreSRVErrors = true }, "", "bounced 5.4.4 none (Host or domain name not found. Name service error for name=_submission._tcp.to.test type=SRV: Host not found)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			zone := dnstest.Start(t, "to.test. A 192.0.2.3\na.to.test. A 192.0.2.1\nb.to.test. A 192.0.2.2\n"+c.zone)
			if c.fails {
				zone.Always("_submission._tcp.to.test", "SRV", dnstest.ServFail)
			}
			w := newWorld(t)
			if c.server != "" {
				w.server(c.server, hello("mx", "PIPELINING")+takes("x@to.test"))
			}
			r := request("x@to.test")
			r.Nexthop = c.nexthop
			expect(t, w.deliver(w.agent(func(o *smtp.Options) {
				o.Resolver, o.Services = zone.Resolver(), []string{"submission"}
				if c.edit != nil {
					c.edit(o)
				}
			}), r), c.want)
		})
	}
}

// best_mx_transport: mail for a domain whose best exchanger we are goes where that says.
func TestMailForDomainsThatAreOursGoesToAnotherTransport(t *testing.T) {
	w := newWorld(t)
	w.domain("to.test", "10 mx.from.test", "20 mx2.to.test")
	w.host("mx.from.test", "192.0.2.9")
	a := w.agent(func(o *smtp.Options) {
		o.Hostname, o.OwnAddrs = "mx.from.test", []netip.Addr{netip.MustParseAddr("192.0.2.9")}
		o.BestMX = func(_ context.Context, r *queue.Request) []queue.Result {
			all := make([]queue.Result, len(r.Recipients))
			for i := range all {
				all[i] = queue.Result{Outcome: queue.Sent, Relay: "local", Reply: status.Reply{Code: 250, Enhanced: "2.0.0", Text: "for " + r.Recipients[i].Address}}
			}
			return all
		}
	})
	expect(t, w.deliver(a, request("x@to.test", "y@to.test")), "sent 2.0.0 local (250 2.0.0 for x@to.test)\nsent 2.0.0 local (250 2.0.0 for y@to.test)")
}

// smtp_bind_address_enforce: an address that is not ours is warned of, or defers.
func TestAnAddressThatIsNotOurs(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	for enforce, want := range map[bool]string{
		false: "deferred 4.4.2 127.0.0.1[127.0.0.1]:%PORT% (lost connection with 127.0.0.1[127.0.0.1] while receiving the initial server greeting) dead",
		true:  "deferred 4.4.0 none (server configuration error)",
	} {
		w := newWorld(t)
		o := w.sane()
		o.Dial, o.BindAddress, o.BindEnforce = nil, netip.MustParseAddr("192.0.2.77"), enforce
		a, err := smtp.New(o)
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		if !enforce {
			go func() {
				defer close(done)
				if c, err := l.Accept(); err == nil {
					_ = c.Close()
				}
			}()
		} else {
			close(done)
		}
		r := request("x@to.test")
		_, port, _ := net.SplitHostPort(l.Addr().String())
		r.Nexthop = "[127.0.0.1]:" + port
		expect(t, w.deliver(a, r), strings.ReplaceAll(want, "%PORT%", port))
		a.Close()
		<-done
		if got := w.logged(); !strings.Contains(got, "warning: bind 192.0.2.77: Cannot assign requested address") {
			t.Errorf("logged:\n%s", got)
		}
	}
}

// smtp_discard_ehlo_keyword_address_maps counts in the place of smtp_discard_ehlo_keywords.
func TestWhatServersOfferIsDiscardedByAddress(t *testing.T) {
	w := newWorld(t)
	w.host("to.test", "192.0.2.1")
	w.host("other.test", "192.0.2.2")
	w.host("unknown.test", "192.0.2.3")
	edit := func(o *smtp.Options) {
		o.Discard = smtpclient.Size
		o.DiscardFor = func(_ context.Context, a netip.Addr) (smtpclient.Ext, bool, error) {
			switch a.String() {
			case "192.0.2.1":
				return smtpclient.EightBitMIME, true, nil
			case "192.0.2.3":
				return 0, false, errors.New("the table is away")
			}
			return 0, false, nil
		}
	}
	for host, command := range map[string]string{"to.test": "MAIL FROM:<a@from.test> SIZE=6", "other.test": "MAIL FROM:<a@from.test> BODY=8BITMIME"} {
		w.server(map[string]string{"to.test": "192.0.2.1:25", "other.test": "192.0.2.2:25"}[host], hello(host, "PIPELINING", "SIZE_1000", "8BITMIME")+sends(command, "text\r\n"))
	}
	for _, c := range []struct{ host, want string }{
		{"to.test", "sent 2.0.0 to.test[192.0.2.1]:25 (250 2.0.0 taken)"},
		{"other.test", "sent 2.0.0 other.test[192.0.2.2]:25 (250 2.0.0 taken)"},
	} {
		r := withText(request("x@to.test"), "text\r\n")
		r.Nexthop, r.Entry.Body = c.host, mail.Body8BitMIME
		expect(t, w.deliver(w.agent(edit), r), c.want)
	}
	w.server("192.0.2.3:25", "")
	r := request("x@to.test")
	r.Nexthop = "unknown.test"
	expect(t, w.deliver(w.agent(edit), r), "deferred 4.3.0 none (local data error while talking to unknown.test[192.0.2.3])")
}

// smtp_cname_overrides_servername.
func TestAServerIsCalledByItsCanonicalName(t *testing.T) {
	zone := dnstest.Start(t, "to.test. MX 10 alias.to.test.\nalias.to.test. CNAME real.to.test.\nreal.to.test. A 192.0.2.1\n")
	for canonical, name := range map[bool]string{false: "alias.to.test", true: "real.to.test"} {
		w := newWorld(t)
		w.server("192.0.2.1:25", hello("mx", "PIPELINING")+takes("x@to.test"))
		expect(t, w.deliver(w.agent(func(o *smtp.Options) { o.Resolver, o.CanonicalNames = zone.Resolver(), canonical }), request("x@to.test")),
			"sent 2.0.0 "+name+"[192.0.2.1]:25 (250 2.0.0 Ok: queued as 1A)")
	}
}

// lmtp_assume_final: what a server without DSN took is delivered, not relayed.
func TestAServerWithoutDSNMayBeTakenForFinal(t *testing.T) {
	for _, c := range []struct {
		assume bool
		offers []string
		final  bool
	}{{false, []string{"PIPELINING"}, false}, {true, []string{"PIPELINING"}, true}, {true, []string{"PIPELINING", "DSN"}, false}} {
		w := newWorld(t)
		w.host("to.test", "192.0.2.1")
		w.server("192.0.2.1:25", hello("mx", c.offers...)+takes("x@to.test"))
		got := w.deliver(w.agent(func(o *smtp.Options) { o.AssumeFinal = c.assume }), request("x@to.test"))
		if got[0].Outcome != queue.Sent || got[0].Final != c.final {
			t.Errorf("%+v: %+v", c, got[0])
		}
	}
}
