package mailbox

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/status"
)

// faulty is the real disk, but for its n-th operation, which fails with err. It writes half of
// what a failing Write is given: a full disk takes what still fits.
type faulty struct {
	disk
	n    int
	err  error
	ops  []string // what was done, in order
	stat func(*syscall.Stat_t)
}

func (d *faulty) op(name string) error {
	d.ops = append(d.ops, name)
	if len(d.ops) == d.n {
		return &fs.PathError{Op: name, Path: "/secret/path", Err: d.err}
	}
	return nil
}

func (d *faulty) failed() string {
	if d.n > len(d.ops) {
		return ""
	}
	return d.ops[d.n-1]
}

func (d *faulty) Open(name string, flag int, perm fs.FileMode) (file, error) {
	if err := d.op("open " + filepath.Base(filepath.Dir(name))); err != nil {
		return nil, err
	}
	f, err := d.disk.Open(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return &faultyFile{f, d}, nil
}

func (d *faulty) Lstat(name string) (fs.FileInfo, error) {
	if err := d.op("lstat"); err != nil {
		return nil, err
	}
	return d.disk.Lstat(name)
}

func (d *faulty) Mkdir(name string, perm fs.FileMode) error {
	return first(d.op("mkdir"), func() error { return d.disk.Mkdir(name, perm) })
}

func (d *faulty) Rename(from, to string) error {
	return first(d.op("rename"), func() error { return d.disk.Rename(from, to) })
}

func (d *faulty) Remove(name string) error {
	return first(d.op("remove"), func() error { return d.disk.Remove(name) })
}

func (d *faulty) ReadDir(name string) ([]fs.DirEntry, error) {
	if err := d.op("readdir"); err != nil {
		return nil, err
	}
	return d.disk.ReadDir(name)
}

func (d *faulty) SyncDir(name string) error {
	return first(d.op("syncdir "+filepath.Base(name)), func() error { return d.disk.SyncDir(name) })
}

func first(err error, then func() error) error {
	if err != nil {
		return err
	}
	return then()
}

type faultyFile struct {
	file
	d *faulty
}

func (f *faultyFile) Write(p []byte) (int, error) {
	if err := f.d.op("write"); err != nil {
		n, _ := f.file.Write(p[:len(p)/2])
		return n, err
	}
	return f.file.Write(p)
}

func (f *faultyFile) ReadAt(p []byte, off int64) (int, error) {
	if err := f.d.op("readat"); err != nil {
		return 0, err
	}
	return f.file.ReadAt(p, off)
}

func (f *faultyFile) Stat() (fs.FileInfo, error) {
	if err := f.d.op("stat"); err != nil {
		return nil, err
	}
	fi, err := f.file.Stat()
	if err == nil && f.d.stat != nil {
		f.d.stat(fi.Sys().(*syscall.Stat_t))
	}
	return fi, err
}

func (f *faultyFile) SyscallConn() (syscall.RawConn, error) {
	if err := f.d.op("lock"); err != nil {
		return nil, err
	}
	return f.file.SyscallConn()
}

func (f *faultyFile) Truncate(size int64) error {
	return first(f.d.op("truncate"), func() error { return f.file.Truncate(size) })
}

func (f *faultyFile) Sync() error { return first(f.d.op("sync"), f.file.Sync) }

// Close closes in any case, as the system does.
func (f *faultyFile) Close() error { return errors.Join(f.d.op("close"), f.file.Close()) }

// on lets the writer work on a faulty disk.
func (w *Writer) on(d *faulty) {
	w.open = func(base string) (disk, error) {
		real, err := openRoot(base)
		d.disk = real
		return d, err
	}
}

var faults = map[string]struct {
	errno error
	dsn   []string // one of these
}{
	"the disk is full":  {syscall.ENOSPC, []string{"4.3.1"}},
	"the quota is used": {syscall.EDQUOT, []string{"5.2.2"}},
	"the disk is bad":   {syscall.EIO, []string{"4.2.0", "4.3.0"}},
	"no permission":     {syscall.EACCES, []string{"4.2.0", "4.3.0"}},
}

// eachFault delivers to a fresh directory with the first operation failing, then the second, and
// so on, until a delivery meets no fault. check sees what each left.
func eachFault(t *testing.T, value string, o Options, prepare func(base string), check func(t *testing.T, base string, d *faulty, err error)) {
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			for n := 1; ; n++ {
				base := t.TempDir()
				prepare(base)
				w, d := New(o), &faulty{n: n, err: fault.errno}
				w.on(d)
				p, err := Below(base, value, AnyOwner)
				if err != nil {
					t.Fatal(err)
				}
				_, err = w.Deliver(context.Background(), p, &Message{Sender: "a@b", Text: mail.Bytes(long)})
				check(t, base, d, err)
				if d.failed() == "" {
					if err != nil {
						t.Fatalf("without a fault: %v", err)
					}
					return
				}
				if err != nil {
					wantOneOf(t, d, err, fault.dsn)
				}
			}
		})
	}
}

