package mailbox

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"syscall"
	"time"
)

// toMbox appends to an mbox file under all its locks. Order: the lock of this process first, which
// is quick to wait for; then the dotlock, which must be there before the file is opened; then the
// locks on the open file, which its closing releases.
func (w *Writer) toMbox(ctx context.Context, d disk, p Place, m *Message) error {
	done, err := w.busy.Take(ctx, p.String())
	if err != nil {
		return err
	}
	defer done()
	release, err := w.dotlock(ctx, d, p)
	if err != nil {
		return failed(cannotLock, err)
	}
	defer release()
	f, err := w.openMbox(d, p)
	if err != nil {
		return failed(cannotOpen, err)
	}
	if err := w.lockFile(ctx, f); err != nil {
		_ = f.Close()
		return failed(cannotLock, err)
	}
	return w.appendMessage(f, d, p, m)
}

// openMbox opens the mbox, or makes it. Another program may make or remove it meanwhile, so it
// tries more than once.
func (w *Writer) openMbox(d disk, p Place) (file, error) {
	for try := 0; ; try++ {
		// Non-blocking: a FIFO in the mailbox's place must not stop the agent.
		f, err := d.Open(p.name, os.O_RDWR|os.O_APPEND|syscall.O_NONBLOCK, 0)
		if notExist(err) {
			f, err = w.createMbox(d, p)
		}
		if errIs(err, fs.ErrExist) && try < 3 {
			continue
		}
		if err != nil {
			return nil, err
		}
		if err := w.trust(f, d, p); err != nil {
			_ = f.Close()
			return nil, err
		}
		return f, nil
	}
}

func (w *Writer) createMbox(d disk, p Place) (file, error) {
	const flags = os.O_RDWR | os.O_APPEND | os.O_CREATE | os.O_EXCL
	f, err := d.Open(p.name, flags, 0o600)
	if err != nil {
		return nil, err
	}
	if err := d.SyncDir(path.Dir(p.name)); err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// trust refuses a file that someone with write access to the spool may have put there to make
// mtad write elsewhere: a symbolic link, a second name of some other file, a device. It also finds
// out that a program replaced the file between our open and our lock.
func (w *Writer) trust(f file, d disk, p Place) error {
	fi, err := f.Stat()
	if err != nil {
		return err
	}
	named, err := d.Lstat(p.name)
	if err != nil {
		return err
	}
	st, ok := fi.Sys().(*syscall.Stat_t)
	switch {
	case named.Mode()&fs.ModeSymlink != 0:
		return untrusted(p, "is a symbolic link")
	case !fi.Mode().IsRegular() || !ok:
		return untrusted(p, "is not a regular file")
	case !os.SameFile(fi, named):
		return untrusted(p, "was replaced meanwhile")
	case st.Nlink != 1:
		return untrusted(p, "has more than one name")
	case w.o.StrictOwner && int(st.Uid) != os.Geteuid() && int(st.Uid) != p.owner:
		return untrusted(p, "is not owned by its recipient")
	}
	return nil
}

// appendMessage writes the message behind what the file has, syncs and closes it; when that
// fails it takes the file back to its old length while the locks still hold.
func (w *Writer) appendMessage(f file, d disk, p Place, m *Message) error {
	if err := w.trust(f, d, p); err != nil { // again, now that we hold the locks
		_ = f.Close()
		return failed(cannotOpen, err)
	}
	fi, err := f.Stat()
	if err != nil {
		_ = f.Close()
		return failed(cannotOpen, err)
	}
	old := fi.Size()
	if err := w.write(f, old, m); err != nil {
		err = errors.Join(err, f.Truncate(old), f.Sync())
		_ = f.Close()
		return writeFailed(err)
	}
	if err := f.Close(); err != nil {
		return writeFailed(err)
	}
	return nil
}

func (w *Writer) write(f file, size int64, m *Message) error {
	gap, err := gapAfter(f, size)
	if err != nil {
		return err
	}
	var head [640]byte
	b := append(head[:0], gap...)
	b = m.head(b, fromLineOf(m.Sender, w.o.Clock()))
	out := &limited{Writer: f, size: size, limit: w.o.SizeLimit}
	if err := copyText(out, b, m.Text, true); err != nil {
		return err
	}
	return f.Sync()
}

// gapAfter returns what must stand between the end of the file and the next From line: readers
// know it by the empty line before it, and a delivery that was killed may not have got that far.
func gapAfter(f file, size int64) (string, error) {
	if size == 0 {
		return "", nil
	}
	tail := make([]byte, min(size, 2))
	if _, err := f.ReadAt(tail, size-int64(len(tail))); err != nil && !errIs(err, io.EOF) {
		return "", err
	}
	switch {
	case bytes.Equal(tail, []byte("\n\n")), string(tail) == "\n":
		return "", nil
	case tail[len(tail)-1] == '\n':
		return "\n", nil
	}
	return "\n\n", nil
}

// fromLineOf returns the line that begins a message in an mbox, with the date of ctime(3).
func fromLineOf(sender string, now time.Time) string {
	if sender == "" {
		sender = "MAILER-DAEMON"
	}
	return string(appendField(nil, fromLine, sender, "  "+now.Local().Format(time.ANSIC)+"\n"))
}

func writeFailed(err error) error {
	if errIs(err, errReading) {
		return failed(cannotRead, err)
	}
	return failed(cannotWrite, err)
}
