package smtp_test

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/mtad/mtad/core/table"
	"github.com/mtad/mtad/pipeline/deliver/smtp"
)

func forwarding(o *smtp.Options) { o.Forward = true }

// A filter behind us learns who the client was (XFORWARD_README).
func TestServersAreToldWhereMailCameFrom(t *testing.T) {
	w := newWorld(t)
	w.usual()
	const offer = "XFORWARD_NAME_ADDR_PROTO_HELO_SOURCE_PORT_IDENT"
	rest := takes("x@to.test")
	w.server("192.0.2.1:25", hello("mx1.to.test", offers, offer)+
		"C: XFORWARD NAME=[UNAVAILABLE] ADDR=IPV6:2001:db8::7 PORT=4711 PROTO=ESMTP HELO=a+20b+2B+3D+C3+A9 IDENT=4TEST SOURCE=REMOTE\nS: 250 2.0.0 Ok\n"+rest+
		"C: XFORWARD NAME=[UNAVAILABLE] ADDR=[UNAVAILABLE] PORT=[UNAVAILABLE] PROTO=[UNAVAILABLE] HELO=[UNAVAILABLE] IDENT=4TEST SOURCE=LOCAL\nS: 501 5.5.4 what?\n"+rest)
	a := w.agent(forwarding)
	r := request("x@to.test")
	o := &r.Entry.Origin
	o.ClientName, o.Client, o.Proto, o.Helo = "unknown", netip.MustParseAddrPort("[2001:db8::7]:4711"), "ESMTPSA", "a b+=é"
	expect(t, w.deliver(a, r), `sent 2.0.0 mx1.to.test[192.0.2.1]:25 (250 2.0.0 Ok: queued as 1A)`)
	r = request("x@to.test")
	r.Entry.Origin.Local = true
	expect(t, w.deliver(a, r), `sent 2.0.0 mx1.to.test[192.0.2.1]:25 (250 2.0.0 Ok: queued as 1A) use 2`)
	if got := w.logged(); !strings.Contains(got, "said: 501 5.5.4 what? (in reply to XFORWARD command)") {
		t.Error(got)
	}
}

func TestXForwardIsSentInPiecesThatFit(t *testing.T) {
	w := newWorld(t)
	w.usual()
	long := strings.Repeat("h", 255)
	w.server("192.0.2.1:25", hello("mx1.to.test", offers, "XFORWARD_NAME_HELO_IDENT")+
		"C: XFORWARD NAME="+long+"\nS: 250 ok\nC: XFORWARD HELO="+long+" IDENT=4TEST\nS: 250 ok\n"+takes("x@to.test"))
	r := request("x@to.test")
	r.Entry.Origin.ClientName, r.Entry.Origin.Helo = long+"more", long+"more"
	expect(t, w.deliver(w.agent(forwarding), r), `sent 2.0.0 mx1.to.test[192.0.2.1]:25 (250 2.0.0 Ok: queued as 1A)`)
}

func TestAConnectionThatEndsAtXForward(t *testing.T) {
	w := newWorld(t)
	w.host("to.test", "192.0.2.1")
	w.server("192.0.2.1:25", hello("to.test", offers, "XFORWARD_NAME")+"C: XFORWARD NAME=[UNAVAILABLE]\nCLOSE")
	expect(t, w.deliver(w.agent(forwarding), request("x@to.test")),
		`deferred 4.4.2 to.test[192.0.2.1]:25 (lost connection with to.test[192.0.2.1] while sending XFORWARD attributes)`)
}

// smtp_reply_filter sees each line of a reply before we do.
func TestRepliesCanBeReadOtherwise(t *testing.T) {
	w := newWorld(t)
	w.host("to.test", "192.0.2.1")
	w.server("192.0.2.1:25", hello("to.test", offers)+"C: MAIL FROM:<a@from.test>\nC: RCPT TO:<x@to.test>\nC: DATA\nS: 250 ok\nS: 550 5.7.1 busy, come again\nS: 554 5.5.1 no\n")
	a := w.agent(func(o *smtp.Options) {
		o.Replies = passwords("550 5.7.1 busy, come again", "450 4.7.1 busy, come again")
	})
	expect(t, w.deliver(a, request("x@to.test")),
		`deferred 4.7.1 to.test[192.0.2.1]:25 (host to.test[192.0.2.1] said: 450 4.7.1 busy, come again (in reply to RCPT TO command))`)
}

func TestRepliesThatCannotBeLookedUpDefer(t *testing.T) {
	w := newWorld(t)
	w.host("to.test", "192.0.2.1")
	w.server("192.0.2.1:25", "S: 220 to.test")
	a := w.agent(func(o *smtp.Options) { o.Replies = table.Maps{entries{err: errors.New("on fire")}} })
	expect(t, w.deliver(a, request("x@to.test")),
		`deferred 4.5.0 to.test[192.0.2.1]:25 (protocol error in reply from to.test[192.0.2.1] while receiving the initial server greeting) dead`)
}
