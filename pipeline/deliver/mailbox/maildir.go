package mailbox

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"strconv"
	"syscall"
	"time"
)

// toMaildir writes a file in tmp, syncs it and moves it to new: readers look in new and cur only,
// so they never see a part of a message.
func (w *Writer) toMaildir(d disk, p Place, m *Message) error {
	now := w.o.Clock()
	tmp := p.name + "/tmp/" + w.tmpName(now)
	f, err := w.createTmp(d, p, tmp)
	if err != nil {
		return failed(cannotOpen, err)
	}
	q, err := quotaOf(d, p)
	if err != nil {
		err = errors.Join(failed(cannotOpen, err), f.Close())
		_ = d.Remove(tmp)
		return err
	}
	unique, size, err := w.fill(f, m, now, func(size int64) error {
		if q == nil {
			return nil
		}
		return q.admit(d, size, now)
	})
	if q != nil {
		unique += ",S=" + strconv.FormatInt(size, 10) // who counts the Maildir need not open the file
	}
	if err == nil {
		err = w.publish(d, p, tmp, p.name+"/new/"+unique)
	}
	if err != nil {
		_ = d.Remove(tmp) // what cannot be removed is in nobody's way
		return err
	}
	if q != nil {
		q.add(d, size)
	}
	return nil
}

// tmpName returns a name that no other delivery has: by the convention time and process would do,
// but one process may have several deliveries in one microsecond.
func (w *Writer) tmpName(now time.Time) string {
	b := make([]byte, 0, 80)
	b = append(strconv.AppendInt(b, now.Unix(), 10), ".P"...)
	b = append(strconv.AppendInt(b, int64(os.Getpid()), 10), 'R')
	b = append(strconv.AppendUint(b, rand.Uint64(), 16), '.')
	return string(append(b, w.o.Hostname...))
}

// createTmp opens a new file in tmp; when a directory is missing it makes what the options allow.
func (w *Writer) createTmp(d disk, p Place, tmp string) (file, error) {
	const flags = os.O_WRONLY | os.O_CREATE | os.O_EXCL
	f, err := d.Open(tmp, flags, 0o600)
	if !notExist(err) {
		return f, err
	}
	if err := w.makeMaildir(d, p); err != nil {
		return nil, err
	}
	return d.Open(tmp, flags, 0o600)
}

func (w *Writer) makeMaildir(d disk, p Place) error {
	if w.o.Create == CreateSubdirs {
		if _, err := d.Lstat(p.name); err != nil {
			return err
		}
	}
	for _, sub := range [...]string{"/cur", "/new", "/tmp"} {
		if err := w.makeDirs(d, p.name+sub); err != nil {
			return err
		}
	}
	return nil
}

// fill writes, syncs and closes the file, and returns the name it shall have in new. admit may refuse a
// message of its size.
func (w *Writer) fill(f file, m *Message, now time.Time, admit func(size int64) error) (name string, size int64, err error) {
	fi, err := f.Stat()
	if err != nil {
		_ = f.Close()
		return "", 0, failed(cannotOpen, err)
	}
	var head [512]byte
	out := &limited{Writer: f, limit: w.o.SizeLimit}
	err = copyText(out, m.head(head[:0], ""), m.Text, false)
	if err == nil {
		err = admit(out.size)
	}
	if err == nil {
		err = f.Sync()
	}
	if err2 := f.Close(); err == nil {
		err = err2
	}
	if err != nil {
		return "", 0, writeFailed(err)
	}
	return w.newName(fi, now), out.size, nil
}

// newName uses the file's own numbers: as long as the file exists, no other has them.
func (w *Writer) newName(fi fs.FileInfo, now time.Time) string {
	b := make([]byte, 0, 80)
	b = append(strconv.AppendInt(b, now.Unix(), 10), ".V"...)
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		b = append(strconv.AppendUint(b, uint64(st.Dev), 16), 'I')
		b = append(strconv.AppendUint(b, uint64(st.Ino), 16), 'M')
	}
	b = strconv.AppendInt(b, int64(now.Nanosecond()/1000), 10)
	return string(append(append(b, '.'), w.o.Hostname...))
}

// publish moves the file to new. When it is not certain that the name is durable, the message
// counts as not delivered, and the name is taken back if it can be: better twice than never.
func (w *Writer) publish(d disk, p Place, tmp, name string) error {
	err := d.Rename(tmp, name)
	if notExist(err) {
		if err = w.makeMaildir(d, p); err == nil {
			err = d.Rename(tmp, name)
		}
	}
	if err != nil {
		return failed(cannotOpen, err)
	}
	if err := d.SyncDir(p.name + "/new"); err != nil {
		_ = d.Remove(name)
		return failed(cannotWrite, err)
	}
	return nil
}
