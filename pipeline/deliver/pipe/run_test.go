package pipe_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/queue"
)

// keep writes its standard input into a file beside it, then is done.
const keep = `#!/bin/sh
cat >"${0%/*}/kept.new" && mv "${0%/*}/kept.new" "${0%/*}/kept"
`

// kept is what the command got.
func (w *world) kept() string {
	w.t.Helper()
	b, err := os.ReadFile(filepath.Join(w.dir, "kept"))
	if err != nil {
		w.t.Fatal(err)
	}
	return string(b)
}

// The texts are those that pipe(8) of Postfix 3.7 wrote for the same message.
func TestFlagsMakeTheMessage(t *testing.T) {
	const head, body = "Subject: x\n\n", "From me\n.dot\nline\n"
	for _, c := range []struct{ name, attributes, sender, want string }{
		{"without flags the message alone", "", "a@s.test", head + body},
		{"R, O and D in this order", "flags=DORX", "a@s.test",
			"Return-Path: <a@s.test>\nX-Original-To: Was+\"b c\"@r.test\nDelivered-To: \"b c\"@r.test\n" + head + body},
		{"F, > and B for an mbox", "flags=BFq>", "a@s.test",
			"From a@s.test  Mon Nov 23 03:38:47 2026\n" + head + ">" + body + "\n"},
		{"F does not quote", "flags=F", "a@s.test", "From a@s.test  Mon Nov 23 03:38:47 2026\n" + head + body},
		{"the null sender has a name", "flags=FR", "", "From MAILER-DAEMON  Mon Nov 23 03:38:47 2026\nReturn-Path: <MAILER-DAEMON>\n" + head + body},
		{"which null_sender gives it", "flags=R null_sender=", "", "Return-Path: <>\n" + head + body},
		{"the dot and CRLF", "flags=. eol=\\r\\n", "a@s.test", "Subject: x\r\n\r\nFrom me\r\n..dot\r\nline\r\n"},
		{"octal line ends", "flags=B eol=\\012\\060", "a@s.test", "Subject: x\n0\n0From me\n0.dot\n0line\n0\n0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			a := w.agent(c.attributes + " user=" + self(t) + " argv=" + w.script("keep", keep))
			want(t, deliver(t, a, request(message, c.sender, `"b c"@r.test`))[0], queue.Sent, "250 2.0.0 delivered via prog service")
			if got := w.kept(); got != c.want {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}

func TestALargeMessageIsStreamed(t *testing.T) {
	w := newWorld(t)
	a := w.agent("flags=.> user=" + self(t) + " argv=" + w.script("keep", keep))
	var in, out strings.Builder
	for i := range 40000 {
		fmt.Fprintf(&in, "From line %d\r\n.%s", i, strings.Repeat("\r\n", i%3))
		fmt.Fprintf(&out, ">From line %d\n..%s", i, strings.Repeat("\n", i%3))
		if i%3 == 0 {
			in.WriteString("x\r\n")
			out.WriteString("x\n")
		}
	}
	want(t, deliver(t, a, request(in.String(), "a@s.test", "b@r.test"))[0], queue.Sent, "250 2.0.0 delivered via prog service")
	if got := w.kept(); got != out.String() {
		t.Errorf("%d bytes arrived, not the %d that were sent", len(got), out.Len())
	}
}

func TestACommandThatDoesNotReadALargeMessageIsJudgedByItsStatus(t *testing.T) {
	w := newWorld(t)
	a := w.agent("user=" + self(t) + " argv=" + w.script("fate", fate) + " ${user}")
	text := strings.Repeat("a line\r\n", 1<<17)
	want(t, deliver(t, a, request(text, "a@s.test", "noread0@r.test"))[0], queue.Sent, "250 2.0.0 delivered via prog service")
	want(t, deliver(t, a, request(text, "a@s.test", "noread67@r.test"))[0], queue.Bounced, "550 5.1.1 user unknown")
}

// What a command started dies with it: the last who holds the other end of a named pipe.
func TestACommandOutOfTimeIsKilledWithAllItStarted(t *testing.T) {
	w := newWorld(t)
	held := w.fifo("held")
	path := w.script("slow", "#!/bin/sh\nexec 9>\"${0%/*}/held\"\nsleep 600 &\necho gone to sleep\nwait\n")
	w.o.TimeLimit = 500 * time.Millisecond
	a := w.agent("user=" + self(t) + " argv=" + path)
	// On a busy machine its time may be over before it says anything.
	r := deliver(t, a, request(message, "a@s.test", "b@r.test"))[0]
	r.Reply.Text = strings.TrimSuffix(r.Reply.Text, ". Command output: gone to sleep")
	want(t, r, queue.Deferred4, `451 4.3.0 Command time limit exceeded: "`+path+`"`)
	if n, err := held.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("what the command started lives on: %v", err)
	}
}

// fifo makes a named pipe and opens it for reading: that ends when its last writer does.
func (w *world) fifo(name string) *os.File {
	w.t.Helper()
	path := filepath.Join(w.dir, name)
	if err := errors.Join(syscall.Mkfifo(path, 0o666), os.Chmod(path, 0o666)); err != nil {
		w.t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = f.Close() })
	if err := f.SetReadDeadline(time.Now().Add(patience)); err != nil {
		w.t.Fatal(err)
	}
	return f
}

func TestACancelledDeliveryIsDeferredAndItsCommandKilled(t *testing.T) {
	w := newWorld(t)
	held := w.fifo("held")
	a := w.agent("user=" + self(t) + " argv=" + w.script("slow", "#!/bin/sh\nexec 9>\"${0%/*}/held\"\necho . >&9\nsleep 600 &\nwait\n"))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan []queue.Result)
	go func() { done <- a.Deliver(ctx, request(message, "a@s.test", "b@r.test")) }()
	awaitByte(t, held)
	cancel()
	want(t, (<-done)[0], queue.Deferred4, "451 4.3.2 delivery was interrupted")
	if n, err := held.Read(make([]byte, 8)); n > 1 || err != nil && !errors.Is(err, io.EOF) {
		t.Errorf("what the command started lives on: %v", err)
	}
	want(t, a.Deliver(ctx, request(message, "a@s.test", "b@r.test"))[0], queue.Deferred4, "451 4.3.2 delivery was interrupted")
}

