package notify_test

import (
	"net"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/mtad/mtad/core/notify"
)

func env(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1]
			}
		}
		return ""
	}
}

func TestTheManagerIsToldInItsWords(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	for _, address := range []string{path, "@" + path} {
		l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: address, Net: "unixgram"})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		n := notify.New(env("NOTIFY_SOCKET", address, "WATCHDOG_USEC", "3000000", "WATCHDOG_PID", "7"), 7)
		if got := n.Watchdog(); got != 1500*time.Millisecond {
			t.Errorf("the watchdog wants a word every %v", got)
		}
		for _, c := range []struct {
			say  func()
			want string
		}{
			{func() { n.Ready("serving\nMAINPID=1") }, `^READY=1\nSTATUS=serving MAINPID=1$`},
			{n.Reloading, `^RELOADING=1\nMONOTONIC_USEC=[1-9]\d*\nSTATUS=.+$`},
			{func() { n.Stopping("draining") }, `^STOPPING=1\nSTATUS=draining$`},
			{func() { n.Status("3 messages") }, `^STATUS=3 messages$`},
			{n.Alive, `^WATCHDOG=1$`},
		} {
			c.say()
			b := make([]byte, 1000)
			k, err := l.Read(b)
			if err != nil || !regexp.MustCompile(c.want).Match(b[:k]) {
				t.Errorf("told %q, %v; want %s", b[:k], err, c.want)
			}
		}
	}
}

func TestWithoutAManagerNobodyIsTold(t *testing.T) {
	for _, n := range []*notify.Notifier{nil, notify.New(env(), 1), notify.New(env("NOTIFY_SOCKET", "relative"), 1),
		notify.New(env("NOTIFY_SOCKET", "/nonexistent/socket", "WATCHDOG_USEC", "-1"), 1)} {
		n.Ready("x")
		n.Alive()
		if n.Watchdog() != 0 {
			t.Error("a watchdog without a manager")
		}
	}
	if n := notify.New(env("NOTIFY_SOCKET", "/x", "WATCHDOG_USEC", "10", "WATCHDOG_PID", "2"), 1); n.Watchdog() != 0 {
		t.Error("the watchdog of another process")
	}
}
