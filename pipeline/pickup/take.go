package pickup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/pipeline/pickup/drop"
)

// headRoom is what a file may be longer than its message: the head of package drop.
const headRoom = 16 << 20

// take brings one file to the door. It reports whether the file is gone or set aside.
func (p *Pickup) take(ctx context.Context, name string) bool {
	f, uid, err := open(filepath.Join(p.o.Dir, name))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false // its owner took it back
	case errors.Is(err, errStrange):
		return p.aside(name, damagedPrefix, err)
	case err != nil:
		p.o.Log.Warning("maildrop/" + name + ": " + err.Error())
		return false
	}
	defer f.Close()
	ctx, cancel := context.WithTimeout(ctx, p.o.Timeout)
	defer cancel()
	err = p.submit(ctx, f, uid)
	var refusal *status.Error
	switch {
	case err == nil:
		return p.remove(name)
	case errors.Is(err, drop.ErrDamaged):
		return p.aside(name, damagedPrefix, err)
	case errors.As(err, &refusal) && refusal.Reply.Permanent():
		return p.refused(ctx, name, f, uid, refusal)
	}
	p.o.Log.Warning("maildrop/" + name + ": " + err.Error() + "; will try again")
	return false
}

// errStrange is a thing in the directory that no sendmail command put there.
var errStrange = errors.New("not a plain file with one link")

// open opens a file without following a link or waiting for a pipe, and returns its owner.
func open(path string) (*os.File, int, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if errors.Is(err, syscall.ELOOP) || errors.Is(err, syscall.ENXIO) {
		return nil, 0, errStrange
	}
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || !info.Mode().IsRegular() || st.Nlink != 1 {
		return nil, 0, errors.Join(errStrange, f.Close())
	}
	return f, int(st.Uid), nil
}

// submit decodes f and gives it to the door. Damage found in the text counts before what the
// door made of it.
func (p *Pickup) submit(ctx context.Context, f *os.File, uid int) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if limit := p.o.SizeLimit; limit > 0 && info.Size() > limit+headRoom {
		return status.New(552, "5.3.4", "Message file too big").By("message_size_limit")
	}
	env, text, err := drop.Decode(f)
	if err != nil {
		return err
	}
	env.Origin = Origin(uid)
	w := &watched{r: text}
	id, err := p.o.Submit(ctx, env, Announce(p.o.Log, env, w))
	switch {
	case errors.Is(w.err, drop.ErrDamaged):
		return w.err
	case err != nil:
		return err
	case id == "":
		return errors.New("queued without an id")
	}
	return nil
}

// watched remembers how its reader ended.
type watched struct {
	r   io.Reader
	err error
}

// Read reads from r.
func (w *watched) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	if err != nil {
		w.err = err
	}
	return n, err
}

// remove unlinks a file that was queued.
func (p *Pickup) remove(name string) bool {
	err := os.Remove(filepath.Join(p.o.Dir, name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		p.o.Log.Error("maildrop/" + name + ": queued, but not removed: " + err.Error())
		return false
	}
	return true
}

// refused sends a message back to its sender, or keeps it.
func (p *Pickup) refused(ctx context.Context, name string, f *os.File, uid int, refusal *status.Error) bool {
	if p.o.Return == nil || refusal.Rule == "local_login_sender_maps" || refusal.Rule == "authorized_submit_users" {
		// Whoever is named as the sender did not send this, or nobody may.
		return p.aside(name, refusedPrefix, refusal)
	}
	env, text, err := reread(f)
	if err != nil {
		return p.aside(name, damagedPrefix, err)
	}
	env.Origin = Origin(uid)
	if err := p.o.Return(ctx, env, refusal.Reply, text); err != nil {
		p.o.Log.Warning(fmt.Sprintf("maildrop/%s: refused (%v), and cannot be returned: %v", name, refusal, err))
		return false
	}
	return p.remove(name)
}

// reread decodes f again and returns its text for random access. f stays open and is the
// caller's.
func reread(f *os.File) (*mail.Envelope, mail.Content, error) {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	env, size, err := drop.DecodeHead(f)
	if err != nil {
		return nil, nil, err
	}
	return env, section{io.NewSectionReader(f, info.Size()-size, size)}, nil
}

// section is the end of an open file as content.
type section struct{ *io.SectionReader }

var _ mail.Content = section{}

// Close does nothing: the file is another's.
func (section) Close() error { return nil }
