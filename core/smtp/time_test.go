package smtp_test

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mtad/mtad/core/smtp"
	"github.com/mtad/mtad/core/smtp/smtptest"
)

// bubble is a server on one end of a pipe, inside of synctest.
type bubble struct {
	t      *testing.T
	srv    *smtp.Server
	p      *policy
	nc     net.Conn // the client's end
	client *smtptest.Client
	cancel context.CancelFunc
	ended  chan error // gets what ServeConn returns
}

func newBubble(t *testing.T, o smtp.Options) *bubble {
	b := &bubble{t: t, p: newPolicy(), ended: make(chan error, 1)}
	o.Hostname, o.Banner = "mx.example.com", "mx.example.com ESMTP test"
	b.srv = smtp.New(o, b.p)
	var server net.Conn
	server, b.nc = net.Pipe()
	b.client = smtptest.NewClient(t, b.nc)
	ctx, cancel := context.WithCancel(t.Context())
	b.cancel = cancel
	go func() { b.ended <- b.srv.ServeConn(ctx, server) }()
	return b
}

// play plays the client's side of a script.
func (b *bubble) play(script string) {
	b.t.Helper()
	b.client.Play(script)
}

// end closes the client's end and waits for the server's.
func (b *bubble) end() error {
	_ = b.nc.Close()
	err := <-b.ended
	b.cancel()
	synctest.Wait()
	return err
}

const toData = `
	S: 220 mx.example.com ESMTP test
	C: MAIL FROM:<a@b.example>
	S: 250 2.1.0 Ok
	C: RCPT TO:<a@b.example>
	S: 250 2.1.5 Ok
	C: DATA
	S: 354 End data with <CR><LF>.<CR><LF>
`

func TestAnIdleClientIsSentAwayAfterTheTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, smtp.Defaults())
		b.play(`
			S: 220 mx.example.com ESMTP test
			! wait 299s
			C: NOOP
			S: 250 2.0.0 Ok`)
		began := time.Now()
		b.play(`
			S: 421 4.4.2 mx.example.com Error: timeout exceeded
			! eof`)
		between(t, time.Since(began), 300*time.Second, 310*time.Second)
		if err := b.end(); !errors.Is(err, smtp.ErrTimeout) {
			t.Fatal(err)
		}
		compare(t, "calls", b.p.history(), []string{
			`rejected "" 421 4.4.2 mx.example.com Error: timeout exceeded`, "close: timeout after NOOP"})
	})
}

func between(t *testing.T, got, least, most time.Duration) {
	t.Helper()
	if got < least || got > most {
		t.Fatalf("it took %v, want %v to %v", got, least, most)
	}
}

// drip writes text byte by byte, one each interval, until all is written or the other side ends.
func (b *bubble) drip(text string, interval time.Duration) (*sync.WaitGroup, *int) {
	var wg sync.WaitGroup
	n := new(int)
	wg.Go(func() {
		for ; *n < len(text); *n++ {
			if _, err := b.nc.Write([]byte{text[*n]}); err != nil {
				return
			}
			time.Sleep(interval)
		}
	})
	return &wg, n
}

func TestAByteNowAndThenDoesNotProlongTheTimeForACommand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, smtp.Defaults())
		b.play("S: 220 mx.example.com ESMTP test")
		began := time.Now()
		wg, _ := b.drip(strings.Repeat("x", 1000), time.Second)
		b.play("S: 421 4.4.2 mx.example.com Error: timeout exceeded")
		between(t, time.Since(began), 300*time.Second, 310*time.Second)
		b.end()
		wg.Wait()
	})
}

func TestTextHasATimeForEachBlock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := smtp.Defaults()
		o.DataTimeout = 100 * time.Second
		b := newBubble(t, o)
		b.play(toData + `
			C: one
			! wait 99s
			C: two
			! wait 99s
			C: three`)
		began := time.Now()
		b.play("S: 421 4.4.2 mx.example.com Error: timeout exceeded")
		between(t, time.Since(began), 100*time.Second, 104*time.Second)
		if err := b.end(); !errors.Is(err, smtp.ErrTimeout) {
			t.Fatal(err)
		}
		if len(b.p.messages()) > 0 {
			t.Fatal("a message without an end was accepted")
		}
	})
}

func TestASlowTextIsCutOffByThePerRequestDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := smtp.Defaults()
		o.DataTimeout, o.PerRequestDeadline, o.MinDataRate = 100*time.Second, true, 2
		b := newBubble(t, o)
		b.play(toData)
		began := time.Now()
		wg, _ := b.drip(strings.Repeat("x", 1000), time.Second) // half of the rate
		b.play("S: 421 4.4.2 mx.example.com Error: timeout exceeded")
		// 100 s, and half a second for each byte: the two meet at 200 s.
		between(t, time.Since(began), 195*time.Second, 205*time.Second)
		b.end()
		wg.Wait()
	})
}

func TestATextThatKeepsTheDataRateMayTakeLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := smtp.Defaults()
		o.DataTimeout, o.PerRequestDeadline, o.MinDataRate = 100*time.Second, true, 2
		b := newBubble(t, o)
		b.play(toData)
		wg, n := b.drip(strings.Repeat("x", 1000), time.Second/2)
		wg.Wait()
		b.play("C:\nC: .\nS: 250 2.0.0 Ok: queued as 1")
		if b.end(); *n != 1000 {
			t.Fatalf("%d bytes were taken", *n)
		}
	})
}

func TestAClientThatReadsNoRepliesIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, smtp.Defaults())
		began := time.Now()
		err := <-b.ended // it never reads the greeting
		between(t, time.Since(began), 300*time.Second, 310*time.Second)
		if !errors.Is(err, smtp.ErrTimeout) {
			t.Fatal(err)
		}
		b.ended <- err
		b.end()
	})
}

func TestRepliesWaitAfterTheSoftErrorLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := smtp.Defaults()
		o.SoftErrors, o.ErrorDelay = 2, 5*time.Second
		b := newBubble(t, o)
		began := time.Now()
		b.play(`
			S: 220 mx.example.com ESMTP test
			C: FOO
			S: 500 5.5.2 Error: command not recognized
			C: FOO
			S: 500 5.5.2 Error: command not recognized`)
		between(t, time.Since(began), 0, 0)
		b.play("C: FOO\nS: 500 5.5.2 Error: command not recognized")
		between(t, time.Since(began), 5*time.Second, 5*time.Second)
		b.play("C: NOOP\nS: 250 2.0.0 Ok")
		between(t, time.Since(began), 10*time.Second, 10*time.Second)
		// The end of the server does not wait.
		_, _ = io.WriteString(b.nc, "NOOP\r\n")
		synctest.Wait()
		b.cancel()
		b.play("S: 250 2.0.0 Ok\nS: 421 4.3.2 mx.example.com Service shutting down\n! eof")
		between(t, time.Since(began), 10*time.Second, 10*time.Second)
		b.end()
	})
}

func TestShutdownEndsAnIdleSessionAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, smtp.Defaults())
		b.play("S: 220 mx.example.com ESMTP test\nC: MAIL FROM:<a@b.example>\nS: 250 2.1.0 Ok")
		synctest.Wait()
		down := make(chan error, 1)
		go func() { down <- b.srv.Shutdown(t.Context()) }()
		b.play("S: 421 4.3.2 mx.example.com Service shutting down\n! eof")
		if err := <-down; err != nil {
			t.Fatal(err)
		}
		if err := b.end(); !errors.Is(err, smtp.ErrShutdown) {
			t.Fatal(err)
		}
		if err := b.srv.ServeConn(t.Context(), b.nc); !errors.Is(err, smtp.ErrServerClosed) {
			t.Fatal("serves after its end: ", err)
		}
		compare(t, "calls", b.p.history(), []string{"mail <a@b.example>",
			`rejected "" 421 4.3.2 mx.example.com Service shutting down`, "reset", "close: server shutdown after MAIL"})
	})
}

func TestAMessageUnderWayIsFinishedBeforeTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, smtp.Defaults())
		b.play(toData + "C: one")
		b.cancel()
		b.play(`
			! wait 9s
			C: two
			C: .
			S: 250 2.0.0 Ok: queued as 1
			S: 421 4.3.2 mx.example.com Service shutting down
			! eof`)
		b.end()
		if m := b.p.messages(); len(m) != 1 || m[0] != "one\r\ntwo\r\n" {
			t.Fatalf("messages %q", m)
		}
	})
}

func TestAMessageInChunksIsFinishedBeforeTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, smtp.Defaults())
		b.play(`
			S: 220 mx.example.com ESMTP test
			C: MAIL FROM:<a@b.example>
			S: 250 2.1.0 Ok
			C: RCPT TO:<a@b.example>
			S: 250 2.1.5 Ok
			C: BDAT 1
			C= "a"
			S: 250 2.0.0 Ok: 1 bytes`)
		b.cancel()
		b.play(`
			! wait 5s
			C: BDAT 1 LAST
			C= "b"
			S: 250 2.0.0 Ok: queued as 1
			S: 421 4.3.2 mx.example.com Service shutting down
			! eof`)
		b.end()
	})
}

func TestAMessageThatTakesLongerThanTheDrainLimitIsCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, smtp.Defaults())
		b.play(toData + "C: one")
		synctest.Wait()
		b.cancel()
		began := time.Now()
		b.play("! eof")
		between(t, time.Since(began), 10*time.Second, 10*time.Second)
		if err := b.end(); err == nil {
			t.Fatal("ended without an error")
		}
		if len(b.p.messages()) > 0 {
			t.Fatal("a message without an end was accepted")
		}
	})
}

func TestShutdownCutsWhenItsContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, smtp.Defaults())
		b.play(toData + "C: one")
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		began := time.Now()
		if err := b.srv.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		between(t, time.Since(began), 3*time.Second, 3*time.Second)
		b.end()
	})
}

// stubborn is a listener that fails three times before it gives its connection.
type stubborn struct {
	nc       net.Conn
	failures int
	closed   chan struct{}
	once     sync.Once
}

func (l *stubborn) Accept() (net.Conn, error) {
	if l.failures++; l.failures <= 3 {
		return nil, errors.New("too many open files")
	}
	if nc := l.nc; nc != nil {
		l.nc = nil
		return nc, nil
	}
	<-l.closed
	return nil, net.ErrClosed
}

func (l *stubborn) Close() error   { l.once.Do(func() { close(l.closed) }); return nil }
func (l *stubborn) Addr() net.Addr { return &net.TCPAddr{} }

func TestServeGoesOnAfterAFailureToAccept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, client := net.Pipe()
		l := &stubborn{nc: server, closed: make(chan struct{})}
		o := smtp.Defaults()
		o.Banner = "hello"
		srv := smtp.New(o, newPolicy())
		done := make(chan error, 1)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go func() { done <- srv.Serve(ctx, l) }()
		c := smtptest.NewClient(t, client)
		c.Play("S: 220 hello")
		_ = l.Close() // who closes the listener lets sessions go on
		synctest.Wait()
		c.Play("C: QUIT\nS: 221 2.0.0 Bye\n! eof")
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	})
}
