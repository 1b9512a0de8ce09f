package master_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/mtad/mtad/core/porttest"
)

// patience bounds every wait of these tests; none of them measures time with it.
const patience = 60 * time.Second

// stockMaster is the master.cf of the daemons under test.
const stockMaster = `127.0.0.1:%PORT%   inet  n       -      n      -      -       smtpd
pickup             unix  n       -      n      60     1       pickup
cleanup            unix  n       -      n      -      0       cleanup
qmgr               unix  n       -      n      300    1       qmgr
rewrite            unix  -       -      n      -      -       trivial-rewrite
bounce             unix  -       -      n      -      0       bounce
defer              unix  -       -      n      -      0       bounce
trace              unix  -       -      n      -      0       bounce
smtp               unix  -       -      n      -      -       smtp
relay              unix  -       -      n      -      -       smtp
error              unix  -       -      n      -      -       error
retry              unix  -       -      n      -      -       error
discard            unix  -       -      n      -      -       discard
local              unix  -       n      n      -      -       local
virtual            unix  -       n      n      -      -       virtual
lmtp               unix  -       -      n      -      -       lmtp
`

// daemon is a running mtad of its own configuration and queue.
type daemon struct {
	t     testing.TB
	dir   string
	addr  string
	log   *logbook
	cmd   *exec.Cmd
	stdin io.Closer
	gone  chan struct{} // closed when the process has ended
	// exe is the program, this test's unless it is set; files and env are what it gets besides.
	exe   string
	wrap  []string // words before the program
	files []*os.File
	env   []string
}

// newDaemon writes a configuration; lines are main.cf lines that come last and so win.
func newDaemon(t testing.TB, lines ...string) *daemon {
	t.Helper()
	d := &daemon{t: t, dir: t.TempDir(), addr: porttest.Addr(t), log: newLogbook()}
	d.configure(lines...)
	_, port, _ := net.SplitHostPort(d.addr)
	d.write("master.cf", strings.ReplaceAll(stockMaster, "%PORT%", port))
	t.Cleanup(func() {
		d.kill()
		if t.Failed() {
			t.Logf("the log of mtad:\n%s", d.log.tail(30))
		}
	})
	return d
}

// start is newDaemon and run.
func start(t testing.TB, lines ...string) *daemon {
	t.Helper()
	d := newDaemon(t, lines...)
	d.run()
	return d
}

// configure writes main.cf anew.
func (d *daemon) configure(lines ...string) {
	d.t.Helper()
	me, err := user.Current()
	if err != nil {
		d.t.Fatal(err)
	}
	d.write("main.cf", `compatibility_level = 3.6
queue_directory = $config_directory/queue
data_directory = $config_directory/data
mail_owner = `+me.Username+`
maillog_file = /dev/stderr
myhostname = mail.mtad.test
mydomain = mtad.test
mydestination =
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
smtpd_peername_lookup = no
smtp_dns_support_level = disabled
alias_maps =
local_recipient_maps =
`+strings.Join(lines, "\n")+"\n")
}

// write puts a file into the configuration directory and returns its path.
func (d *daemon) write(name, text string) string {
	d.t.Helper()
	path := filepath.Join(d.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		d.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		d.t.Fatal(err)
	}
	return path
}

// run starts the process and returns when it serves.
func (d *daemon) run() {
	d.t.Helper()
	mark := d.log.mark()
	d.launch()
	d.log.waitAfter(d.t, mark, `daemon started`, d.gone)
}

// launch starts the process.
func (d *daemon) launch() {
	d.t.Helper()
	exe, err := os.Executable()
	if err != nil {
		d.t.Fatal(err)
	}
	if d.exe != "" {
		exe = d.exe
	}
	words := append(d.wrap[:len(d.wrap):len(d.wrap)], exe)
	d.cmd = exec.Command(words[0], words[1:]...)
	d.cmd.ExtraFiles = d.files
	d.cmd.Env = append(append(os.Environ(), runVariable+"="+d.dir), d.env...)
	d.cmd.Stderr = d.log
	if d.stdin, err = d.cmd.StdinPipe(); err != nil {
		d.t.Fatal(err)
	}
	if err := d.cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	gone := make(chan struct{})
	d.gone = gone
	go func() {
		_ = d.cmd.Wait()
		close(gone)
		d.log.wake()
	}()
}

