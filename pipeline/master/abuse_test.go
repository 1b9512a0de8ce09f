package master_test

import (
	"bytes"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// idleSessions is how many clients connect, say hello and fall silent.
const idleSessions = 1000

// perIdleSession bounds what an idle session may cost, in bytes of resident memory; it is
// generous, because the Go runtime takes memory in large pieces, and the race detector as much again.
const perIdleSession = 80 << 10

func TestIdleSessionsCostLittleAndOtherMailFlows(t *testing.T) {
	s := newSink(t)
	d := start(t, "relayhost = "+s.nexthop(), "default_process_limit = 2000", "smtpd_client_connection_count_limit = 0")
	d.post("a@sender.test", "b@rcpt.test", []byte("Subject: warm\r\n\r\n"))
	s.wait(t, 1)
	before := d.rss()
	for range idleSessions {
		d.hello()
	}
	each := (d.rss() - before) / idleSessions
	t.Logf("%d bytes of resident memory per idle session", each)
	if each > perIdleSession {
		t.Errorf("an idle session costs %d bytes, want ≤ %d", each, perIdleSession)
	}
	d.post("a@sender.test", "b@rcpt.test", []byte("Subject: meanwhile\r\n\r\n"))
	s.wait(t, 2)
}

// memoryBound is how much the resident memory of mtad may grow under an attack, in bytes.
const memoryBound = 150 << 20

// flood is how much an attacker sends, in bytes: 1 GB in the long form.
func flood() int {
	if os.Getenv(longVariable) != "" {
		return 1 << 30
	}
	return 200 << 20
}

// attacked runs attack while ordinary mail is sent; that must flow, and memory stay bounded.
func attacked(t *testing.T, attack func(*testing.T, *daemon), lines ...string) {
	t.Helper()
	s := newSink(t)
	d := start(t, append([]string{"relayhost = " + s.nexthop()}, lines...)...)
	d.post("a@sender.test", "b@rcpt.test", []byte("Subject: before\r\n\r\n"))
	s.wait(t, 1)
	before, n, peak := d.rss(), 1, int64(0)
	over := make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() {
		defer close(over)
		attack(t, d)
	})
	for going := true; going; n++ {
		select {
		case <-over:
			going = false
		default:
		}
		d.post("a@sender.test", "b@rcpt.test", []byte("Subject: meanwhile\r\n\r\n"))
		peak = max(peak, d.rss())
	}
	group.Wait()
	s.wait(t, n)
	t.Logf("%d other messages, memory grew by %d KiB at most", n, (peak-before)>>10)
	if peak-before > memoryBound {
		t.Errorf("memory grew by %d MiB, want ≤ %d", (peak-before)>>20, memoryBound>>20)
	}
}

// pour writes piece again and again until total bytes are written or the server hangs up.
func pour(c net.Conn, piece []byte, total int) {
	for sent := 0; sent < total; sent += len(piece) {
		_ = c.SetWriteDeadline(time.Now().Add(patience))
		if _, err := c.Write(piece); err != nil {
			return
		}
	}
}

func TestAMessageFarOverTheLimitIsReadAwayInLittleMemory(t *testing.T) {
	attacked(t, func(t *testing.T, d *daemon) {
		c := d.connect()
		piece := bytes.Repeat([]byte("0123456789012345678901234567890123456789012345678901234567890123456789\r\n"), 1000)
		if !c.tryData(nil, "220") || !c.try("EHLO client.test", "250") || !c.try("MAIL FROM:<a@sender.test>", "250") ||
			!c.try("RCPT TO:<b@rcpt.test>", "250") || !c.try("DATA", "354") {
			t.Error("the transaction did not begin")
			return
		}
		pour(c.c, piece, flood())
		if !c.tryData([]byte(".\r\n"), "552 5.3.4") || !c.try("QUIT", "221") {
			t.Error("the end of data was not answered with 552 5.3.4")
		}
	}, "message_size_limit = 10000000")
}

func TestACommandLineWithoutEndIsNotKept(t *testing.T) {
	attacked(t, func(t *testing.T, d *daemon) {
		c := d.connect()
		if !c.tryData(nil, "220") {
			t.Error("no greeting")
			return
		}
		pour(c.c, bytes.Repeat([]byte("x"), 64<<10), flood()/4)
		if reply, err := c.read(); err == nil && !strings.HasPrefix(reply, "5") && !strings.HasPrefix(reply, "421") {
			t.Errorf("got reply %q", reply)
		}
	})
}

func TestALineOfTextWithoutEndIsNotKept(t *testing.T) {
	attacked(t, func(t *testing.T, d *daemon) {
		c := d.connect()
		if !c.tryData(nil, "220") || !c.try("EHLO client.test", "250") || !c.try("MAIL FROM:<a@sender.test>", "250") ||
			!c.try("RCPT TO:<b@rcpt.test>", "250") || !c.try("DATA", "354") {
			t.Error("the transaction did not begin")
			return
		}
		pour(c.c, append([]byte("X-Endless: "), bytes.Repeat([]byte("x"), 64<<10)...), flood()/2)
		if !c.tryData([]byte("\r\n.\r\n"), "552 5.3.4") {
			t.Error("the end of data was not answered with 552 5.3.4")
		}
	}, "message_size_limit = 10000000")
}

// A client that sends a byte a second is as good as idle: each read has its time limit, and where
// smtpd_per_request_deadline is set the whole command has.
func TestASlowClientHoldsNobodyUpAndEndsAtItsDeadline(t *testing.T) {
	attacked(t, func(t *testing.T, d *daemon) {
		c := d.connect()
		if !c.tryData(nil, "220") {
			t.Error("no greeting")
			return
		}
		for _, b := range []byte("EHLO a-very-slow-client.of-ours.test") {
			_ = c.c.SetReadDeadline(time.Now().Add(time.Second)) // a byte a second
			if text, err := c.r.ReadString('\n'); err == nil {
				if !strings.HasPrefix(text, "421 4.4.2") {
					t.Errorf("got %q, want 421 4.4.2", text)
				}
				return
			} else if ne, ok := err.(net.Error); !ok || !ne.Timeout() {
				t.Errorf("no 421 before the end: %v", err)
				return
			}
			if _, err := c.c.Write([]byte{b}); err != nil {
				t.Error(err)
				return
			}
		}
		t.Error("the slow client was not timed out")
	}, "smtpd_timeout = 3s", "smtpd_per_request_deadline = yes")
}
