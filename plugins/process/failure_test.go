package process_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/pipeline/hook"
	"github.com/mtad/mtad/plugins/process"
	"github.com/mtad/mtad/plugins/sdk"
	"github.com/mtad/mtad/plugins/sdk/sdktest"
)

const patience = 60 * time.Second

func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited %v, but not: %s", patience, what)
		}
	}
}

// everyPoint is a journey that meets each point once.
var everyPoint = [][2]string{{"connect", "connect 192.0.2.1"}, {"helo", "helo a.example.net"}, {"auth", "auth user PLAIN"},
	{"mail", "mail sender@example.net"}, {"rcpt", "rcpt alice@example.com"}, {"data", "data"},
	{"headers", "message\n| Subject: hello\n|\n| body\nheaders"}, {"body", "body"}, {"eom", "eom"}, {"abort", "abort"},
	{"rewrite", "rewrite envelope_sender a@example.net"}, {"route", "route alice@example.com"}, {"deliver", "deliver"},
	{"lookup", "lookup key"}, {"event", "event queued"}}

// journeyOf is a transcript in which the plugin bad misbehaves at one point, and what comes of that.
func journeyOf(at, how, demand string) string {
	text := "config at = " + at + "\nconfig how = " + strconv.Quote(how) + "\nallow edit\n"
	for _, p := range everyPoint {
		if text += p[1] + "\n"; p[0] == at {
			text += "> " + demand + "\n"
		}
	}
	return text
}

func passes(t *testing.T, s sdktest.Subject, text string, o sdktest.Options) {
	t.Helper()
	sc, err := sdktest.Parse(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if err := sdktest.Play(context.Background(), s, sc, o).Err(""); err != nil {
		t.Error(err)
	}
}

// The steps behind the failure have no failure: they wait for the process that comes next.
func TestADeadProcessFailsTheHookThatItDiedIn(t *testing.T) {
	for _, p := range everyPoint {
		t.Run("at "+p[0], func(t *testing.T) {
			passes(t, subject(t, "bad"), journeyOf(p[0], "die", `failure "ended (signal: killed): the last words"`), sdktest.Options{})
		})
	}
}

func TestAFailedHookChangesNothing(t *testing.T) {
	passes(t, subject(t, "bad"), journeyOf("eom", "die while editing", `failure "ended (signal: killed): in the middle"`), sdktest.Options{})
}

func TestWhatAProcessDoesWrongIsNamed(t *testing.T) {
	for _, c := range []struct{ how, demand string }{
		{"answer garbage", `failure "verdict 77"`},
		{"answer too much", "reject 550 5.7.1 Command rejected"}, // as of a built-in: the reply is not taken
		{"panic", `failure "panic: out of cheese"`},
		{"call without end", `failure "too many host calls"`},
	} {
		t.Run(c.how, func(t *testing.T) {
			passes(t, subject(t, "bad"), journeyOf("mail", c.how, c.demand), sdktest.Options{})
		})
	}
}

func TestWhatCannotBeLoadedIsNamed(t *testing.T) {
	dir := t.TempDir()
	plain, open := filepath.Join(dir, "plain"), filepath.Join(dir, "open")
	for name, mode := range map[string]os.FileMode{plain: 0o600, open: 0o777} {
		if err := errors.Join(os.WriteFile(name, []byte("#!/bin/sh\n"), 0o600), os.Chmod(name, mode)); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name, part string
		change     func(*process.Options)
		want       string
	}{
		{"a program that never says it is ready", "silent", func(o *process.Options) { o.StartTime = 200 * time.Millisecond }, "timeout while waiting"},
		{"a program that is no plugin", "talkative", nil, `it is no plugin: instead of the handshake it wrote "Hello, world!"`},
		{"a plugin of another protocol", "stranger", nil, "it speaks another version of the plugin protocol"},
		{"a plugin that listens elsewhere", "elsewhere", nil, "not on a unix socket in the directory"},
		{"a program that ends", "broken", nil, "cannot open the word list"},
		{"a plugin that refuses", "bad", func(o *process.Options) { o.Config = map[string]string{"how": "refuse"} }, "it refuses to load: I do not like it here"},
		{"a plugin that panics", "bad", func(o *process.Options) { o.Config = map[string]string{"how": "panic at once"} }, "panic: at once"},
		{"a plugin that needs more", "needy", func(o *process.Options) { o.Allow = map[string]bool{sdk.CapEdit: true} }, `it asks for "kv", which its configuration does not grant: add allow = ["kv"]`},
		{"no file", "tour", func(o *process.Options) { o.Command[0] = filepath.Join(dir, "none") }, "no such file"},
		{"a relative path", "tour", func(o *process.Options) { o.Command[0] = "tour" }, "no absolute path"},
		{"a directory", "tour", func(o *process.Options) { o.Command[0] = dir }, "it is no file"},
		{"a file that is not executable", "tour", func(o *process.Options) { o.Command[0] = plain }, "not executable"},
		{"a file that others may write to", "tour", func(o *process.Options) { o.Command[0] = open }, "anybody may write to it"},
		{"another file than the one pinned", "tour", func(o *process.Options) { o.SHA256 = strings.Repeat("ab", 32) }, "its sha256 is not the one configured"},
		{"no command", "tour", func(o *process.Options) { o.Command = nil }, "a command is needed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := plugin(t, c.part)
			if c.change != nil {
				c.change(&o)
			}
			m, err := process.Load(context.Background(), o)
			if err == nil {
				shut(t, m)
				t.Fatal("it was loaded")
			}
			if !strings.Contains(err.Error(), c.want) || len(o.Command) > 0 && !strings.Contains(err.Error(), o.Command[0]) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %q, want %q and the program's name", err, c.want)
			}
		})
	}
}