// awaitByte waits until the command has written to its named pipe, which ends at once while nobody
// has it open.
func awaitByte(t *testing.T, f *os.File) {
	t.Helper()
	b := make([]byte, 1)
	for late := time.Now().Add(patience); ; runtime.Gosched() {
		if n, _ := f.Read(b); n == 1 {
			return
		}
		if time.Now().After(late) {
			t.Fatal("the command never began")
		}
	}
}

// A program that the command leaves behind does not keep the mail: its fate is known.
func TestAProgramLeftInTheBackgroundHoldsNothingUp(t *testing.T) {
	w := newWorld(t)
	a := w.agent("user=" + self(t) + " argv=" + w.script("bg", "#!/bin/sh\ncat >/dev/null\nsleep 600 & echo $! >\"${0%/*}/child\"\nexit 67\n"))
	want(t, deliver(t, a, request(message, "a@s.test", "b@r.test"))[0], queue.Bounced, "550 5.1.1 user unknown")
	pid, err := os.ReadFile(filepath.Join(w.dir, "child"))
	if err != nil {
		t.Fatal(err)
	}
	var n int
	if _, err := fmt.Sscan(string(pid), &n); err != nil {
		t.Fatal(err)
	}
	p, err := os.FindProcess(n)
	if err != nil {
		t.Fatal(err)
	}
	_ = p.Kill()
}

