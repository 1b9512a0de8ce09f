package master_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// longVariable asks for the full number of kills.
const longVariable = "MTAD_LONG"

// killSenders send at the same time, killBodies is the size in bytes of the bodies that
// are too large for memory and so for the entry itself.
const (
	killSenders = 20
	killBodies  = 120_000
)

// checked is a message that proves itself: its name in Message-Id and the hash of its body.
func checked(name string, size int) []byte {
	body := bytes.Repeat(fmt.Appendf(nil, "%s %064d\r\n", name, rand.Uint64()), size/100+1)
	return append(fmt.Appendf(nil, "Subject: kill\r\nMessage-Id: <%s@kill.test>\r\nX-Sum: %x\r\n\r\n", name, sha256.Sum256(body)), body...)
}

// provenName returns the name of a message made by checked, "" when it is not whole.
func provenName(text []byte) string {
	head, body, ok := bytes.Cut(text, []byte("\r\n\r\n"))
	if !ok || !bytes.Contains(head, fmt.Appendf(nil, "\r\nX-Sum: %x", sha256.Sum256(body))) {
		return ""
	}
	_, rest, _ := strings.Cut(string(head), "\r\nMessage-Id: <")
	name, _, _ := strings.Cut(rest, "@kill.test>")
	return name
}

// killLoad sends until stop is closed, over new connections as the daemon comes and goes.
type killLoad struct {
	addr string
	to   []string // b@rcpt.test when there is none
	// large is the size in bytes of each eighth message, killBodies when 0.
	large int
	stop  chan struct{}
	// each acknowledgement counts down; it is what chooses the moments of the kills.
	acks chan struct{}

	mu    sync.Mutex
	acked map[string]bool
}

func (l *killLoad) send(sender int) {
	for n := 0; ; {
		select {
		case <-l.stop:
			return
		default:
		}
		nc, err := net.Dial("tcp", l.addr)
		if err != nil {
			continue // it is being started
		}
		n = l.session(&client{c: nc, r: newReader(nc)}, sender, n)
		_ = nc.Close()
	}
}

// session sends messages over one connection until it breaks, and returns the next number.
func (l *killLoad) session(c *client, sender, n int) int {
	if _, err := c.read(); err != nil || !c.try("EHLO client.test", "250") {
		return n
	}
	for ; ; n++ {
		name := fmt.Sprintf("s%d-%d", sender, n)
		size := 2000
		if n%8 == 0 {
			if size = killBodies; l.large > 0 {
				size = l.large
			}
		}
		if !c.try("MAIL FROM:<a@sender.test>", "250") || !l.recipients(c) || !c.try("DATA", "354") ||
			!c.tryData(stuffed(checked(name, size)), "250 2.0.0 Ok: queued as ") {
			return n + 1
		}
		l.mu.Lock()
		l.acked[name] = true
		l.mu.Unlock()
		select {
		case l.acks <- struct{}{}:
		case <-l.stop:
			return n + 1
		}
	}
}

// recipients names them to the daemon.
func (l *killLoad) recipients(c *client) bool {
	to := l.to
	if len(to) == 0 {
		to = []string{"b@rcpt.test"}
	}
	for _, r := range to {
		if !c.try("RCPT TO:<"+r+">", "250") {
			return false
		}
	}
	return true
}

// moods are how the next hop behaves while the daemon is killed: its answers until it is calm.
func moods() map[string]func(command string) string {
	flapping := func(command string) string {
		if (strings.HasPrefix(command, "RCPT") || command == ".") && rand.IntN(3) == 0 {
			return "451 4.3.0 not now"
		}
		return ""
	}
	return map[string]func(string) string{
		"takes all": nil,
		"refuses every other connection": func(command string) string {
			if command == "CONNECT" && rand.IntN(2) == 0 {
				return "421 4.3.2 not now"
			}
			return ""
		},
		"is slow": func(command string) string {
			if command == "." {
				time.Sleep(time.Duration(rand.IntN(200)) * time.Millisecond) // it is what it is about
			}
			return ""
		},
		"flaps": flapping,
	}
}

// TestKillLosesNothingAcknowledged kills mtad at random moments under load and starts it again on
// the same queue, with next hops of several moods. What was acknowledged arrives, whole; twice is
// allowed, and counted. The page cache survives a kill: that the disk is synced in time is shown where
// the power can be cut, in queue/store.
func TestKillLosesNothingAcknowledged(t *testing.T) {
	for name, answer := range moods() {
		t.Run("by a next hop that "+name, func(t *testing.T) {
			kills := 3
			if os.Getenv(longVariable) != "" {
				kills = 20
			}
			killUnderLoad(t, kills, answer)
		})
	}
}

func killUnderLoad(t *testing.T, kills int, answer func(string) string) {
	var times sync.Map
	var torn atomic.Int32
	var calm atomic.Bool
	var distinct, copies atomic.Int64
	s := newSink(t, func(s *sink) {
		s.answer = func(command string) string {
			if answer == nil || calm.Load() {
				return ""
			}
			return answer(command)
		}
		s.keep = func(m *received) bool {
			name := provenName(m.text)
			if name == "" {
				torn.Add(1)
				return true
			}
			if _, known := times.LoadOrStore(name, true); known {
				copies.Add(1)
			} else {
				distinct.Add(1)
			}
			return false
		}
	})
	d := start(t, "relayhost = "+s.nexthop(), "local_header_rewrite_clients =", "minimal_backoff_time = 1s", "maximal_backoff_time = 1s", "queue_run_delay = 1s",
		"smtpd_client_connection_count_limit = 0", "default_destination_concurrency_limit = 20")
	load := &killLoad{addr: d.addr, stop: make(chan struct{}), acks: make(chan struct{}), acked: map[string]bool{}}
	var senders sync.WaitGroup
	for i := range killSenders {
		senders.Go(func() { load.send(i) })
	}
	for range kills {
		for range 20 + rand.IntN(200) {
			<-load.acks
		}
		d.kill()
		d.run()
	}
	for range 20 {
		<-load.acks
	}
	close(load.stop)
	senders.Wait()
	calm.Store(true)
	missing := func() (n int) {
		for name := range load.acked {
			if _, ok := times.Load(name); !ok {
				n++
			}
		}
		return n
	}
	s.waitFor(func([]*received) bool { return missing() == 0 })
	if n := missing(); n > 0 {
		t.Errorf("%d of %d acknowledged messages did not arrive", n, len(load.acked))
	}
	if n := torn.Load(); n > 0 {
		t.Errorf("%d messages arrived truncated or changed: %.300q", n, s.messages()[0].text)
	}
	t.Logf("%d kills, %d messages acknowledged, %d arrived, %d more arrived twice", kills, len(load.acked), distinct.Load(), copies.Load())
}
