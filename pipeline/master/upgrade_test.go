package master_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// traffic sends mail, one connection after the other, until stop is closed. A session that is told to
// come again (421), or cut, is tried again, as every client does; a connection that is refused is an
// error. It returns how many messages were acknowledged.
func traffic(t *testing.T, d *daemon, stop <-chan struct{}) int64 {
	var acknowledged, number atomic.Int64
	var all sync.WaitGroup
	pace := time.NewTicker(10 * time.Millisecond) // not to make a log of megabytes
	defer pace.Stop()
	for range 4 {
		all.Go(func() {
			for {
				select {
				case <-stop:
					return
				case <-pace.C:
				}
				c, err := net.DialTimeout("tcp", d.addr, patience)
				if err != nil {
					t.Errorf("a client was refused: %v", err)
					return
				}
				if send(c, number.Add(1)) {
					acknowledged.Add(1)
				}
				c.Close()
			}
		})
	}
	all.Wait()
	return acknowledged.Load()
}

// send is one session; it says whether the message was acknowledged.
func send(c net.Conn, number int64) bool {
	_ = c.SetDeadline(time.Now().Add(patience))
	r := newReader(c)
	step := func(command, want string) bool {
		if command != "" {
			if _, err := c.Write([]byte(command + "\r\n")); err != nil {
				return false
			}
		}
		for {
			line, err := r.ReadString('\n')
			if err != nil || !strings.HasPrefix(line, want) {
				return false
			}
			if len(line) < 4 || line[3] != '-' {
				return true
			}
		}
	}
	return step("", "220") && step("EHLO client.test", "250") && step("MAIL FROM:<a@sender.test>", "250") &&
		step("RCPT TO:<b@rcpt.test>", "250") && step("DATA", "354") &&
		step(fmt.Sprintf("Subject: number %d\r\n\r\nbody\r\n.", number), "250")
}

// upgraded runs traffic across two upgrades and checks that nobody was refused and nothing is lost.
func upgraded(t *testing.T, lines ...string) {
	s := newSink(t)
	d := newDaemon(t, append(lines, "relayhost = "+s.nexthop())...)
	d.reachable()
	d.run()
	pid := d.pid()
	stop, sent := make(chan struct{}), make(chan int64, 1)
	go func() { sent <- traffic(t, d, stop) }()
	for range 2 {
		s.wait(t, len(s.messages())+3)
		mark := d.log.mark()
		d.signal(syscall.SIGUSR2)
		d.log.waitAfter(t, mark, `takes over`, d.gone)
		d.log.waitAfter(t, mark, `daemon started`, d.gone)
	}
	s.wait(t, len(s.messages())+3)
	close(stop)
	acknowledged := <-sent
	s.wait(t, int(acknowledged)) // more is a message whose acknowledgement did not arrive
	if d.pid() != pid || acknowledged < 9 {
		t.Errorf("process %d became %d, %d messages were acknowledged", pid, d.pid(), acknowledged)
	}
	d.signal(syscall.SIGTERM)
	if code := d.wait(); code != 0 {
		t.Errorf("it ended with %d", code)
	}
	subjects := map[string]bool{}
	for _, m := range s.messages() {
		subjects[regexp.MustCompile(`Subject: number \d+`).FindString(string(m.text))] = true
	}
	if int64(len(subjects)) < acknowledged {
		t.Errorf("%d messages were acknowledged, %d arrived", acknowledged, len(subjects))
	}
}

func TestAnUpgradeRefusesNobodyAndLosesNothing(t *testing.T) { upgraded(t) }

func TestAnUpgradeOfParentAndWorkerRefusesNobodyAndLosesNothing(t *testing.T) {
	needOwner(t)
	upgraded(t, "mail_owner = postfix")
}

// A program that does not run is not taken: the one that works goes on.
func TestAnUpgradeToWhatDoesNotRunIsRefused(t *testing.T) {
	s := newSink(t)
	d := newDaemon(t, "relayhost = "+s.nexthop())
	d.reachable()
	exe, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Skip("no /proc/self/exe on this system")
	}
	d.program("mtad", string(exe))
	d.exe = filepath.Join(d.dir, "mtad")
	d.run()
	if err := os.Remove(d.exe); err != nil {
		t.Fatal(err)
	}
	d.program("mtad", "#!/bin/sh\necho something else\n")
	d.signal(syscall.SIGUSR2)
	d.log.wait(t, `upgrade: .*mtad is not mtad`)
	d.post("a@sender.test", "b@rcpt.test", []byte("Subject: as before\r\n\r\n"))
	s.wait(t, 1)
}

