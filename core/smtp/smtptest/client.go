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

// Dialogue plays the client's side of script on nc and fails the test when the server does not
// play its own. "! starttls" trusts any certificate.
func Dialogue(t testing.TB, nc net.Conn, script string) {
	t.Helper()
	p := &Player{Side: ClientSide, TLS: &tls.Config{InsecureSkipVerify: true}} //nolint:gosec // a test's own server
	if err := p.Play(nc, script); err != nil {
		t.Fatal("smtptest: ", err)
	}
}