// The command must not take the first half of a message for all of it.
func TestAMessageThatCannotBeReadIsNeverDelivered(t *testing.T) {
	w := newWorld(t)
	a := w.agent("user=" + self(t) + " argv=" + w.script("keep", keep))
	req := request(message, "a@s.test", "b@r.test")
	broken := errors.New("bad block")
	req.Open = func() (mail.Content, error) {
		return failingContent{first: strings.Repeat("half a message\r\n", 4096), err: broken}, nil
	}
	r := deliver(t, a, req)[0]
	want(t, r, queue.Deferred4, "451 4.3.0 cannot read the queued message")
	if !errors.Is(r.Cause, broken) {
		t.Errorf("the cause is %v", r.Cause)
	}
	if _, err := os.Stat(filepath.Join(w.dir, "kept")); err == nil {
		t.Error("half a message was delivered")
	}
	req.Open = func() (mail.Content, error) { return nil, broken }
	if r := deliver(t, a, req)[0]; r.Outcome != queue.Deferred4 {
		t.Errorf("got %v: %v", r.Outcome, r.Reply)
	}
}

func TestTheCommandHasASurroundingOfItsOwn(t *testing.T) {
	w := newWorld(t)
	t.Setenv("SECRET", "x")
	inherited(t)
	path := w.script("look", `#!/bin/sh
cat >/dev/null
env | sort | tr '\n' '|'; pwd; umask
n=0; for f in /proc/$$/fd/*; do [ -e "$f" ] && n=$((n+1)); done; echo $n
exit 67
`)
	a := w.agent("user=" + self(t) + " argv=" + path)
	got := deliver(t, a, request(message, "a@s.test", "b@r.test"))[0].Reply.Text
	env := "MAIL_CONFIG=/etc/mtad|PATH=/usr/bin:/bin|PWD=" + w.dir + "|"
	if runtime.GOOS != "linux" {
		if !strings.Contains(got, env) {
			t.Errorf("got %q", got)
		}
		return
	}
	// Four open files: the command's three, and the script that the shell reads.
	if want := "user unknown. Command output: " + env + w.dir + " 0077 4"; got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	a = w.agent("directory=/usr user=" + self(t) + " argv=" + path)
	if got := deliver(t, a, request(message, "a@s.test", "b@r.test"))[0].Reply.Text; !strings.Contains(got, "|/usr 0077") {
		t.Errorf("got %q", got)
	}
}

// inherited opens a file as one that mtad's starter left open: without close-on-exec.
func inherited(t *testing.T) {
	t.Helper()
	fd, err := syscall.Open(os.DevNull, syscall.O_RDONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(fd) })
}

func TestCommandsThatCannotBeStarted(t *testing.T) {
	w := newWorld(t)
	text := filepath.Join(w.dir, "text")
	if err := os.WriteFile(text, []byte("no program"), 0o644); err != nil {
		t.Fatal(err)
	}
	noShell := w.script("noshell", "echo a shell would run this; exit 0\n")
	for _, c := range []struct{ name, attributes, want string }{
		{"there is none", "argv=" + w.dir + "/none", "no such file or directory"},
		{"it is not executable", "argv=" + text, "permission denied"},
		{"it has no #! line and no shell guesses", "argv=" + noShell, "exec format error"},
		{"a name that PATH does not have", "argv=no-such-command-of-mtad", "no such file or directory"},
		{"its directory does not exist", "directory=/no/such argv=/bin/cat", "no such file or directory"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := w.agent("user=" + self(t) + " " + c.attributes)
			want(t, deliver(t, a, request(message, "a@s.test", "b@r.test"))[0], queue.Deferred4, "451 4.3.0 cannot start the command: "+c.want)
		})
	}
}

func TestANameWithoutADirectoryIsSearchedInPath(t *testing.T) {
	w := newWorld(t)
	a := w.agent("user=" + self(t) + " argv=cat")
	want(t, deliver(t, a, request("x\r\n", "a@s.test", "b@r.test"))[0], queue.Sent, "250 2.0.0 delivered via prog service (x)")
}
