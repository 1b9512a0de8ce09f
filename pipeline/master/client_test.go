package master_test

import (
	"bufio"
	"bytes"
	"net"
	"strings"
	"testing"
	"time"
)

// client is the client's side of an SMTP connection, played line by line.
type client struct {
	t testing.TB
	c net.Conn
	r *bufio.Reader
}

// dial connects and reads the greeting.
func (d *daemon) dial() *client {
	d.t.Helper()
	c := d.connect()
	c.expect("220")
	return c
}

// connect connects and reads nothing.
func (d *daemon) connect() *client {
	d.t.Helper()
	c, err := net.Dial("tcp", d.addr)
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { _ = c.Close() })
	return &client{t: d.t, c: c, r: newReader(c)}
}

// hello is dial and EHLO.
func (d *daemon) hello() *client {
	d.t.Helper()
	c := d.dial()
	c.do("EHLO client.test", "250")
	return c
}

// send writes bytes as they are.
func (c *client) send(b []byte) {
	c.t.Helper()
	_ = c.c.SetWriteDeadline(time.Now().Add(patience))
	if _, err := c.c.Write(b); err != nil {
		c.t.Fatal(err)
	}
}

// reply reads one reply, all its lines.
func (c *client) reply() string {
	c.t.Helper()
	text, err := c.read()
	if err != nil {
		c.t.Fatalf("no reply: %v", err)
	}
	return text
}

func (c *client) read() (string, error) {
	_ = c.c.SetReadDeadline(time.Now().Add(patience))
	var b strings.Builder
	for {
		line, err := c.r.ReadString('\n')
		if err != nil {
			return "", err
		}
		b.WriteString(line)
		if len(line) < 4 || line[3] != '-' {
			return strings.TrimRight(b.String(), "\r\n"), nil
		}
	}
}

// expect reads a reply that begins with want.
func (c *client) expect(want string) string {
	c.t.Helper()
	got := c.reply()
	if !strings.HasPrefix(got, want) {
		c.t.Fatalf("got reply %q, want %q", got, want)
	}
	return got
}

// do sends a command and expects a reply that begins with want.
func (c *client) do(command, want string) string {
	c.t.Helper()
	c.send([]byte(command + "\r\n"))
	got := c.reply()
	if !strings.HasPrefix(got, want) {
		c.t.Fatalf("%s: got reply %q, want %q", command, got, want)
	}
	return got
}

// mail sends a message and returns the reply to its end.
func (c *client) mail(from, to string, text []byte) string {
	c.t.Helper()
	c.do("MAIL FROM:<"+from+">", "250")
	for _, r := range strings.Fields(to) {
		c.do("RCPT TO:<"+r+">", "250")
	}
	c.do("DATA", "354")
	c.send(stuffed(text))
	return c.reply()
}

// stuffed is text as DATA sends it: dots doubled at the beginning of lines, and the end of data.
func stuffed(text []byte) []byte {
	var b bytes.Buffer
	if bytes.HasPrefix(text, []byte(".")) {
		b.WriteByte('.')
	}
	b.Write(bytes.ReplaceAll(text, []byte("\r\n."), []byte("\r\n..")))
	if b.Len() > 0 && !bytes.HasSuffix(text, []byte("\r\n")) {
		b.WriteString("\r\n")
	}
	b.WriteString(".\r\n")
	return b.Bytes()
}

// post sends one message on a connection of its own; it must be accepted.
func (d *daemon) post(from, to string, text []byte) {
	d.t.Helper()
	c := d.hello()
	if got := c.mail(from, to, text); !strings.HasPrefix(got, "250 2.0.0 Ok: queued as ") {
		d.t.Fatalf("got reply %q, want 250 2.0.0 Ok: queued as", got)
	}
	c.do("QUIT", "221")
	_ = c.c.Close()
}

func newReader(c net.Conn) *bufio.Reader { return bufio.NewReader(c) }

// try sends a command and says whether the reply begins with want. Unlike do it may be called
// from any goroutine; it does not fail the test.
func (c *client) try(command, want string) bool { return c.tryData([]byte(command+"\r\n"), want) }

// tryData is try of bytes.
func (c *client) tryData(b []byte, want string) bool {
	_ = c.c.SetWriteDeadline(time.Now().Add(patience))
	if _, err := c.c.Write(b); err != nil {
		return false
	}
	got, err := c.read()
	return err == nil && strings.HasPrefix(got, want)
}
