//go:build unix

package smtpclient_test

import (
	"net"
	"syscall"
	"testing"

	"github.com/mtad/mtad/core/smtpclient"
	"golang.org/x/sys/unix"
)

func TestHealthy(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	for _, c := range []struct {
		name string
		do   func(peer net.Conn)
		want bool
	}{
		{"a silent peer", func(net.Conn) {}, true},
		{"a peer that closed", func(p net.Conn) { p.Close() }, false},
		{"a peer that said something", func(p net.Conn) { p.Write([]byte("421 bye\r\n")) }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			nc, err := net.Dial("tcp", ln.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			peer, err := ln.Accept()
			if err != nil {
				t.Fatal(err)
			}
			defer peer.Close()
			conn := smtpclient.New(nc, options())
			defer conn.Close()
			c.do(peer)
			if !c.want {
				waitReadable(t, nc.(*net.TCPConn))
			}
			if got := conn.Healthy(); got != c.want {
				t.Errorf("Healthy = %v", got)
			}
		})
	}
}

func TestHealthyKnowsOnlyWhatItCanAsk(t *testing.T) {
	nc := &canned{in: []byte("220 mx\r\n250 surprise\r\n")}
	conn := smtpclient.New(nc, options())
	if !conn.Healthy() {
		t.Error("nothing is known against it")
	}
	if _, err := conn.Greet(); err != nil {
		t.Fatal(err)
	}
	if conn.Healthy() {
		t.Error("there is a reply that nobody asked for")
	}
	conn.Close()
	if conn.Healthy() || conn.Usable() {
		t.Error("it is closed")
	}
}

// waitReadable blocks until the kernel has something to read for c, without reading it.
func waitReadable(t *testing.T, c syscall.Conn) {
	t.Helper()
	rc, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	err = rc.Control(func(fd uintptr) {
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		if n, err := unix.Poll(fds, 3000); n != 1 || err != nil {
			t.Errorf("poll: %d, %v", n, err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}
