package smtp_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mtad/mtad/pipeline/deliver/smtp"
)

func TestAConnectionIsUsedAgain(t *testing.T) {
	w := newWorld(t)
	w.usual()
	w.server("192.0.2.1:25", hello("mx1.to.test", offers)+takes("x@to.test")+takes("y@to.test")+takes("z@other.test"))
	a := w.agent()
	expect(t, w.deliver(a, request("x@to.test")), `sent 2.0.0 mx1.to.test[192.0.2.1]:25 (250 2.0.0 Ok: queued as 1A)`)
	expect(t, w.deliver(a, request("y@to.test")), `sent 2.0.0 mx1.to.test[192.0.2.1]:25 (250 2.0.0 Ok: queued as 1A) use 2`)
	// Another domain with the same host has the same connection.
	w.domain("other.test", "5 mx1.to.test")
	r := request("z@other.test")
	r.Nexthop = "other.test"
	expect(t, w.deliver(a, r), `sent 2.0.0 mx1.to.test[192.0.2.1]:25 (250 2.0.0 Ok: queued as 1A) use 3`)
	if len(w.dialled) != 1 {
		t.Errorf("dialled %v", w.dialled)
	}
}

// Mail that went to a second choice must not keep going there when the first is back.
func TestASecondChoiceIsNotRemembered(t *testing.T) {
	w := newWorld(t)
	w.usual()
	w.server("192.0.2.2:25", hello("mx2.to.test", offers)+takes("x@to.test"))
	a := w.agent()
	expect(t, w.deliver(a, request("x@to.test")), `sent 2.0.0 mx2.to.test[192.0.2.2]:25 (250 2.0.0 Ok: queued as 1A)`)
	w.server("192.0.2.1:25", hello("mx1.to.test", offers)+takes("y@to.test"))
	expect(t, w.deliver(a, request("y@to.test")), `sent 2.0.0 mx1.to.test[192.0.2.1]:25 (250 2.0.0 Ok: queued as 1A)`)
}

func TestAStaleConnectionCostsNothing(t *testing.T) {
	for _, c := range []struct{ name, end string }{
		{"closed without a word", "CLOSE"},
		{"closed with 421 to MAIL", "C: MAIL FROM:<a@from.test>\nS: 421 4.4.2 timeout\nCLOSE"},
		{"closed in answer to MAIL", "C: MAIL FROM:<a@from.test>\nCLOSE"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.usual()
			w.server("192.0.2.1:25", hello("mx1.to.test", offers)+takes("x@to.test")+c.end,
				hello("mx1.to.test", offers)+takes("x@to.test"))
			a := w.agent()
			for range 2 {
				expect(t, w.deliver(a, request("x@to.test")), `sent 2.0.0 mx1.to.test[192.0.2.1]:25 (250 2.0.0 Ok: queued as 1A)`)
			}
			if len(w.dialled) != 2 {
				t.Errorf("dialled %v", w.dialled)
			}
		})
	}
}

func TestAStaleConnectionFoundByAddress(t *testing.T) {
	w := newWorld(t)
	w.host("one.test", "192.0.2.1")
	w.host("two.test", "192.0.2.1")
	w.server("192.0.2.1:25", hello("mx.test", offers)+takes("x@to.test")+"C: MAIL FROM:<a@from.test>\nCLOSE",
		hello("mx.test", offers)+takes("x@to.test"))
	a := w.agent()
	for _, d := range []string{"one.test", "two.test"} {
		r := request("x@to.test")
		r.Nexthop = d
		expect(t, w.deliver(a, r), "sent 2.0.0 "+d+"[192.0.2.1]:25 (250 2.0.0 Ok: queued as 1A)")
	}
}

