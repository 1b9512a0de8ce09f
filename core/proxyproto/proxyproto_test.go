package proxyproto_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/mtad/mtad/core/proxyproto"
)

const (
	sig  = "\r\n\r\n\x00\r\nQUIT\n"
	tcp4 = sig + "\x21\x11\x00\x0c\xc0\x00\x02\x01\xc0\x00\x02\x02\x12\x67\x00\x19"
	tcp6 = sig + "\x21\x21\x00\x24" + "\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01" +
		"\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x12\x67\x00\x19"
)

func TestHeaders(t *testing.T) {
	for _, c := range []struct {
		name, in       string
		client, server string // "" for the connection's own
		fails          error
	}{
		{"version 1", "PROXY TCP4 192.0.2.1 192.0.2.2 4711 25\r\n", "192.0.2.1:4711", "192.0.2.2:25", nil},
		{"version 1, IPv6", "PROXY TCP6 2001:db8::1 2001:db8::2 4711 25\r\n", "[2001:db8::1]:4711", "[2001:db8::2]:25", nil},
		{"version 1, the proxy's own", "PROXY UNKNOWN\r\n", "", "", nil},
		{"version 1, the proxy's own, with more", "PROXY UNKNOWN ff ff 1 2\r\n", "", "", nil},
		{"version 1, of the wrong family", "PROXY TCP4 2001:db8::1 2001:db8::2 4711 25\r\n", "", "", proxyproto.ErrMalformed},
		{"version 1, UDP", "PROXY UDP4 192.0.2.1 192.0.2.2 4711 25\r\n", "", "", proxyproto.ErrMalformed},
		{"version 1, without ports", "PROXY TCP4 192.0.2.1 192.0.2.2\r\n", "", "", proxyproto.ErrMalformed},
		{"version 1, a port too large", "PROXY TCP4 192.0.2.1 192.0.2.2 65536 25\r\n", "", "", proxyproto.ErrMalformed},
		{"version 1, two spaces", "PROXY TCP4  192.0.2.1 192.0.2.2 1 25\r\n", "", "", proxyproto.ErrMalformed},
		{"version 1, a zone", "PROXY TCP6 fe80::1%eth0 fe80::2 1 25\r\n", "", "", proxyproto.ErrMalformed},
		{"version 1, without an end", "PROXY UNKNOWN " + strings.Repeat("x", 200), "", "", proxyproto.ErrTooLong},
		{"version 1, cut off", "PROXY TCP4 192.0.2.1", "", "", io.EOF},
		{"version 2", tcp4, "192.0.2.1:4711", "192.0.2.2:25", nil},
		{"version 2, IPv6", tcp6, "[2001:db8::1]:4711", "[2001:db8::2]:25", nil},
		{"version 2, with extensions", strings.Replace(tcp4, "\x00\x0c", "\x00\x10", 1) + "\x01\x00\x01x", "192.0.2.1:4711", "192.0.2.2:25", nil},
		{"version 2, the proxy's own", sig + "\x20\x11\x00\x02xx", "", "", nil},
		{"version 2, unspecified", sig + "\x21\x00\x00\x00", "", "", nil},
		{"version 2, UDP", sig + "\x21\x12\x00\x0c" + strings.Repeat("\x00", 12), "", "", proxyproto.ErrMalformed},
		{"version 3", sig + "\x31\x11\x00\x0c", "", "", proxyproto.ErrMalformed},
		{"version 2, another command", sig + "\x22\x11\x00\x0c", "", "", proxyproto.ErrMalformed},
		{"version 2, too short for its family", sig + "\x21\x11\x00\x0b" + strings.Repeat("\x00", 11), "", "", proxyproto.ErrMalformed},
		{"version 2, too long", sig + "\x21\x11\xff\xff", "", "", proxyproto.ErrTooLong},
		{"version 2, cut off", tcp6[:30], "", "", io.ErrUnexpectedEOF},
		{"no header", "EHLO client.test\r\n", "", "", proxyproto.ErrNoHeader},
		{"nothing", "", "", "", io.EOF},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := strings.NewReader(c.in + "EHLO")
			if c.fails == io.EOF || c.fails == io.ErrUnexpectedEOF {
				r = strings.NewReader(c.in)
			}
			h, err := proxyproto.Read(r)
			if !errors.Is(err, c.fails) || (err != nil) != (c.fails != nil) {
				t.Fatalf("got %v, want %v", err, c.fails)
			}
			if err != nil {
				return
			}
			want := proxyproto.Header{}
			if c.client != "" {
				want = proxyproto.Header{Client: netip.MustParseAddrPort(c.client), Server: netip.MustParseAddrPort(c.server)}
			}
			if rest, _ := io.ReadAll(r); h != want || string(rest) != "EHLO" {
				t.Errorf("got %+v and %q behind it", h, rest)
			}
		})
	}
}

func TestAConnectionHasTheAddressesOfTheClient(t *testing.T) {
	for header, want := range map[string]string{tcp4: "192.0.2.1:4711 192.0.2.2:25", "PROXY UNKNOWN\r\n": "pipe pipe"} {
		near, far := net.Pipe()
		go func() { _, _ = far.Write([]byte(header + "x")) }()
		c, err := proxyproto.Accept(near, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		var one [1]byte
		if _, err := io.ReadFull(c, one[:]); err != nil || one[0] != 'x' || c.NetConn() != near {
			t.Errorf("what follows: %q, %v", one, err)
		}
		if got := c.RemoteAddr().String() + " " + c.LocalAddr().String(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		_, _ = near.Close(), far.Close()
	}
}

func TestWhoSaysNothingIsNotWaitedForLong(t *testing.T) {
	near, far := net.Pipe()
	defer far.Close()
	defer near.Close()
	if _, err := proxyproto.Accept(near, time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

func FuzzRead(f *testing.F) {
	for _, s := range []string{tcp4, tcp6, "PROXY TCP4 192.0.2.1 192.0.2.2 4711 25\r\nEHLO", "PROXY UNKNOWN\r\n", sig + "\x20\x11\x00\x02xx"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r := bytes.NewReader(b)
		h, err := proxyproto.Read(r)
		used := len(b) - r.Len()
		if err != nil && h != (proxyproto.Header{}) || h.Client.IsValid() != h.Server.IsValid() || used > 16+4<<10 {
			t.Fatalf("%+v, %v, %d bytes read", h, err, used)
		}
		if err != nil {
			return
		}
		again, err := proxyproto.Read(bytes.NewReader(b[:used])) // the header is all that it took
		if err != nil || again != h {
			t.Fatalf("%+v, %v: was %+v", again, err, h)
		}
	})
}
