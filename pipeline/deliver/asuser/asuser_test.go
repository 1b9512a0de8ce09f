package asuser

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/privsep"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/pipeline/deliver"
	"github.com/mtad/mtad/pipeline/deliver/mailbox"
)

func TestADeliveryIsWhatTheWriterWouldHaveWritten(t *testing.T) {
	for _, size := range []int{0, 1, 1000, 40 << 10, 3 << 20} {
		w := newWorld(t)
		text := "Subject: x\r\n\r\n" + strings.Repeat("From here to there\r\n", size/20)
		if size == 0 {
			text = ""
		}
		said, err := w.deliver(t.Context(), "box", mail.Bytes(text), mailbox.Options{Locks: mailbox.DefaultLocks})
		if err != nil || said != deliver.ToMailbox {
			t.Fatalf("%d bytes: %q, %v", size, said, err)
		}
		if _, err := w.deliver(t.Context(), "dir/", mail.Bytes(text), mailbox.Options{}); err != nil {
			t.Fatal(err)
		}
		head := "Return-Path: <a@s.test>\nX-Original-To: o@r.test\nDelivered-To: b@r.test\n"
		want := strings.ReplaceAll(text, "\r\n", "\n")
		if got := w.one("dir/new/*"); got != head+want {
			t.Errorf("%d bytes: the Maildir has %d bytes", size, len(got))
		}
		_, got, _ := strings.Cut(w.one("box"), "\n")
		if got != head+strings.ReplaceAll(want, "\nFrom ", "\n>From ")+"\n" {
			t.Errorf("%d bytes: the mbox has %d bytes", size, len(got))
		}
		if n := w.started.Load(); n != 1 {
			t.Errorf("%d deliverers for one owner", n)
		}
	}
}

func TestFailuresKeepTheirCodes(t *testing.T) {
	w := newWorld(t)
	_, err := w.deliver(t.Context(), "box", mail.Bytes(strings.Repeat("x\r\n", 1000)), mailbox.Options{SizeLimit: 100})
	var e *status.Error
	if !errors.As(err, &e) || e.Reply.Code != 552 || e.Reply.Enhanced != "5.2.2" {
		t.Errorf("over the limit: %v", err)
	}
	if b := w.one("box"); b != "" {
		t.Errorf("the mailbox has %q", b)
	}
	if _, err := w.deliver(t.Context(), "box", mail.Bytes("fits\r\n"), mailbox.Options{}); err != nil {
		t.Errorf("the deliverer did not go on: %v", err)
	}
	if n := w.started.Load(); n != 1 {
		t.Errorf("%d deliverers", n)
	}
}

// short ends before its size.
type short struct{ mail.Content }

func (s short) Size() int64 { return s.Content.Size() + 1000 }

func TestAMessageThatCannotBeReadLeavesNothing(t *testing.T) {
	w := newWorld(t)
	_, err := w.deliver(t.Context(), "dir/", short{mail.Bytes(strings.Repeat("half a message\r\n", 9000))}, mailbox.Options{})
	var e *status.Error
	if !errors.As(err, &e) || !e.Temporary() || e.Reply.Text != "cannot read the queued message" {
		t.Errorf("got %v", err)
	}
	w.done.Wait()
	for _, sub := range []string{"new", "tmp"} {
		if names, _ := os.ReadDir(filepath.Join(w.dir, "dir", sub)); len(names) > 0 {
			t.Errorf("%s has %d files", sub, len(names))
		}
	}
}

// once is a connection that ends behind the first answer.
type once struct {
	net.Conn
	answered bool
}

func (o *once) Write(p []byte) (int, error) { o.answered = true; return o.Conn.Write(p) }

func (o *once) Read(p []byte) (int, error) {
	if o.answered {
		return 0, io.EOF
	}
	return o.Conn.Read(p)
}