func TestASharedConnectionHasTheNameThatTheDestinationKnows(t *testing.T) {
	w := newWorld(t)
	w.host("one.test", "192.0.2.1")
	w.host("two.test", "192.0.2.1")
	w.server("192.0.2.1:25", hello("mx.test", offers)+takes("x@to.test")+takes("x@to.test")+takes("x@to.test"))
	a := w.agent()
	for _, c := range []struct{ nexthop, use string }{{"one.test", ""}, {"two.test", " use 2"}, {"one.test", " use 3"}} {
		r := request("x@to.test")
		r.Nexthop = c.nexthop
		got := w.deliver(a, r)
		expect(t, got, "sent 2.0.0 "+c.nexthop+"[192.0.2.1]:25 (250 2.0.0 Ok: queued as 1A)"+c.use)
		if got[0].RemoteMTA != c.nexthop {
			t.Errorf("RemoteMTA %s", got[0].RemoteMTA)
		}
	}
}

func TestAuthenticatedConnectionsAreNotShared(t *testing.T) {
	w := newWorld(t)
	w.host("one.test", "192.0.2.1")
	w.host("two.test", "192.0.2.1")
	auth := "C: AUTH PLAIN AHVzZXIAcGFzcw==\nS: 235 ok\n"
	mail := strings.Replace(takes("x@to.test"), "MAIL FROM:<a@from.test>", "MAIL FROM:<a@from.test> AUTH=<>", 1)
	w.server("192.0.2.1:25", hello("mx.test", offers, "AUTH_PLAIN")+auth+mail+mail, hello("mx.test", offers, "AUTH_PLAIN")+auth+mail)
	a := w.agent(func(o *smtp.Options) {
		o.SASL.Clear, o.SASL.Passwords = 0, passwords("one.test", "user:pass", "two.test", "user:pass")
	})
	for _, c := range []struct{ nexthop, use string }{{"one.test", ""}, {"one.test", " use 2"}, {"two.test", ""}} {
		r := request("x@to.test")
		r.Nexthop = c.nexthop
		expect(t, w.deliver(a, r), "sent 2.0.0 "+c.nexthop+"[192.0.2.1]:25 (250 2.0.0 Ok: queued as 1A)"+c.use)
	}
}

// What breaks later than that is a failure as on any connection: MAIL was answered.
func TestAReusedConnectionThatBreaksLater(t *testing.T) {
	w := newWorld(t)
	w.host("to.test", "192.0.2.1")
	w.server("192.0.2.1:25", hello("to.test", offers)+takes("x@to.test")+`
		C: MAIL FROM:<a@from.test>
		S: 250 ok
		CLOSE`)
	a := w.agent()
	w.deliver(a, request("x@to.test"))
	got := shown(w.deliver(a, request("x@to.test")))
	if !strings.HasPrefix(got, "deferred 4.4.2 to.test[192.0.2.1]:25 (lost connection with to.test[192.0.2.1] while sending RCPT TO)") {
		t.Error(got)
	}
}

func TestAHostThatDeferredIsNotAskedTwice(t *testing.T) {
	w := newWorld(t)
	w.usual()
	w.server("192.0.2.1:25", hello("mx1.to.test")+`
		C: MAIL FROM:<a@from.test>
		S: 250 ok
		C: RCPT TO:<x@to.test>
		S: 250 ok
		C: DATA
		S: 354 go
		C: Subject: x
		C: 
		C: hello
		C: .
		S: 250 1
		C: MAIL FROM:<a@from.test>
		S: 450 4.0.0 not now`)
	w.server("192.0.2.2:25", hello("mx2.to.test", offers)+takes("x@to.test"))
	a := w.agent()
	w.deliver(a, request("x@to.test"))
	expect(t, w.deliver(a, request("x@to.test")), `sent 2.0.0 mx2.to.test[192.0.2.2]:25 (250 2.0.0 Ok: queued as 1A)`)
}