func (d *daemon) pid() int { return d.cmd.Process.Pid }

// signal sends a signal to the process.
func (d *daemon) signal(s syscall.Signal) {
	d.t.Helper()
	if err := d.cmd.Process.Signal(s); err != nil {
		d.t.Fatal(err)
	}
}

// kill ends the process at once, as kill -9 does.
func (d *daemon) kill() {
	if d.cmd == nil || d.cmd.Process == nil {
		return
	}
	_ = d.cmd.Process.Kill()
	<-d.gone
	_ = d.stdin.Close()
}

// wait waits for the process to end by itself and returns its exit code.
func (d *daemon) wait() int {
	d.t.Helper()
	select {
	case <-d.gone:
	case <-time.After(patience):
		d.t.Fatal("mtad does not end")
	}
	return d.cmd.ProcessState.ExitCode()
}

// rss is the resident memory of the process in bytes.
func (d *daemon) rss() int64 {
	d.t.Helper()
	kib, err := strconv.ParseInt(strings.Fields(d.status("VmRSS"))[0], 10, 64)
	if err != nil {
		d.t.Fatal(err)
	}
	return kib << 10
}

// status is a field of /proc/PID/status; the test is skipped on systems without it.
func (d *daemon) status(field string) string {
	d.t.Helper()
	return statusOf(d.t, d.pid(), field)
}

func statusOf(t testing.TB, pid int, field string) string {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Skip("no /proc/PID/status on this system")
	}
	m := regexp.MustCompile(`(?m)^` + field + `:(.*)$`).FindSubmatch(text)
	if m == nil {
		t.Fatalf("/proc/PID/status has no %s", field)
	}
	return strings.TrimSpace(string(m[1]))
}

// logbook collects what a daemon logs and lets tests wait for lines.
type logbook struct {
	mu    sync.Mutex
	more  *sync.Cond
	bytes bytes.Buffer
}

func newLogbook() *logbook {
	l := &logbook{}
	l.more = sync.NewCond(&l.mu)
	return l
}

// Write appends and wakes those who wait.
func (l *logbook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.more.Broadcast()
	return l.bytes.Write(p)
}

func (l *logbook) wake() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.more.Broadcast()
}

func (l *logbook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.bytes.String()
}

// mark is the present end of the log.
func (l *logbook) mark() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.bytes.Len()
}

// wait returns the first match of pattern in the log, as soon as there is one.
func (l *logbook) wait(t testing.TB, pattern string) []string {
	t.Helper()
	return l.waitAfter(t, 0, pattern, nil)
}

// waitAfter is wait in what was logged after mark; it gives up when gone is closed.
func (l *logbook) waitAfter(t testing.TB, mark int, pattern string, gone <-chan struct{}) []string {
	t.Helper()
	re := regexp.MustCompile(pattern)
	deadline := time.Now().Add(patience) // before late is made: it has come when late wakes
	late := time.AfterFunc(patience, l.wake)
	defer late.Stop()
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		if m := re.FindStringSubmatch(string(l.bytes.Bytes()[mark:])); m != nil {
			return m
		}
		ended := false
		select {
		case <-gone:
			ended = true
		default:
		}
		if ended || !time.Now().Before(deadline) {
			t.Fatalf("the log never said %q; it says:\n%s", pattern, tail(l.bytes.String(), 40))
		}
		l.more.Wait()
	}
}

func (l *logbook) tail(lines int) string { return tail(l.String(), lines) }

func tail(s string, lines int) string {
	all := strings.SplitAfter(s, "\n")
	return strings.Join(all[max(0, len(all)-lines):], "")
}

// waitCount waits until the log has n matches of pattern.
func (l *logbook) waitCount(t testing.TB, pattern string, n int) {
	t.Helper()
	l.wait(t, fmt.Sprintf(`(?s)(?:%s.*?){%d}`, pattern, n))
}
