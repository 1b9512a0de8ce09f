package smtp_test

import (
	"bufio"
	"bytes"
	"net"
	"strings"
	"testing"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/pipeline/deliver/smtp"
	"github.com/mtad/mtad/queue"
)

// swallow is a peer that takes everything, in as few system calls as a good server needs.
func swallow(nc net.Conn, offers string) {
	defer nc.Close()
	r, w := bufio.NewReaderSize(nc, 64<<10), bufio.NewWriter(nc)
	w.WriteString("220 sink.test ESMTP\r\n")
	for text := false; ; {
		if r.Buffered() == 0 && w.Flush() != nil {
			return
		}
		line, err := r.ReadSlice('\n')
		switch {
		case err == bufio.ErrBufferFull && text:
		case err != nil:
			return
		case text && string(line) == ".\r\n":
			text = false
			w.WriteString("250 2.0.0 Ok: queued as 4Yx0Zb2Q9vz3kD\r\n")
		case text:
		case bytes.HasPrefix(line, []byte("EHLO")):
			w.WriteString("250-sink.test\r\n" + offers + "250 8BITMIME\r\n")
		case bytes.HasPrefix(line, []byte("BDAT ")):
			n := 0
			for _, c := range line[5:] {
				if c < '0' || c > '9' {
					break
				}
				n = 10*n + int(c-'0')
			}
			if _, err := r.Discard(n); err != nil {
				return
			}
			w.WriteString("250 2.0.0 Ok: queued as 4Yx0Zb2Q9vz3kD\r\n")
		case bytes.HasPrefix(line, []byte("DATA")):
			text = true
			w.WriteString("354 go ahead\r\n")
		default:
			w.WriteString("250 2.1.0 Ok\r\n")
		}
	}
}

// BenchmarkDeliver is one 4 KiB message to one recipient over a connection that is used again,
// peer included.
func BenchmarkDeliver(b *testing.B) {
	for _, c := range []struct{ name, offers string }{
		{"plain", ""}, {"pipelining", "250-PIPELINING\r\n"}, {"chunking", "250-PIPELINING\r\n250-CHUNKING\r\n"},
	} {
		b.Run(c.name, func(b *testing.B) {
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				b.Fatal(err)
			}
			done := make(chan struct{})
			go func() {
				defer close(done)
				if nc, err := ln.Accept(); err == nil {
					swallow(nc, c.offers)
				}
			}()
			defer func() { ln.Close(); <-done }()
			a := real(b, smtp.Defaults(false))
			text := mail.Bytes("Subject: x\r\n\r\n" + strings.Repeat("The quick brown fox jumps over the lazy dog again.\r\n", 78))
			r := request("x@to.test")
			r.Nexthop = "[" + strings.Replace(ln.Addr().String(), ":", "]:", 1)
			r.Open = func() (mail.Content, error) { return text, nil }
			ctx := b.Context()
			b.ReportAllocs()
			for b.Loop() {
				if got := a.Deliver(ctx, r); got[0].Outcome != queue.Sent {
					b.Fatal(shown(got))
				}
			}
			a.Close()
		})
	}
}
