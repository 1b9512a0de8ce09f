package mailbox_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/pipeline/deliver/mailbox"
)

// TestMain lets the tests start this program again as another process that uses mailboxes.
func TestMain(m *testing.M) {
	switch os.Getenv("MAILBOX_TEST_ROLE") {
	case "deliver":
		os.Exit(deliverMany(os.Getenv("MAILBOX_TEST_BASE"), os.Getenv("MAILBOX_TEST_NAME")))
	case "stall":
		os.Exit(deliverForEver(os.Getenv("MAILBOX_TEST_BASE"), os.Getenv("MAILBOX_TEST_NAME")))
	case "lock":
		os.Exit(holdLock(os.Getenv("MAILBOX_TEST_BASE"), os.Getenv("MAILBOX_TEST_NAME")))
	}
	os.Exit(m.Run())
}

// child starts another process in a role; it is killed at the end of the test at the latest.
func child(t *testing.T, role, base, name string) (c *exec.Cmd, in io.WriteCloser, out *bufio.Reader) {
	t.Helper()
	c = exec.Command(os.Args[0])
	c.Env = append(os.Environ(), "MAILBOX_TEST_ROLE="+role, "MAILBOX_TEST_BASE="+base, "MAILBOX_TEST_NAME="+name)
	c.Stderr = os.Stderr
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	pipe, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	return c, in, bufio.NewReader(pipe)
}

func waitLine(t *testing.T, out *bufio.Reader) {
	t.Helper()
	if _, err := out.ReadString('\n'); err != nil {
		t.Fatalf("the other process: %v", err)
	}
}

// patient waits for other processes as long as it takes, in small steps.
var patient = mailbox.Options{Locks: mailbox.DefaultLocks, LockAttempts: 1 << 20, LockDelay: time.Millisecond}

const each = 15

// body is a message whose lines all name it, of more than one block.
func body(who string, i int) string {
	return "\r\n" + strings.Repeat(fmt.Sprintf("message %d of %s\r\n", i, who), 2000)
}

