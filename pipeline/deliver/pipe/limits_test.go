package pipe_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mtad/mtad/core/maillog"
	"github.com/mtad/mtad/pipeline/deliver/pipe"
	"github.com/mtad/mtad/queue"
)

const misconfigured = "451 4.3.5 mail system configuration error"

// cause checks that a service is deferred as misconfigured and that the log says why.
func cause(t *testing.T, r queue.Result, text string) {
	t.Helper()
	want(t, r, queue.Deferred4, misconfigured)
	if r.Cause == nil || !strings.Contains(r.Cause.Error(), text) {
		t.Errorf("the cause is %v, want %q", r.Cause, text)
	}
}

func TestFlagsThatWantOneRecipientDeferMore(t *testing.T) {
	for _, letter := range []string{"D", "O"} {
		w := newWorld(t)
		log := &safeLog{}
		w.o.Log = maillog.New(maillog.Options{Writer: log, Name: "mtad"}).Service("pipe")
		a := w.agent("flags=R" + letter + "hu user=" + self(t) + " argv=/bin/cat ${recipient}")
		text := "pipe flag `" + letter + "' requires prog_destination_recipient_limit = 1"
		for _, r := range deliver(t, a, request(message, "a@s.test", "a@r.test", "b@r.test")) {
			cause(t, r, text)
		}
		if !strings.Contains(log.String(), "warning: "+text) {
			t.Errorf("the log says %q", log.String())
		}
	}
}

func TestAMessageThatWasHereBeforeIsALoop(t *testing.T) {
	w := newWorld(t)
	a := w.agent("flags=D user=" + self(t) + " argv=" + w.script("ok", "#!/bin/sh\nexit 0\n"))
	const here = "Delivered-To: B@R.test\r\n" + message
	want(t, deliver(t, a, request(here, "a@s.test", "b@r.test"))[0], queue.Bounced, "554 5.4.6 mail forwarding loop for b@r.test")
	want(t, deliver(t, a, request(here, "a@s.test", "c@r.test"))[0], queue.Sent, "250 2.0.0 delivered via prog service")
	a = w.agent("user=" + self(t) + " argv=" + w.script("ok", "#!/bin/sh\nexit 0\n"))
	want(t, deliver(t, a, request(here, "a@s.test", "b@r.test"))[0], queue.Sent, "250 2.0.0 delivered via prog service")
}

func TestSizeIsALimit(t *testing.T) {
	w := newWorld(t)
	a := w.agent("size=40 user=" + self(t) + " argv=" + w.script("ok", "#!/bin/sh\nexit 0\n"))
	want(t, deliver(t, a, request(message, "a@s.test", "b@r.test"))[0], queue.Sent, "250 2.0.0 delivered via prog service")
	want(t, deliver(t, a, request(message+"more\r\n", "a@s.test", "b@r.test"))[0], queue.Bounced, "552 5.2.3 message too large")
}

func TestRightsThatACommandDoesNotGet(t *testing.T) {
	w := newWorld(t)
	root, err := user.LookupId("0")
	if err != nil {
		t.Skip("needs the account of root")
	}
	one := request(message, "a@s.test", "b@r.test")
	cause(t, deliver(t, w.agent("user="+root.Username+" argv=/bin/cat"), one)[0], "root privileges")
	cause(t, deliver(t, w.agent("user=no-such-user-of-mtad argv=/bin/cat"), one)[0], "no-such-user-of-mtad")
	cause(t, deliver(t, w.agent("user="+self(t)+":no-such-group-of-mtad argv=/bin/cat"), one)[0], "no-such-group-of-mtad")
	if g, err := user.LookupGroupId("0"); err == nil {
		cause(t, deliver(t, w.agent("user="+self(t)+":"+g.Name+" argv=/bin/cat"), one)[0], "privileged group id 0")
	}
	w.o.MailOwner = self(t)
	cause(t, deliver(t, w.agent("user="+self(t)+" argv=/bin/cat"), one)[0], "is the mail system owner "+self(t))
	w.o.MailOwner = root.Username // good for trying mtad: it forbids root alone, which is forbidden anyway
	if err := w.agent("user=" + self(t) + " argv=/bin/cat").Ready(); err != nil {
		t.Error(err)
	}
	me, err := user.Lookup(self(t))
	if err != nil {
		t.Fatal(err)
	}
	group, err := user.LookupGroupId(me.Gid)
	if err != nil {
		t.Skip("the group of this user has no name")
	}
	w.o.SetgidGroup = group.Name
	cause(t, deliver(t, w.agent("user="+self(t)+" argv=/bin/cat"), one)[0], "mail submission group")
}

