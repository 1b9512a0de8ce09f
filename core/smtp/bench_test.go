package smtp_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/mtad/mtad/core/smtp"
	"github.com/mtad/mtad/core/status"
)

// discard is a policy that accepts everything and keeps nothing.
type discard struct{}

func (discard) Connect(context.Context, smtp.ConnInfo) (smtp.Session, error) { return discard{}, nil }
func (discard) Helo(context.Context, string, bool) error                     { return nil }
func (discard) Extensions() []string                                         { return nil }
func (discard) Auth(context.Context, string) (smtp.AuthExchange, error) {
	return nil, status.New(503, "5.5.1", "Error: authentication not enabled")
}
func (discard) Mail(context.Context, smtp.MailArgs) error { return nil }
func (discard) Rcpt(context.Context, smtp.RcptArgs) error { return nil }
func (discard) Data(context.Context) error                { return nil }
func (discard) Message(_ context.Context, body smtp.Body) (status.Reply, error) {
	for {
		switch _, err := body.Next(); err {
		case nil:
		case io.EOF:
			return status.Reply{Code: 250, Enhanced: "2.0.0", Text: "Ok: queued as 4FzY2c1y8Jz1"}, nil
		default:
			return status.Reply{}, err
		}
	}
}
func (discard) Reset() {}
func (discard) Verify(context.Context, string) (status.Reply, error) {
	return status.Reply{Code: 252, Enhanced: "2.0.0", Text: "Ok"}, nil
}
func (discard) Etrn(context.Context, string) (status.Reply, error) {
	return status.Reply{Code: 250, Enhanced: "2.0.0", Text: "Ok"}, nil
}
func (discard) Rejected(string, status.Reply) {}
func (discard) Close(error)                   {}

var _ smtp.Session = discard{}

// BenchmarkTransaction is one message of 4 KiB on an open connection, command by command as most
// clients send, over loopback; the client's part counts too, but allocates nothing.
func BenchmarkTransaction(b *testing.B) {
	benchmarkTransaction(b, strings.Repeat(strings.Repeat("x", 70)+"\r\n", 4<<10/72), false)
}

// BenchmarkPipelinedTransaction has MAIL, RCPT and DATA in one packet.
func BenchmarkPipelinedTransaction(b *testing.B) {
	benchmarkTransaction(b, strings.Repeat(strings.Repeat("x", 70)+"\r\n", 4<<10/72), true)
}

// BenchmarkLargeTransaction is a message of 1 MiB.
func BenchmarkLargeTransaction(b *testing.B) {
	benchmarkTransaction(b, strings.Repeat(strings.Repeat("x", 70)+"\r\n", 1<<20/72), true)
}

func benchmarkTransaction(b *testing.B, text string, pipelined bool) {
	_, address := start(b, smtp.Defaults(), discard{})
	nc, err := net.Dial("tcp", address)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = nc.Close() }()
	c := &benchClient{b: b, nc: nc, r: bufio.NewReader(nc)}
	c.expect(1)
	c.send([]byte("EHLO client.example.org\r\n"))
	c.expect(10)
	commands := [][]byte{[]byte("MAIL FROM:<sender@example.org> SIZE=4096 BODY=8BITMIME\r\n"),
		[]byte("RCPT TO:<recipient@example.com>\r\n"), []byte("DATA\r\n")}
	all := []byte(string(commands[0]) + string(commands[1]) + string(commands[2]))
	message := []byte(text + ".\r\n")
	b.SetBytes(int64(len(message)))
	b.ReportAllocs()
	for b.Loop() {
		if pipelined {
			c.send(all)
			c.expect(3)
		} else {
			for _, command := range commands {
				c.send(command)
				c.expect(1)
			}
		}
		c.send(message)
		c.expect(1)
	}
}

type benchClient struct {
	b  *testing.B
	nc net.Conn
	r  *bufio.Reader
}

func (c *benchClient) send(p []byte) {
	if _, err := c.nc.Write(p); err != nil {
		c.b.Fatal(err)
	}
}

func (c *benchClient) expect(lines int) {
	for range lines {
		line, err := c.r.ReadSlice('\n')
		if err != nil || line[0] != '2' && line[0] != '3' {
			c.b.Fatalf("%q, %v", line, err)
		}
	}
}