func deliverMany(base, who string) int {
	w := mailbox.New(patient)
	for i := range each {
		p, _ := mailbox.Below(base, "bob", mailbox.AnyOwner)
		if _, err := w.Deliver(context.Background(), p, message(body(who, i))); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return 0
}

func TestDeliveriesToOneMboxNeverInterleave(t *testing.T) {
	base := t.TempDir()
	one := mailbox.New(patient)
	two := mailbox.New(patient) // does not know of one's turns
	var wg sync.WaitGroup
	for _, name := range []string{"p1", "p2"} {
		c, _, _ := child(t, "deliver", base, name)
		wg.Go(func() {
			if err := c.Wait(); err != nil {
				t.Error(err)
			}
		})
	}
	for i, w := range []*mailbox.Writer{one, one, two} {
		wg.Go(func() {
			for k := range each {
				p, _ := mailbox.Below(base, "bob", mailbox.AnyOwner)
				if _, err := w.Deliver(context.Background(), p, message(body(fmt.Sprintf("g%d", i), k))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	whole := map[string]bool{}
	for _, m := range splitMbox(t, []byte(read(t, filepath.Join(base, "bob")))) {
		lines := bytes.Split(m[bytes.Index(m, []byte("\n\n"))+2:], []byte("\n"))
		for _, line := range lines[:2000] {
			if !bytes.Equal(line, lines[0]) {
				t.Fatalf("%q stands in %q", line, lines[0])
			}
		}
		whole[string(lines[0])] = true
	}
	if len(whole) != 5*each {
		t.Fatalf("%d messages, want %d", len(whole), 5*each)
	}
	if names := files(t, base); len(names) != 1 {
		t.Errorf("locks are left: %q", names)
	}
}

// stalling is a message whose second half never comes. It says so on standard output.
type stalling struct{ mail.Bytes }

// ReadAt blocks behind the first half.
func (s stalling) ReadAt(p []byte, off int64) (int, error) {
	if half := s.Size() / 2; off < half {
		return s.Bytes[:half].ReadAt(p, off)
	}
	fmt.Println("half")
	select {}
}

func deliverForEver(base, name string) int {
	go func() { _, _ = io.Copy(io.Discard, os.Stdin); os.Exit(0) }()
	p, _ := mailbox.Below(base, name, mailbox.AnyOwner)
	m := message("")
	m.Text = stalling{mail.Bytes(body("a killed process", 1))}
	_, err := mailbox.New(patient).Deliver(context.Background(), p, m)
	fmt.Fprintln(os.Stderr, err)
	return 1
}

func TestAKilledDeliveryLeavesNoPartInNew(t *testing.T) {
	base := t.TempDir()
	c, _, out := child(t, "stall", base, "m/")
	waitLine(t, out)
	if err := c.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = c.Wait()
	onlyFile(t, filepath.Join(base, "m/tmp"))
	if names := files(t, filepath.Join(base, "m/new")); len(names) > 0 {
		t.Fatalf("new has %q", names)
	}
	mustDeliver(t, mailbox.New(mailbox.Options{}), below(t, base, "m/"), message("\r\nnext\r\n"))
	onlyFile(t, filepath.Join(base, "m/new"))
}

func TestAKilledDeliveryToAnMboxHarmsNoOtherMessage(t *testing.T) {
	base := t.TempDir()
	o := patient
	o.StaleLock = time.Nanosecond // the dead process's dotlock counts as forgotten at once
	w := mailbox.New(o)
	p := below(t, base, "bob")
	mustDeliver(t, w, p, message("\r\nfirst\r\n"))
	c, _, out := child(t, "stall", base, "bob")
	waitLine(t, out)
	if err := c.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = c.Wait()
	mustDeliver(t, w, p, message("\r\nlast\r\n"))
	msgs := splitMbox(t, []byte(read(t, filepath.Join(base, "bob"))))
	if !bytes.HasSuffix(msgs[0], []byte("\n\nfirst\n")) || !bytes.HasSuffix(msgs[len(msgs)-1], []byte("\n\nlast\n")) {
		t.Fatalf("%d messages, first %q", len(msgs), msgs[0])
	}
}

// holdLock takes an fcntl lock as another mail program does, until its input ends.
func holdLock(base, name string) int {
	f, err := os.OpenFile(filepath.Join(base, name), os.O_RDWR, 0)
	if err == nil {
		err = syscall.FcntlFlock(f.Fd(), syscall.F_SETLK, &syscall.Flock_t{Type: syscall.F_WRLCK})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println("locked")
	_, _ = io.Copy(io.Discard, os.Stdin)
	return 0
}

func TestTheLocksOfOtherProgramsAreRespected(t *testing.T) {
	base := t.TempDir()
	path := filepath.Join(base, "bob")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	c, in, out := child(t, "lock", base, "bob")
	waitLine(t, out)
	o := mailbox.Options{Locks: mailbox.LockFcntl, LockAttempts: 2, LockDelay: time.Millisecond}
	_, err := mailbox.New(o).Deliver(context.Background(), below(t, base, "bob"), message("x\r\n"))
	wantReply(t, err, "4.2.0", "cannot lock the mailbox: another program holds the lock")
	if got := read(t, path); got != "" {
		t.Fatalf("the mbox has %q", got)
	}
	_ = in.Close()
	_ = c.Wait()
	mustDeliver(t, mailbox.New(o), below(t, base, "bob"), message("x\r\n"))
}

func TestAFlockIsRespected(t *testing.T) {
	base := t.TempDir()
	f, err := os.Create(filepath.Join(base, "bob"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	o := mailbox.Options{Locks: mailbox.LockFlock, LockAttempts: 2, LockDelay: time.Millisecond}
	_, err = mailbox.New(o).Deliver(context.Background(), below(t, base, "bob"), message("x\r\n"))
	wantReply(t, err, "4.2.0", "another program holds the lock")
}

func TestADotlockIsRespectedUntilItIsStale(t *testing.T) {
	base := t.TempDir()
	lock := filepath.Join(base, "bob.lock")
	if err := os.WriteFile(lock, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	o := mailbox.Options{Locks: mailbox.LockDotlock, LockAttempts: 2, LockDelay: time.Millisecond}
	_, err := mailbox.New(o).Deliver(context.Background(), below(t, base, "bob"), message("x\r\n"))
	wantReply(t, err, "4.2.0", "another program holds the lock")
	if _, err := os.Stat(lock); err != nil {
		t.Fatalf("the lock of another program is gone: %v", err)
	}
	old := time.Now().Add(-501 * time.Second)
	if err := os.Chtimes(lock, old, old); err != nil {
		t.Fatal(err)
	}
	mustDeliver(t, mailbox.New(o), below(t, base, "bob"), message("x\r\n"))
	if names := files(t, base); len(names) != 1 {
		t.Errorf("the lock is left: %q", names)
	}
}

func TestWaitingForALockEndsWithTheContext(t *testing.T) {
	base := t.TempDir()
	if err := os.WriteFile(filepath.Join(base, "bob.lock"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	o := mailbox.Options{Locks: mailbox.LockDotlock, LockAttempts: 1 << 20, LockDelay: time.Hour}
	done := make(chan error)
	go func() {
		_, err := mailbox.New(o).Deliver(ctx, below(t, base, "bob"), message("x\r\n"))
		done <- err
	}()
	cancel()
	if err := <-done; err == nil || !strings.Contains(err.Error(), context.Canceled.Error()) {
		t.Fatalf("got %v", err)
	}
}

func TestParseLocks(t *testing.T) {
	for value, want := range map[string]mailbox.Locks{
		"fcntl, dotlock": mailbox.DefaultLocks, "flock": mailbox.LockFlock, "": 0, "Dotlock\tflock": mailbox.LockDotlock | mailbox.LockFlock,
	} {
		if got, err := mailbox.ParseLocks(value); err != nil || got != want {
			t.Errorf("%q: %v, %v", value, got, err)
		}
	}
	if _, err := mailbox.ParseLocks("fcntl, lockf"); err == nil || !strings.Contains(err.Error(), `"lockf"`) {
		t.Errorf("unknown lock: %v", err)
	}
}