// Without root's rights a command runs as the user that mtad is, or not at all.
func TestAnotherUserNeedsRoot(t *testing.T) {
	other, err := user.Lookup("daemon")
	if err != nil {
		t.Skip("needs the account daemon")
	}
	if os.Geteuid() == 0 {
		asNobody(t)
		return
	}
	w := newWorld(t)
	one := request(message, "a@s.test", "b@r.test")
	cause(t, deliver(t, w.agent("user="+other.Username+" argv=/bin/cat"), one)[0],
		"user=daemon: mtad runs as "+self(t)+" and cannot become daemon")
	cause(t, deliver(t, w.agent("chroot=/ user="+self(t)+" argv=/bin/cat"), one)[0], "chroot=/: mtad runs as "+self(t)+", and only root can")
}

// asNobody runs the test again in a process of the user nobody.
func asNobody(t *testing.T) {
	t.Helper()
	nobody, err := user.Lookup("nobody")
	if err != nil {
		t.Skip("needs the account nobody")
	}
	uid, err1 := strconv.ParseUint(nobody.Uid, 10, 32)
	gid, err2 := strconv.ParseUint(nobody.Gid, 10, 32)
	self, err3 := os.ReadFile(os.Args[0])
	dir, err4 := os.MkdirTemp("", "mtad-pipe-test-")
	program := filepath.Join(dir, "pipe.test")
	if err := errors.Join(err1, err2, err3, err4, os.Chmod(dir, 0o755), os.WriteFile(program, self, 0o755)); err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	cmd := exec.Command(program, "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Dir = dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
	if out, err := cmd.CombinedOutput(); err != nil || !bytes.Contains(out, []byte("--- PASS")) {
		t.Fatalf("as nobody: %v\n%s", err, out)
	}
}

func TestRootGivesCommandsTheirUserGroupAndRoot(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs to run as root")
	}
	w := newWorld(t)
	ids := w.script("ids", "#!/bin/sh\ncat >/dev/null\necho $(id -u) $(id -g) $(id -G)\n")
	me, err := user.Lookup("nobody")
	if err != nil {
		t.Skip("needs the account nobody")
	}
	one := request(message, "a@s.test", "b@r.test")
	want(t, deliver(t, w.agent("user=nobody argv="+ids), one)[0], queue.Sent,
		"250 2.0.0 delivered via prog service ("+me.Uid+" "+me.Gid+" "+me.Gid+")")
	daemon, err := user.LookupGroup("daemon")
	if err != nil {
		t.Skip("needs the group daemon")
	}
	want(t, deliver(t, w.agent("user=nobody:daemon argv="+ids), one)[0], queue.Sent,
		"250 2.0.0 delivered via prog service ("+me.Uid+" "+daemon.Gid+" "+daemon.Gid+")")
	want(t, deliver(t, w.agent("chroot=/no/such user=nobody argv="+ids), one)[0], queue.Deferred4,
		"451 4.3.0 cannot start the command: no such file or directory")
	want(t, deliver(t, w.agent("chroot="+w.dir+" user=nobody argv=/bin/cat"), one)[0], queue.Deferred4,
		"451 4.3.0 cannot start the command: no such file or directory") // there is no /bin below it
	want(t, deliver(t, w.agent("chroot=/ user=nobody argv=/bin/pwd"), one)[0], queue.Sent, "250 2.0.0 delivered via prog service (/)")
}

func TestAServiceThatCannotBeUsedDefers(t *testing.T) {
	a := pipe.Misconfigured(errors.New("user= is missing"), time.Now)
	for _, r := range a.Deliver(context.Background(), request(message, "a@s.test", "a@r.test", "b@r.test")) {
		cause(t, r, "user= is missing")
	}
}

// safeLog is a writer for a log that another goroutine may flush.
type safeLog struct{ lines chan string }

func (l *safeLog) Write(p []byte) (int, error) {
	if l.lines == nil {
		l.lines = make(chan string, 16)
	}
	l.lines <- string(p)
	return len(p), nil
}

// String is the next that was written; a warning is written at once.
func (l *safeLog) String() string {
	select {
	case s := <-l.lines:
		return s
	default:
		return ""
	}
}