// session is a message at the rcpt hook of a plugin, with a host of mtad's own.
func session(m *process.Module, limit time.Duration, client string) *hook.Message {
	origin := mail.Origin{Kind: mail.KindSMTP, Helo: client}
	return hook.NewSet([]hook.Plugin{{Module: m, Time: limit}}, hook.Options{}).Session(&origin).Begin(&mail.Envelope{})
}

func rcpt(m *hook.Message, address string) string {
	if e := m.Rcpt(context.Background(), &mail.Recipient{Address: address}); e != nil {
		return fmt.Sprint(e.Reply, " ", e.Error())
	}
	return "ok"
}

func TestAHookThatNeverEndsCostsTheProcessItsLife(t *testing.T) {
	o := plugin(t, "bad")
	o.Config, o.Overdue = map[string]string{"at": "rcpt", "how": "hang"}, 100*time.Millisecond
	var restarts atomic.Int32
	o.Restarted = func() { restarts.Add(1) }
	m := load(t, o)
	if got := rcpt(session(m, 50*time.Millisecond, ""), "a@b.test"); !strings.Contains(got, "time limit exceeded") {
		t.Errorf("got %q", got)
	}
	until(t, "it is started again", func() bool { return restarts.Load() == 1 })
}

func TestAHookThatEndsLateCostsNothing(t *testing.T) {
	o := plugin(t, "narrow") // two lanes
	o.Config = map[string]string{"at": "rcpt", "how": "linger"}
	m := load(t, o)
	pid := m.Pid()
	for range 4 {
		if got := rcpt(session(m, 50*time.Millisecond, ""), "a@b.test"); !strings.Contains(got, "time limit exceeded") && !strings.Contains(got, "deadline") {
			t.Errorf("got %q", got)
		}
	}
	if got := rcpt(session(m, patience, ""), "a@b.test"); got != "ok" || m.Pid() != pid {
		t.Errorf("then got %q of process %d, which was %d", got, m.Pid(), pid)
	}
}

// Many messages at once are no failure of the plugin: who waits for one of two lanes has the whole time then.
func TestWaitingForATurnIsNotTheHooksTime(t *testing.T) {
	o := plugin(t, "narrow")
	o.Config = map[string]string{"at": "rcpt", "how": "linger"}
	m := load(t, o)
	var all sync.WaitGroup
	for range 12 {
		all.Go(func() {
			if got := rcpt(session(m, 1500*time.Millisecond, ""), "a@b.test"); got != "ok" {
				t.Errorf("got %q", got)
			}
		})
	}
	all.Wait()
}

