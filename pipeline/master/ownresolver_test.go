package master_test

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/mtad/mtad/core/dns/dnstest"
)

// nameserver is where programs in a world of their own ask for names: resolv.conf knows no ports.
const nameserver = "127.0.0.77"

// ownDNS is the part of a case's files that has what ownResolver returned.
const ownDNS = "resolv.conf of the test"

// ownResolver serves a zone and returns the file resolv.conf of those who ask it.
func ownResolver(t *testing.T, zone string) string {
	t.Helper()
	needRoot(t)
	need(t, "unshare", "util-linux")
	udp, err := net.ListenPacket("udp", nameserver+":53")
	if err != nil {
		miss(t, "needs port 53 of "+nameserver+": "+err.Error())
	}
	passOn(t, udp, dnstest.Start(t, zone).Addr())
	conf := filepath.Join(t.TempDir(), "resolv.conf")
	if err := os.WriteFile(conf, []byte("nameserver "+nameserver+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	words := wrapped(map[string]string{ownDNS: conf})
	if out, err := exec.Command(words[0], append(words[1:len(words):len(words)], "true")...).CombinedOutput(); err != nil {
		miss(t, "needs the right to mount: "+string(out))
	}
	return conf
}

// wrapped are the words before a command that has a resolv.conf of its own, if there is one.
func wrapped(parts map[string]string) []string {
	conf := parts[ownDNS]
	if conf == "" {
		return nil
	}
	return []string{"unshare", "--mount", "sh", "-c", `mount --bind "$0" /etc/resolv.conf && exec "$@"`, conf}
}

// passOn passes questions on, and the answers back, until the test ends.
func passOn(t *testing.T, udp net.PacketConn, server string) {
	var group sync.WaitGroup
	group.Go(func() {
		for {
			b := make([]byte, 4096)
			n, from, err := udp.ReadFrom(b)
			if err != nil {
				return
			}
			group.Go(func() {
				c, err := net.Dial("udp", server)
				if err != nil {
					return
				}
				defer func() { _ = c.Close() }()
				_ = c.SetDeadline(time.Now().Add(patience))
				if _, err := c.Write(b[:n]); err != nil {
					return
				}
				answer := make([]byte, 4096)
				if n, err := c.Read(answer); err == nil {
					_, _ = udp.WriteTo(answer[:n], from)
				}
			})
		}
	})
	t.Cleanup(func() {
		_ = udp.Close()
		group.Wait()
	})
}