func TestADelivererThatEndedWhileItWaitedIsReplaced(t *testing.T) {
	w := newWorld(t)
	w.serve = func(c net.Conn, dir string) error {
		err := (&shared{directory: dir}).serve(&once{Conn: c})
		w.mu.Lock()
		defer w.mu.Unlock()
		return errors.Join(err, w.controls[len(w.controls)-1].Close()) // the process ends
	}
	for i := range 3 {
		if _, err := w.deliver(t.Context(), "dir/", mail.Bytes("x\r\n"), mailbox.Options{}); err != nil {
			t.Fatalf("delivery %d: %v", i, err)
		}
		w.done.Wait()
	}
	if n := w.started.Load(); n != 3 {
		t.Errorf("%d deliverers", n)
	}
}

// Deliveries of one owner at the same time are those of one process, which ends with the last connection.
func TestAnOwnerHasOneDeliverer(t *testing.T) {
	w := newWorld(t)
	var all sync.WaitGroup
	for i := range 30 {
		all.Go(func() {
			if _, err := w.deliver(t.Context(), fmt.Sprintf("dir%d/", i%3), mail.Bytes("x\r\n"), mailbox.Options{}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := w.started.Load(); n != 1 {
		t.Errorf("%d deliverers", n)
	}
	w.u.Close()
	w.done.Wait() // it has ended
	if n := len(w.u.pool.processes); n != 0 {
		t.Errorf("%d processes are remembered", n)
	}
}

// An owner may make the deliverer say anything: it concerns that owner's mail alone.
func TestADelivererIsNotBelievedMoreThanADelivery(t *testing.T) {
	for name, c := range map[string]struct {
		answer []byte
		want   string
	}{
		"nothing":           {nil, "4.3.0"},
		"noise":             {[]byte("250 ok, believe me, this is no frame at all"), "4.3.0"},
		"a huge frame":      {[]byte{0xff, 0xff, 0xff, 0xff}, "4.3.0"},
		"a code of success": {appendFrame(nil, answerFailed, "250", "2.0.0", "x", ""), "4.3.0"},
		"a torn code":       {appendFrame(nil, answerFailed, "550", "4.0.0", "x", ""), "4.3.0"},
		"too few texts":     {appendFrame(nil, answerFailed, "550"), "4.3.0"},
		"more than a line":  {appendFrame(nil, answerFailed, "550", "5.7.1", "x\r\nHeader: y", ""), "5.7.1"},
	} {
		w := newWorld(t)
		w.serve = func(conn net.Conn, _ string) error {
			r := bufio.NewReader(conn)
			if _, err := readFrame(r, maxFrame); err != nil {
				return err
			}
			if err := (&stream{r: r, size: 3}).skip(); err != nil {
				return err
			}
			_, err := conn.Write(c.answer)
			return err
		}
		_, err := w.deliver(t.Context(), "dir/", mail.Bytes("x\r\n"), mailbox.Options{})
		var e *status.Error
		if !errors.As(err, &e) || e.Reply.Enhanced != c.want || strings.ContainsAny(e.Reply.Text, "\r\n") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAnInterruptedDeliveryReturnsAtOnce(t *testing.T) {
	w := newWorld(t)
	reached := make(chan struct{})
	w.serve = func(c net.Conn, _ string) error {
		if _, err := readFrame(c, maxFrame); err != nil {
			return err
		}
		close(reached)
		_, err := io.Copy(io.Discard, c) // until the other side gives up
		return err
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-reached; cancel() }()
	if _, err := w.deliver(ctx, "dir/", mail.Bytes("x\r\n"), mailbox.Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestAParentThatRefusesIsAMistakeOfTheConfiguration(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{{&privsep.Refused{Text: "no"}, "4.3.5"}, {fmt.Errorf("fork: %w", syscall.EAGAIN), "4.3.0"}} {
		w := newWorld(t)
		w.fail = c.err
		_, err := w.deliver(t.Context(), "dir/", mail.Bytes("x\r\n"), mailbox.Options{})
		var e *status.Error
		if !errors.As(err, &e) || e.Reply.Enhanced != c.want || !errors.Is(err, c.err) {
			t.Errorf("%v became %v", c.err, err)
		}
	}
	w := newWorld(t)
	p, err := mailbox.Below(w.dir, "x", mailbox.AnyOwner)
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.u.Mailboxes(privsep.Virtual, mailbox.Options{}).Deliver(t.Context(), deliver.As{UID: mailbox.AnyOwner, GID: 1}, p, &mailbox.Message{Text: mail.Bytes("")})
	var e *status.Error
	if !errors.As(err, &e) || e.Reply.Enhanced != "4.3.5" {
		t.Errorf("without an owner: %v", err)
	}
}

func TestFilesAreReadBelowTheDirectoryOnly(t *testing.T) {
	w := newWorld(t)
	home := filepath.Join(w.dir, "home")
	if err := os.Mkdir(home, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"home/.forward": "jo@x.test\n", "home/big": strings.Repeat("x", 100), "outside": "secret"} {
		if err := os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.Symlink("../outside", filepath.Join(home, "link")), syscall.Mkfifo(filepath.Join(home, "fifo"), 0o600)); err != nil {
		t.Fatal(err)
	}
	f, err := w.u.ReadFile(t.Context(), self(), home, ".forward", 50)
	if err != nil || string(f.Data) != "jo@x.test\n" || f.UID != os.Getuid() || f.Links != 1 || f.Mode.Perm() != 0o600 {
		t.Errorf("got %+v, %v", f, err)
	}
	if _, err := w.u.ReadFile(t.Context(), self(), home, "missing", 50); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
	for _, name := range []string{"link", "../outside", "/etc/passwd", "fifo", "big", "."} {
		if f, err := w.u.ReadFile(t.Context(), self(), home, name, 50); err == nil || errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %q, %v", name, f.Data, err)
		}
	}
}

func TestManyDeliveriesToOneMboxTakeTurns(t *testing.T) {
	w := newWorld(t)
	const many = 40
	var all sync.WaitGroup
	for i := range many {
		all.Go(func() {
			text := fmt.Sprintf("X-Number: %d\r\n\r\n%s", i, strings.Repeat("line\r\n", 2000))
			if _, err := w.deliver(t.Context(), "box", mail.Bytes(text), mailbox.Options{Locks: mailbox.DefaultLocks, LockDelay: time.Hour}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	box := w.one("box")
	if n := strings.Count(box, "\nDelivered-To: b@r.test\nX-Number: "); n != many {
		t.Errorf("%d messages", n)
	}
	if n := strings.Count(box, "\nline"); n != many*2000 {
		t.Errorf("%d lines", n)
	}
}

func TestDeliverersThatWaitAreFew(t *testing.T) {
	w := newWorld(t)
	m := w.u.Mailboxes(privsep.Virtual, mailbox.Options{})
	for i := range maxIdle + 10 {
		p, err := mailbox.Below(w.dir, "dir/", i)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := m.Deliver(t.Context(), deliver.As{UID: i, GID: 1}, p, &mailbox.Message{Text: mail.Bytes("x\r\n")}); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(w.u.pool.idle); n != maxIdle {
		t.Errorf("%d wait", n)
	}
}

func TestADelivererThatReadsWritesNothing(t *testing.T) {
	w := newWorld(t)
	w.serve = func(c net.Conn, directory string) error {
		return (&shared{directory: directory, reads: true}).serve(c)
	}
	if err := os.WriteFile(filepath.Join(w.dir, "list"), []byte("members\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	f, err := w.u.ReadFile(t.Context(), self(), w.dir, "list", 100)
	if err != nil || string(f.Data) != "members\n" {
		t.Errorf("read %q, %v", f.Data, err)
	}
	for _, name := range []string{"box", "dir/"} {
		if _, err := w.deliver(t.Context(), name, mail.Bytes("x"), mailbox.Options{}); err == nil {
			t.Errorf("%s was written", name)
		}
	}
	if all, _ := filepath.Glob(w.dir + "/*"); len(all) != 1 {
		t.Errorf("there is %q", all)
	}
}

func TestADelivererWithoutWorkEnds(t *testing.T) {
	w := newWorld(t)
	w.u.pool.idleTime = time.Millisecond
	for range 2 {
		if _, err := w.deliver(t.Context(), "dir/", mail.Bytes("x\r\n"), mailbox.Options{}); err != nil {
			t.Fatal(err)
		}
		w.done.Wait() // it has ended
	}
	if n := w.started.Load(); n != 2 {
		t.Errorf("%d deliverers", n)
	}
}