// What does not end by itself ends with shutdown_time_limit, and is done again.
func TestShutdownTimeLimitBoundsTheEnd(t *testing.T) {
	hold, reached := make(chan struct{}), make(chan struct{})
	var once sync.Once
	s := newSink(t, func(s *sink) {
		s.answer = func(command string) string {
			if command == "." {
				once.Do(func() {
					close(reached)
					<-hold
				})
			}
			return ""
		}
	})
	d := start(t, "relayhost = "+s.nexthop(), "shutdown_time_limit = 1s")
	d.post("a@sender.test", "b@rcpt.test", []byte("Subject: slow\r\n\r\n"))
	<-reached
	d.signal(syscall.SIGTERM)
	if code := d.wait(); code != 0 || !strings.Contains(d.log.String(), "shutdown_time_limit is over") {
		t.Errorf("code %d; the log:\n%s", code, d.log.tail(5))
	}
	close(hold)
	d.run()
	s.wait(t, 1)
}

// manager is a service manager's side of sd_notify.
type manager struct {
	t    *testing.T
	path string
	l    *net.UnixConn
}

func newManager(t *testing.T) *manager {
	t.Helper()
	dir, err := os.MkdirTemp("", "notify")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	m := &manager{t: t, path: filepath.Join(dir, "s")}
	if m.l, err = net.ListenUnixgram("unixgram", &net.UnixAddr{Name: m.path, Net: "unixgram"}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.l.Close() })
	return m
}

// await reads notifications up to the first that matches.
func (m *manager) await(pattern string) {
	m.t.Helper()
	_ = m.l.SetReadDeadline(time.Now().Add(patience))
	b := make([]byte, 4096)
	for {
		n, err := m.l.Read(b)
		if err != nil {
			m.t.Fatalf("never told %s: %v", pattern, err)
		}
		if regexp.MustCompile(pattern).Match(b[:n]) {
			return
		}
	}
}

// managed is a daemon that systemd might have started: with a socket, a name for it, and an ear.
func managed(t *testing.T, lines ...string) {
	m := newManager(t)
	d := newDaemon(t, lines...)
	d.reachable()
	l, err := net.Listen("tcp", d.addr)
	if err != nil {
		t.Fatal(err)
	}
	f, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	defer f.Close()
	early, err := net.Dial("tcp", d.addr) // before mtad is there
	if err != nil {
		t.Fatal(err)
	}
	defer early.Close()
	d.files, d.env = []*os.File{f}, []string{"NOTIFY_SOCKET=" + m.path, "WATCHDOG_USEC=200000", "LISTEN_FDS=1", "LISTEN_FDNAMES=" + d.addr, activated + "=1"}
	d.run()
	m.await(`^READY=1\nSTATUS=serving$`)
	m.await(`^WATCHDOG=1$`)
	if !send(early, 1) {
		t.Error("who connected before the start was not served")
	}
	d.signal(syscall.SIGHUP)
	m.await(`^RELOADING=1\nMONOTONIC_USEC=\d+\n`)
	m.await(`^READY=1\n`)
	d.signal(syscall.SIGUSR2)
	m.await(`^RELOADING=1\n`)
	m.await(`^READY=1\n`)
	d.signal(syscall.SIGTERM)
	m.await(`^STOPPING=1\n`)
	if code := d.wait(); code != 0 {
		t.Errorf("it ended with %d", code)
	}
}

func TestAServiceManagerOpensSocketsAndIsTold(t *testing.T) { managed(t) }

func TestAServiceManagerOfAParentOpensSocketsAndIsTold(t *testing.T) {
	needOwner(t)
	managed(t, "mail_owner = postfix")
}

// activated makes the test binary set LISTEN_PID, as systemd does between fork and exec.
const activated = "MTAD_TEST_ACTIVATED"

func actAsActivated() {
	if os.Getenv(activated) != "" {
		os.Unsetenv(activated)
		os.Setenv("LISTEN_PID", strconv.Itoa(os.Getpid()))
	}
}