func TestSessionsAreAnsweredEachItsOwn(t *testing.T) {
	for part, sessions := range map[string]int{"bad": 32, "narrow": 8} {
		t.Run("by the plugin "+part, func(t *testing.T) {
			o := plugin(t, part)
			o.Config = map[string]string{"at": "rcpt", "how": "echo"}
			m := load(t, o)
			var all sync.WaitGroup
			for s := range sessions {
				all.Go(func() {
					msg := session(m, patience, "")
					for i := range 30 {
						address := fmt.Sprintf("r%d-%d@b.test", s, i)
						if got := rcpt(msg, address); !strings.HasPrefix(got, "550 5.7.1 "+address+" ") {
							t.Errorf("%s was answered %q", address, got)
						}
					}
				})
			}
			all.Wait()
		})
	}
}

func TestAProcessThatEatsMemoryStopsAtItsLimit(t *testing.T) {
	if runtime.GOOS != "linux" || raceDetector {
		t.Skip("memory limits of processes are Linux's, and not for the race detector")
	}
	o := plugin(t, "bad")
	o.Config, o.Memory = map[string]string{"at": "rcpt", "how": "eat memory"}, 256<<20
	m := load(t, o)
	if got := rcpt(session(m, patience, ""), "a@b.test"); !strings.HasPrefix(got, "451 ") || !strings.Contains(got, "ended") {
		t.Errorf("got %q", got)
	}
}

func TestTheEnvironmentIsClean(t *testing.T) {
	t.Setenv("MTAD_TEST_SECRET", "hunter2")
	var said []string
	o := plugin(t, "bad")
	o.Config = map[string]string{"how": "environment"}
	o.Log = func(_ sdk.Level, text string) { said = append(said, text) }
	load(t, o)
	if len(said) != 1 || !strings.Contains(said[0], "PATH=/usr/") || strings.Contains(said[0], "MTAD_TEST_SECRET") || strings.Contains(said[0], "HOME=") {
		t.Errorf("it sees %q", said)
	}
}

func TestWhatItWritesIsLoggedWithinLimits(t *testing.T) {
	var mu sync.Mutex
	var said []string
	o := plugin(t, "bad")
	o.Config = map[string]string{"at": "rcpt", "how": "shout"}
	o.Log = func(_ sdk.Level, text string) { mu.Lock(); defer mu.Unlock(); said = append(said, text) }
	m := load(t, o)
	if got := rcpt(session(m, patience, ""), "a@b.test"); got != "ok" {
		t.Errorf("got %q", got)
	}
	until(t, "the first lines come", func() bool { mu.Lock(); defer mu.Unlock(); return slices.Contains(said, "line 42  [31m") })
	shut(t, m)
	mu.Lock()
	defer mu.Unlock()
	if len(said) > 300 {
		t.Errorf("%d lines of 1000 were logged", len(said))
	}
}

func TestLinesAreCutAndCounted(t *testing.T) {
	var said []string
	log := func(_ sdk.Level, text string) { said = append(said, text) }
	last := process.Lines(log, "one\ntw", "o\r\n\n\x07three\x00\n", strings.Repeat("x", 5000)+"\n", "unfinished")
	if want := []string{"one", "two", "three", strings.Repeat("x", 1000)}; !slices.Equal(said, want) || last != ": "+strings.Repeat("x", 200) {
		t.Errorf("logged %q, last %q", said, last)
	}
	said = nil
	if last = process.Lines(log, strings.Repeat("again\n", 500)+"the end\n"); len(said) != 100 || last != ": the end" {
		t.Errorf("%d lines, last %q", len(said), last)
	}
}