var long = "Subject: long\r\n\r\n" + strings.Repeat("0123456789abcd\r\n", 8<<10)

func wantOneOf(t *testing.T, d *faulty, err error, dsn []string) {
	t.Helper()
	var e *status.Error
	if !errors.As(err, &e) || !slices.Contains(dsn, e.Reply.Enhanced) {
		t.Errorf("%s failed: got %v, want %v", d.failed(), err, dsn)
		return
	}
	if strings.Contains(e.Reply.Text, "secret") || !strings.Contains(fmt.Sprint(e.Cause), "secret") {
		t.Errorf("%s failed: reply %q, cause %v", d.failed(), e.Reply.Text, e.Cause)
	}
}

func TestAMaildirHasTheWholeMessageOrNothingWhateverFails(t *testing.T) {
	t.Run("without a quota", func(t *testing.T) { wholeOrNothing(t, func(string) {}) })
	t.Run("with a quota that is counted", func(t *testing.T) {
		wholeOrNothing(t, func(base string) {
			err := os.MkdirAll(filepath.Join(base, "m"), 0o700)
			if err = errors.Join(err, os.WriteFile(filepath.Join(base, "m", sizeFile), []byte("200000S\n1 1\n199999 1\n"), 0o600)); err != nil {
				t.Fatal(err)
			}
		})
	})
}

func wholeOrNothing(t *testing.T, prepare func(base string)) {
	eachFault(t, "m/", Options{}, prepare, func(t *testing.T, base string, d *faulty, err error) {
		names, _ := filepath.Glob(filepath.Join(base, "m/new/*"))
		if want := map[bool]int{true: 1, false: 0}[err == nil]; len(names) != want {
			t.Fatalf("%s failed: err %v, new has %q", d.failed(), err, names)
		}
		for _, name := range names {
			if b, err := os.ReadFile(name); err != nil || string(b) != "Return-Path: <a@b>\n"+plain(long, false) {
				t.Fatalf("%s failed: %d bytes, %v", d.failed(), len(b), err)
			}
		}
		if left, _ := filepath.Glob(filepath.Join(base, "m/tmp/*")); len(left) > 0 {
			t.Errorf("%s failed: tmp has %q", d.failed(), left)
		}
	})
}

