package smtpclient_test

import (
	"bufio"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mtad/mtad/core/smtpclient"
)

// piped returns a client whose peer is what serve does with the other end, in a bubble's time.
func piped(t *testing.T, o *smtpclient.Options, serve func(net.Conn)) *smtpclient.Conn {
	a, b := net.Pipe()
	done := make(chan struct{})
	go func() { defer close(done); serve(b) }()
	t.Cleanup(func() { a.Close(); b.Close(); <-done })
	return smtpclient.New(a, o)
}

func TestSilenceIsBoundedByTheTimeOfTheStage(t *testing.T) {
	const hello = "220 mx ESMTP\r\n250-mx\r\n250 PIPELINING\r\n"
	for _, c := range []struct {
		name, said string
		want       string
		after      time.Duration
	}{
		{"no greeting", "", "connect: timed out: read pipe: i/o timeout", 300 * time.Second},
		{"no answer to EHLO", "220 mx\r\n", "EHLO: timed out: read pipe: i/o timeout", 300 * time.Second},
		{"no answer to MAIL", hello, "MAIL FROM: timed out: read pipe: i/o timeout", 300 * time.Second},
		{"no answer to RCPT", hello + "250 ok\r\n", "RCPT TO: timed out: read pipe: i/o timeout", 300 * time.Second},
		{"no answer to DATA", hello + "250 ok\r\n250 ok\r\n", "DATA: timed out: read pipe: i/o timeout", 120 * time.Second},
		{"no answer to the text", hello + "250 ok\r\n250 ok\r\n354 go\r\n", "end of DATA: timed out: read pipe: i/o timeout", 600 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				conn := piped(t, options(), func(nc net.Conn) {
					if c.said != "" {
						go nc.Write([]byte(c.said))
					}
					for b := make([]byte, 100); ; {
						if _, err := nc.Read(b); err != nil {
							return
						}
					}
				})
				start := time.Now()
				_, err := conn.Greet()
				if err == nil {
					err = conn.Hello()
				}
				if err == nil {
					err = conn.Send(message(text, "x@to.test"))
				}
				check(t, err, "smtpclient: "+c.want)
				if took := time.Since(start); took != c.after {
					t.Errorf("took %v", took)
				}
				if conn.Usable() {
					t.Error("still usable")
				}
			})
		})
	}
}

// A byte a second must not keep a command alive for longer than its time.
func TestSlowBytesDoNotMoveTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := options(func(o *smtpclient.Options) { o.Timeouts.Helo = 10 * time.Second })
		conn := piped(t, o, func(nc net.Conn) {
			for {
				time.Sleep(time.Second)
				if _, err := nc.Write([]byte("2")); err != nil {
					return
				}
			}
		})
		start := time.Now()
		_, err := conn.Greet()
		check(t, err, "smtpclient: connect: timed out: read pipe: i/o timeout")
		if took := time.Since(start); took != 10*time.Second {
			t.Errorf("took %v", took)
		}
	})
}

func TestAPeerThatDoesNotReadTheTextIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn := piped(t, options(), func(nc net.Conn) {
			r := bufio.NewReader(nc)
			nc.Write([]byte("220 mx\r\n"))
			r.ReadString('\n')
			nc.Write([]byte("250-mx\r\n250 PIPELINING\r\n"))
			for range 3 {
				r.ReadString('\n')
			}
			nc.Write([]byte("250 ok\r\n250 ok\r\n354 go\r\n"))
			time.Sleep(time.Hour)
		})
		if _, err := conn.Greet(); err != nil {
			t.Fatal(err)
		}
		if err := conn.Hello(); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		err := conn.Send(message(strings.Repeat("x", 100_000), "x@to.test"))
		check(t, err, "smtpclient: message body: timed out: write pipe: i/o timeout")
		if took := time.Since(start); took != 180*time.Second {
			t.Errorf("took %v", took)
		}
	})
}

// After 421 the server should close; one that does not is not waited for as long as another.
func TestGoodbyeWithoutClosing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn := piped(t, options(), func(nc net.Conn) {
			go nc.Write([]byte("220 mx\r\n250-mx\r\n250 PIPELINING\r\n421 4.3.2 enough\r\n"))
			for b := make([]byte, 100); ; {
				if _, err := nc.Read(b); err != nil {
					return
				}
			}
		})
		if _, err := conn.Greet(); err != nil {
			t.Fatal(err)
		}
		if err := conn.Hello(); err != nil {
			t.Fatal(err)
		}
		start, tx := time.Now(), message(text, "x@to.test", "y@to.test")
		check(t, conn.Send(tx), "")
		if got := shown(tx); got != "MAIL FROM: 421 4.3.2 enough\nMAIL FROM: 421 4.3.2 enough" {
			t.Error(got)
		}
		if took := time.Since(start); took > time.Minute || conn.Usable() {
			t.Errorf("took %v, usable %v", took, conn.Usable())
		}
	})
}

func TestAbortEndsACall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn := piped(t, options(), func(nc net.Conn) { nc.Read(make([]byte, 1)) })
		time.AfterFunc(time.Second, conn.Abort)
		start := time.Now()
		_, err := conn.Greet()
		check(t, err, "smtpclient: connect: connection lost: io: read/write on closed pipe")
		if took := time.Since(start); took != time.Second {
			t.Errorf("took %v", took)
		}
	})
}
