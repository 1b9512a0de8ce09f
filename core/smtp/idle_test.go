//go:build linux

package smtp_test

import (
	"net"
	"runtime"
	"syscall"
	"testing"

	"github.com/mtad/mtad/core/smtp"
)

// idleLimit is what an idle session may cost here, of the 12 KiB that it may cost with its policy.
const idleLimit = 10 << 10

func TestIdleSessionsAreCheap(t *testing.T) {
	const sessions = 500
	per := idleBytes(t, sessions)
	t.Logf("%d bytes for each of %d sessions", per, sessions)
	if per > idleLimit {
		t.Errorf("an idle session costs %d bytes, more than %d", per, idleLimit)
	}
}

func BenchmarkIdleSessions(b *testing.B) {
	for b.Loop() {
		b.ReportMetric(float64(idleBytes(b, 2000)), "bytes/session")
	}
}

// idleBytes returns the heap and stack that a session takes which has said EHLO and begun a
// transaction, and waits. The clients are bare sockets, so that they do not count.
func idleBytes(t testing.TB, sessions int) int64 {
	_, address := start(t, smtp.Defaults(), discard{})
	to, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	fds := make([]int, 0, sessions)
	defer func() {
		for _, fd := range fds {
			_ = syscall.Close(fd)
		}
	}()
	before := inUse()
	for range sessions {
		fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
		if err != nil {
			t.Fatal(err)
		}
		fds = append(fds, fd)
		if err := syscall.Connect(fd, &syscall.SockaddrInet4{Port: to.Port, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
			t.Fatal(err)
		}
		expect(t, fd, "220 ")
		say(t, fd, "EHLO x\r\n")
		expect(t, fd, "250-")
		say(t, fd, "MAIL FROM:<a@b.example>\r\n")
		expect(t, fd, "250 ")
	}
	return (inUse() - before) / int64(sessions)
}

func say(t testing.TB, fd int, text string) {
	t.Helper()
	if _, err := syscall.Write(fd, []byte(text)); err != nil {
		t.Fatal(err)
	}
}

func expect(t testing.TB, fd int, prefix string) {
	t.Helper()
	var buf [1024]byte
	n, err := syscall.Read(fd, buf[:])
	if err != nil || n < len(prefix) || string(buf[:len(prefix)]) != prefix {
		t.Fatalf("got %q, %v", buf[:n], err)
	}
}

// inUse returns the bytes of heap and stacks after garbage was collected, and stacks shrunk.
func inUse() int64 {
	for range 4 {
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse + m.StackInuse)
}
