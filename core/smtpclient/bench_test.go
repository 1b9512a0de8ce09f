package smtpclient_test

import (
	"bytes"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"

	gosmtp "github.com/emersion/go-smtp"
	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/smtpclient"
)

// sink is a connection to a peer that accepts everything, without sockets or goroutines: what
// remains is the cost of the client. Each write that is followed by a read is a round trip.
type sink struct {
	canned
	offers  string
	tail    [5]byte // the last bytes of text
	text    bool
	written bool
	trips   int
}

func (s *sink) Read(p []byte) (int, error) {
	if s.written {
		s.trips++
	}
	s.written = false
	return s.canned.Read(p)
}

func (s *sink) Write(p []byte) (int, error) {
	s.writes++
	s.written = true
	n := len(p)
	for len(p) > 0 && !s.text {
		line, rest, _ := bytes.Cut(p, []byte("\r\n"))
		p = s.command(line, rest)
	}
	if s.text && len(p) > 0 {
		p = p[max(0, len(p)-5):]
		copy(s.tail[:], s.tail[len(p):])
		copy(s.tail[5-len(p):], p)
		if string(s.tail[:]) == "\r\n.\r\n" {
			s.text = false
			s.in = append(s.in, "250 2.0.0 Ok: queued as 4Yx0Zb2Q9vz3kD\r\n"...)
		}
	}
	return n, nil
}

func (s *sink) command(line, rest []byte) []byte {
	switch string(line[:4]) {
	case "EHLO":
		s.in = append(s.in, "250-sink.test\r\n"+s.offers+"250 ENHANCEDSTATUSCODES\r\n"...)
	case "DATA":
		s.in = append(s.in, "354 go ahead\r\n"...)
		s.text = true
	case "BDAT":
		size, _, _ := strings.Cut(string(line[5:]), " ")
		n, _ := strconv.Atoi(size)
		s.in = append(s.in, "250 2.0.0 Ok: queued as 4Yx0Zb2Q9vz3kD\r\n"...)
		return rest[n:]
	default:
		s.in = append(s.in, "250 2.1.0 Ok\r\n"...)
	}
	return rest
}

func benchText(size int) []byte {
	line := "The quick brown fox jumps over the lazy dog, again and again and again.\r\n"
	return []byte("Subject: benchmark\r\n\r\n" + strings.Repeat(line, size/len(line)+1))[: size-2 : size]
}

// perMessage reports what one message cost on the wire.
func perMessage(b *testing.B, writes, trips int) {
	b.ReportMetric(float64(writes)/float64(b.N), "writes/op")
	b.ReportMetric(float64(trips)/float64(b.N), "trips/op")
}

func BenchmarkSend(b *testing.B) {
	for _, size := range []int{4 << 10, 1 << 20} {
		text := append(benchText(size), "\r\n"...)
		name := strconv.Itoa(size>>10) + "KiB/"
		b.Run(name+"ours", func(b *testing.B) {
			benchOurs(b, &sink{offers: "250-8BITMIME\r\n250-SIZE\r\n"}, text)
		})
		b.Run(name+"ours-pipelining", func(b *testing.B) {
			benchOurs(b, &sink{offers: "250-8BITMIME\r\n250-SIZE\r\n250-PIPELINING\r\n"}, text)
		})
		b.Run(name+"ours-chunking", func(b *testing.B) {
			benchOurs(b, &sink{offers: "250-8BITMIME\r\n250-SIZE\r\n250-PIPELINING\r\n250-CHUNKING\r\n"}, text)
		})
		b.Run(name+"go-smtp", func(b *testing.B) {
			benchTheirs(b, &sink{offers: "250-8BITMIME\r\n250-SIZE\r\n250-PIPELINING\r\n250-CHUNKING\r\n"}, text)
		})
	}
}

func benchOurs(b *testing.B, s *sink, text []byte) {
	s.in = []byte("220 sink.test ESMTP\r\n")
	c := smtpclient.New(s, options())
	if _, err := c.Greet(); err != nil {
		b.Fatal(err)
	}
	if err := c.Hello(); err != nil {
		b.Fatal(err)
	}
	tx := message("", "recipient@to.test")
	tx.Text = mail.Bytes(text)
	s.writes, s.trips = 0, 0
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if err := c.Send(tx); err != nil || tx.Results[0].Reply.Code != 250 {
			b.Fatal(err, tx.Results)
		}
	}
	perMessage(b, s.writes, s.trips)
}