func TestLimitsOfReuse(t *testing.T) {
	one := hello("to.test", offers) + takes("x@to.test")
	for _, c := range []struct {
		name  string
		edit  func(*smtp.Options)
		conns []string
	}{
		{"none is kept", func(o *smtp.Options) { o.IdleTime = 0 }, []string{one, one, one}},
		{"two messages each", func(o *smtp.Options) { o.ReuseCount = 2 }, []string{one + takes("x@to.test"), one}},
		{"too old at once", func(o *smtp.Options) { o.ReuseTime = 1 }, []string{one, one, one}},
		{"no room", func(o *smtp.Options) { o.MaxIdle = 0 }, []string{one, one, one}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.host("to.test", "192.0.2.1")
			w.server("192.0.2.1:25", c.conns...)
			a := w.agent(c.edit)
			for range 3 {
				w.deliver(a, request("x@to.test"))
			}
			if len(w.dialled) != len(c.conns) {
				t.Errorf("dialled %d times, want %d", len(w.dialled), len(c.conns))
			}
		})
	}
}

func TestTheCacheIsBounded(t *testing.T) {
	w := newWorld(t)
	for _, d := range []string{"1", "2", "3"} {
		w.host(d+".test", "192.0.2."+d)
	}
	w.server("192.0.2.1:25", hello("1.test", offers)+takes("x@to.test"), hello("1.test", offers)+takes("x@to.test"))
	w.server("192.0.2.2:25", hello("2.test", offers)+takes("x@to.test"))
	w.server("192.0.2.3:25", hello("3.test", offers)+takes("x@to.test")+takes("x@to.test"))
	a := w.agent(func(o *smtp.Options) { o.MaxIdle = 2 })
	for _, d := range []string{"1", "2", "3", "3", "1"} { // the third one drives the first out
		r := request("x@to.test")
		r.Nexthop = d + ".test"
		w.deliver(a, r)
	}
	if got := len(w.dialled); got != 4 {
		t.Errorf("dialled %v", w.dialled)
	}
}

// The rest runs on pipes, in a bubble's time.
func TestIdleConnectionsEndAfterTheirTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.pipes = true
		w.host("to.test", "192.0.2.1")
		quit := make(chan time.Time, 9)
		w.onCall = func() { quit <- time.Now() }
		w.server("192.0.2.1:25",
			hello("to.test", offers)+takes("x@to.test")+takes("x@to.test")+"C: QUIT\nCALL",
			hello("to.test", offers)+takes("x@to.test")+"C: QUIT\nCALL")
		a := w.agent()
		w.deliver(a, request("x@to.test"))
		time.Sleep(1500 * time.Millisecond)
		w.deliver(a, request("x@to.test")) // within its two seconds
		last := time.Now()
		if ended := (<-quit).Sub(last); ended < 2*time.Second || ended > 3*time.Second {
			t.Errorf("QUIT came after %v", ended)
		}
		w.deliver(a, request("x@to.test")) // a new one
		a.Close()
		<-quit
		w.running.Wait()
	})
}

func TestAConnectionGetsOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.pipes = true
		w.host("to.test", "192.0.2.1")
		w.server("192.0.2.1:25", hello("to.test", offers)+strings.Repeat(takes("x@to.test"), 301)+"C: QUIT",
			hello("to.test", offers)+takes("x@to.test")+"C: QUIT")
		a := w.agent()
		for range 302 { // one a second
			w.deliver(a, request("x@to.test"))
			time.Sleep(time.Second)
		}
		if len(w.dialled) != 2 {
			t.Errorf("dialled %d times", len(w.dialled))
		}
		a.Close()
		w.running.Wait()
	})
}

func TestSilenceOfAServerIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.pipes = true
		w.host("to.test", "192.0.2.1")
		w.server("192.0.2.1:25", hello("to.test", offers)+`
			C: MAIL FROM:<a@from.test>
			C: RCPT TO:<x@to.test>
			C: DATA
			S: 250 ok
			S: 250 ok
			S: 354 go
			C: Subject: x
			C: 
			C: hello
			C: .
			GONE`)
		a := w.agent()
		start := time.Now()
		expect(t, w.deliver(a, request("x@to.test")), `deferred 4.4.2 to.test[192.0.2.1]:25 (conversation with to.test[192.0.2.1] timed out while sending end of data -- message may be sent more than once)`)
		if took := time.Since(start); took != 600*time.Second {
			t.Errorf("took %v", took)
		}
		a.Close()
		w.running.Wait()
	})
}