func TestAnMboxIsTakenBackWhateverFails(t *testing.T) {
	const old = "From x  Wed Mar  4 12:00:05 2026\n\nold\n\n"
	o := Options{Locks: DefaultLocks | LockFlock, LockAttempts: 2, LockDelay: time.Nanosecond}
	prepare := func(base string) {
		if err := os.WriteFile(filepath.Join(base, "bob"), []byte(old), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	eachFault(t, "bob", o, prepare, func(t *testing.T, base string, d *faulty, err error) {
		b, readErr := os.ReadFile(filepath.Join(base, "bob"))
		if readErr != nil {
			t.Fatal(readErr)
		}
		whole := strings.HasPrefix(string(b), old+"From a@b") && strings.HasSuffix(string(b), plain(long, true))
		switch {
		case err == nil && whole, err != nil && string(b) == old:
		case err != nil && whole && d.failed() == "close":
			// Synced, then the close failed: it is delivered again, which is allowed.
		default:
			t.Fatalf("%s failed: err %v, file has %d bytes", d.failed(), err, len(b))
		}
		if _, err := os.Stat(filepath.Join(base, "bob.lock")); err == nil && d.failed() != "remove" {
			t.Errorf("%s failed: the dotlock is left", d.failed())
		}
	})
}

func TestANewMboxIsEmptyOrWholeWhateverFails(t *testing.T) {
	eachFault(t, "dir/bob", Options{}, func(string) {}, func(t *testing.T, base string, d *faulty, err error) {
		b, _ := os.ReadFile(filepath.Join(base, "dir/bob"))
		if err == nil != (len(b) > 0) && d.failed() != "close" {
			t.Fatalf("%s failed: err %v, file has %d bytes", d.failed(), err, len(b))
		}
	})
}

func TestTheFileIsSyncedBeforeItsNameAndTheNameBeforeWeSayDelivered(t *testing.T) {
	for _, c := range []struct {
		value string
		order []string
	}{
		{"m/", []string{"open tmp", "write", "sync", "close", "rename", "syncdir new"}},
		{"m/", []string{"mkdir", "syncdir .", "syncdir m"}},
		{"dir/bob", []string{"mkdir", "syncdir .", "open dir", "syncdir dir", "write", "sync", "close"}},
	} {
		w, d := New(Options{}), &faulty{}
		w.on(d)
		p, _ := Below(t.TempDir(), c.value, AnyOwner)
		if _, err := w.Deliver(context.Background(), p, &Message{Text: mail.Bytes(long)}); err != nil {
			t.Fatal(err)
		}
		ops := d.ops
		for _, op := range c.order {
			i := slices.Index(ops, op)
			if i < 0 {
				t.Fatalf("%s: no %q in its place: %q", c.value, op, d.ops)
			}
			ops = ops[i+1:]
		}
		last := c.order[len(c.order)-1]
		if last != "syncdir m" && (slices.Contains(ops, "write") || slices.Contains(ops, "rename")) {
			t.Errorf("%s: changed behind %q: %q", c.value, last, d.ops)
		}
	}
}

func TestAnMboxOfAnotherOwnerIsRefused(t *testing.T) {
	const stranger, bob = 4711, 4712
	for _, c := range []struct {
		name   string
		uid    uint32
		strict bool
		ok     bool
	}{
		{"our own", uint32(os.Geteuid()), true, true},
		{"the recipient's", bob, true, true},
		{"a stranger's", stranger, true, false},
		{"a stranger's, but that is allowed", stranger, false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := New(Options{StrictOwner: c.strict})
			w.on(&faulty{stat: func(st *syscall.Stat_t) { st.Uid = c.uid }})
			p, _ := Below(t.TempDir(), "bob", bob)
			_, err := w.Deliver(context.Background(), p, &Message{Text: mail.Bytes("x")})
			var e *status.Error
			if c.ok != (err == nil) || !c.ok && (!errors.As(err, &e) || e.Reply.Enhanced != "4.2.0") {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestAFileReplacedBeforeTheLockIsRefused(t *testing.T) {
	base := t.TempDir()
	path := filepath.Join(base, "bob")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	stats := 0
	w := New(Options{})
	w.on(&faulty{stat: func(*syscall.Stat_t) {
		if stats++; stats == 2 { // the look after the locks; a POP3 server was quicker
			if err := errors.Join(os.Rename(path, path+".old"), os.WriteFile(path, nil, 0o600)); err != nil {
				t.Error(err)
			}
		}
	}})
	p, _ := Below(base, "bob", AnyOwner)
	_, err := w.Deliver(context.Background(), p, &Message{Text: mail.Bytes("x")})
	var e *status.Error
	if !errors.As(err, &e) || !strings.Contains(e.Reply.Text, "replaced") {
		t.Fatalf("got %v", err)
	}
	for _, name := range []string{path, path + ".old"} {
		if b, err := os.ReadFile(name); err != nil || len(b) > 0 {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}
}

func TestATextThatCannotBeReadLeavesTheMailboxAsItWas(t *testing.T) {
	for _, value := range []string{"m/", "bob"} {
		base := t.TempDir()
		p, _ := Below(base, value, AnyOwner)
		text := damaged{mail.Bytes(long), 60_000, syscall.EIO}
		_, err := New(Options{}).Deliver(context.Background(), p, &Message{Text: text})
		var e *status.Error
		if !errors.As(err, &e) || e.Reply.Enhanced != "4.3.0" || !strings.HasPrefix(e.Reply.Text, cannotRead) {
			t.Errorf("%s: got %v", value, err)
		}
		if b, _ := os.ReadFile(filepath.Join(base, "bob")); len(b) > 0 {
			t.Errorf("the mbox has %d bytes", len(b))
		}
		if names, _ := filepath.Glob(filepath.Join(base, "m/*/*")); len(names) > 0 {
			t.Errorf("the maildir has %q", names)
		}
	}
}