func benchTheirs(b *testing.B, s *sink, text []byte) {
	s.in = []byte("220 sink.test ESMTP\r\n")
	c := gosmtp.NewClient(s)
	if err := c.Hello("me.test"); err != nil {
		b.Fatal(err)
	}
	s.writes, s.trips = 0, 0
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if err := theirMessage(c, text); err != nil {
			b.Fatal(err)
		}
	}
	perMessage(b, s.writes, s.trips)
}

func theirMessage(c *gosmtp.Client, text []byte) error {
	if err := c.Mail("a@from.test", &gosmtp.MailOptions{Size: int64(len(text))}); err != nil {
		return err
	}
	if err := c.Rcpt("recipient@to.test", nil); err != nil {
		return err
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	if _, err := io.Copy(w, bytes.NewReader(text)); err != nil {
		return err
	}
	_, err = w.CloseWithResponse()
	return err
}

// BenchmarkLoopback is the same over a real connection, peer included.
func BenchmarkLoopback(b *testing.B) {
	text := append(benchText(4<<10), "\r\n"...)
	for _, c := range []struct{ name, offers string }{
		{"ours", ""}, {"ours-pipelining", "250-PIPELINING\r\n"}, {"ours-chunking", "250-PIPELINING\r\n250-CHUNKING\r\n"},
	} {
		b.Run(c.name, func(b *testing.B) {
			conn := smtpclient.New(loopback(b, c.offers), options())
			defer conn.Close()
			if _, err := conn.Greet(); err != nil {
				b.Fatal(err)
			}
			if err := conn.Hello(); err != nil {
				b.Fatal(err)
			}
			tx := message("", "recipient@to.test")
			tx.Text = mail.Bytes(text)
			for b.Loop() {
				if err := conn.Send(tx); err != nil || tx.Results[0].Reply.Code != 250 {
					b.Fatal(err, tx.Results)
				}
			}
		})
	}
	b.Run("go-smtp", func(b *testing.B) {
		c := gosmtp.NewClient(loopback(b, "250-PIPELINING\r\n250-CHUNKING\r\n"))
		defer c.Close()
		if err := c.Hello("me.test"); err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			if err := theirMessage(c, text); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// loopback connects to a sink behind a real socket.
func loopback(b *testing.B, offers string) net.Conn {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		nc, err := ln.Accept()
		if err != nil {
			return
		}
		defer nc.Close()
		s := &sink{offers: offers}
		s.in = []byte("220 sink.test ESMTP\r\n")
		for buf := make([]byte, 128<<10); ; {
			if len(s.in) > 0 {
				nc.Write(s.in)
				s.in = s.in[:0]
			}
			n, err := nc.Read(buf)
			if err != nil {
				return
			}
			s.Write(buf[:n])
		}
	}()
	b.Cleanup(func() { ln.Close(); <-done })
	nc, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	return nc
}

func TestACheapTransaction(t *testing.T) {
	for _, c := range []struct {
		name, offers string
		trips        int
		allocs       float64
	}{
		{"one by one", "", 4, 1},
		{"with PIPELINING", "250-PIPELINING\r\n", 2, 1},
		{"with CHUNKING", "250-PIPELINING\r\n250-CHUNKING\r\n", 1, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &sink{offers: c.offers}
			s.in = append(make([]byte, 0, 4096), "220 sink.test ESMTP\r\n"...)
			conn := smtpclient.New(s, options())
			if _, err := conn.Greet(); err != nil {
				t.Fatal(err)
			}
			if err := conn.Hello(); err != nil {
				t.Fatal(err)
			}
			tx := message("", "recipient@to.test")
			tx.Text = mail.Bytes(append(benchText(4<<10), "\r\n"...))
			const runs = 100
			s.writes, s.trips, s.reads = 0, 0, 0
			in := s.in[:0]
			allocs := testing.AllocsPerRun(runs-1, func() {
				s.in = in // the memory of what was read
				if err := conn.Send(tx); err != nil {
					t.Fatal(err)
				}
			})
			if s.writes != c.trips*runs || s.reads != c.trips*runs || s.trips != c.trips*runs {
				t.Errorf("%d writes, %d reads, %d round trips in %d messages", s.writes, s.reads, s.trips, runs)
			}
			// The reply's text is one; the race detector makes the pool forget.
			if allocs > c.allocs+2 {
				t.Errorf("%v allocations a message", allocs)
			}
		})
	}
}