func TestThePausesBetweenStartsGrowAndBeginAnew(t *testing.T) {
	got := process.Delays(0, 0, 0, 2*time.Minute, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	want := []time.Duration{100, 200, 400, 100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 51200, 60000, 60000, 60000}
	for i := range want {
		if got[i] != want[i]*time.Millisecond {
			t.Errorf("pause %d is %v, want %v", i, got[i], want[i]*time.Millisecond)
		}
	}
}

// A program that cannot be started any more is tried again and again, after longer and longer pauses,
// and calls fail meanwhile; when it can be started, all goes on.
func TestAProcessIsStartedAgainAfterPauses(t *testing.T) {
	o := plugin(t, "bad")
	script := filepath.Join(t.TempDir(), "plugin")
	write := func(text string) {
		if err := errors.Join(os.WriteFile(script+".new", []byte("#!/bin/sh\n"+text+"\n"), 0o700), os.Rename(script+".new", script)); err != nil {
			t.Fatal(err)
		}
	}
	good := "exec " + strings.Join(o.Command, " ")
	write(good)
	pauses, proceed := make(chan time.Duration, 1), make(chan time.Time)
	o.Command = []string{script}
	o.After = func(d time.Duration) <-chan time.Time { pauses <- d; return proceed }
	o.Config = map[string]string{"at": "rcpt", "how": "echo"}
	m := load(t, o)
	write("echo no more >&2; exit 3")
	if err := syscall.Kill(m.Pid(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for _, want := range []time.Duration{100, 200, 400, 800} {
		if got := <-pauses; got != want*time.Millisecond {
			t.Errorf("a pause of %v, want %vms", got, want)
		}
		if want == 800 {
			break
		}
		proceed <- time.Time{}
	}
	if got := rcpt(session(m, 100*time.Millisecond, ""), "a@b.test"); !strings.Contains(got, "the process is not running: the process could not be started") || !strings.Contains(got, "no more") {
		t.Errorf("meanwhile got %q", got)
	}
	write(good)
	proceed <- time.Time{}
	until(t, "it runs", func() bool { return m.Pid() != 0 })
	if got := rcpt(session(m, patience, ""), "a@b.test"); !strings.HasPrefix(got, "550 ") {
		t.Errorf("then got %q", got)
	}
}

func TestNothingIsLeftOf200Processes(t *testing.T) {
	o := plugin(t, "bad")
	o.Log = nil
	o.Config = map[string]string{"at": "rcpt", "how": "die"}
	now := make(chan time.Time)
	close(now)
	o.After = func(time.Duration) <-chan time.Time { return now }
	var restarts atomic.Int32
	o.Restarted = func() { restarts.Add(1) }
	m := load(t, o)
	die := func(n int32) {
		for restarts.Load() < n {
			before := restarts.Load()
			if got := rcpt(session(m, patience, ""), "a@b.test"); !strings.Contains(got, "signal: killed") {
				t.Fatalf("got %q", got)
			}
			until(t, "the next process runs", func() bool { return restarts.Load() > before })
		}
	}
	most := int32(200)
	if raceDetector {
		most = 30
	}
	die(20)
	goroutines, files := runtime.NumGoroutine(), openFiles(t)
	die(most)
	until(t, "goroutines and files are as many as before", func() bool {
		return runtime.NumGoroutine() <= goroutines+2 && openFiles(t) <= files+2
	})
	if left, _ := filepath.Glob(filepath.Join(os.TempDir(), "mtad-plugin-*")); len(left) > 50 {
		t.Errorf("%d directories are left", len(left))
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("needs /proc")
	}
	return len(all)
}

// running reports whether a process is there, and more than a zombie.
func running(pid int) bool {
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	return err == nil && len(line) > 0
}

func TestWhatAProcessStartedEndsWithIt(t *testing.T) {
	o := plugin(t, "bad")
	o.Config = map[string]string{"at": "rcpt", "how": "spawn"}
	m := load(t, o)
	var code, pid, grandchild int
	var dsn string
	got := rcpt(session(m, patience, ""), "a@b.test")
	if _, err := fmt.Sscan(got, &code, &dsn, &pid, &grandchild); err != nil || !running(grandchild) || pid != m.Pid() {
		t.Fatalf("got %q: %v", got, err)
	}
	shut(t, m)
	until(t, "both are gone", func() bool { return !running(pid) && !running(grandchild) })
}

// host is a program that runs a plugin and waits: the test kills it.
func host() {
	self, _ := os.Executable()
	m, err := process.Load(context.Background(), process.Options{Name: "plugin", Command: []string{self, "plugin", "bad"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(m.Pid())
	time.Sleep(time.Hour)
}

func TestAProcessDiesWithItsHost(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("processes die with a host that is killed on Linux")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	h := exec.Command(self, "plugin", "host")
	out, err := h.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	pid, err2 := strconv.Atoi(strings.TrimSpace(line))
	if err := errors.Join(err, err2); err != nil || !running(pid) {
		t.Fatalf("the host said %q: %v", line, err)
	}
	if err := h.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = h.Wait()
	until(t, "the plugin is gone", func() bool { return !running(pid) })
}
