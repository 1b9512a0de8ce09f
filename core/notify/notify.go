package notify

import (
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// sendTime bounds a notification: a manager that does not read must not stop mail.
const sendTime = time.Second

// Notifier tells the service manager. Safe for concurrent use.
type Notifier struct {
	path     string
	watchdog time.Duration
	mu       sync.Mutex // one notification at a time, in order
}

// New reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID; nil when nobody wants to be told. pid is
// that of the process that the manager started.
func New(getenv func(string) string, pid int) *Notifier {
	path := getenv("NOTIFY_SOCKET")
	if path == "" || path[0] != '/' && path[0] != '@' {
		return nil
	}
	return &Notifier{path: path, watchdog: Watchdog(getenv, pid)}
}

// Watchdog reads WATCHDOG_USEC and WATCHDOG_PID: half the time after which the manager takes the
// process for dead, which is how often Alive must be said; 0: never.
func Watchdog(getenv func(string) string, pid int) time.Duration {
	usec, err := strconv.ParseInt(getenv("WATCHDOG_USEC"), 10, 64)
	who := getenv("WATCHDOG_PID")
	if err != nil || usec <= 0 || usec >= int64(24*time.Hour/time.Microsecond) || who != "" && who != strconv.Itoa(pid) {
		return 0
	}
	return time.Duration(usec) * time.Microsecond / 2
}

// Watchdog is how often Alive must be said; 0: never.
func (n *Notifier) Watchdog() time.Duration {
	if n == nil {
		return 0
	}
	return n.watchdog
}

// Ready says that the process serves; it ends Reloading too.
func (n *Notifier) Ready(status string) { n.send("READY=1\nSTATUS=" + line(status)) }

// Reloading says that the configuration is read again.
func (n *Notifier) Reloading() {
	var now unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &now) // it cannot fail for this clock
	n.send("RELOADING=1\nMONOTONIC_USEC=" + strconv.FormatInt(now.Nano()/1000, 10) + "\nSTATUS=reading the configuration again")
}

// Stopping says that the process ends.
func (n *Notifier) Stopping(status string) { n.send("STOPPING=1\nSTATUS=" + line(status)) }

// Status is a line for people.
func (n *Notifier) Status(status string) { n.send("STATUS=" + line(status)) }

// Alive keeps the watchdog quiet.
func (n *Notifier) Alive() { n.send("WATCHDOG=1") }

// line keeps a status from being more than one assignment.
func line(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, s)
}

func (n *Notifier) send(text string) {
	if n == nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	c, err := net.DialTimeout("unixgram", n.path, sendTime)
	if err != nil {
		return
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(sendTime))
	_, _ = c.Write([]byte(text))
}
