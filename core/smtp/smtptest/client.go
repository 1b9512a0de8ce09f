package smtptest

import (
	"crypto/tls"
	"net"
	"testing"
)

// Dial connects to a TCP address. The connection is closed with the test.
func Dial(t testing.TB, address string) net.Conn {
	t.Helper()
	nc, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = nc.Close() })
	return nc
}

// Client is a scripted client on a connection.
type Client struct {
	t  testing.TB
	nc net.Conn
	p  Player
}

// NewClient returns a client on nc, which stays the caller's. "! starttls" trusts any certificate.
func NewClient(t testing.TB, nc net.Conn) *Client {
	return &Client{t: t, nc: nc, p: Player{Side: ClientSide, TLS: &tls.Config{InsecureSkipVerify: true}}}
}

// DialClient is NewClient on Dial.
func DialClient(t testing.TB, address string) *Client {
	t.Helper()
	return NewClient(t, Dial(t, address))
}

// Play plays the client's side of script and fails the test when the server does not play its
// own. It may be called again, for what comes next.
func (c *Client) Play(script string) {
	c.t.Helper()
	if err := c.p.Play(c.nc, script); err != nil {
		c.t.Fatal("smtptest: ", err)
	}
}

// Dialogue plays one script on a connection: what the server sends beyond it is lost.
func Dialogue(t testing.TB, nc net.Conn, script string) {
	t.Helper()
	NewClient(t, nc).Play(script)
}
