package mailbox

import (
	"context"
	"io/fs"
	"os"
	"path"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/pipeline/deliver"
)

// Message is what goes into a mailbox. Addresses are in external form.
type Message struct {
	// Sender stands in Return-Path and the From line; "" is the null sender.
	Sender string
	// Original stands in X-Original-To, Delivered in Delivered-To; "" leaves the field out.
	Original, Delivered string
	// Text is read, not closed.
	Text mail.Content
}

// Writer writes mailboxes. Safe for concurrent use.
type Writer struct {
	o    Options
	busy Turns
	open func(base string) (disk, error)
}

// New returns a writer.
func New(o Options) *Writer {
	return &Writer{o: o.withDefaults(), open: openRoot}
}

// Deliver writes m to the mailbox at p and returns what to say of it in the log. See the package
// documentation for errors and for what a failed or cancelled delivery leaves.
func (w *Writer) Deliver(ctx context.Context, p Place, m *Message) (text string, err error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	d, err := w.enter(p.base)
	if err != nil {
		return "", failed(cannotOpen, err)
	}
	defer d.Close()
	if p.maildir {
		return deliver.ToMaildir, w.toMaildir(d, p, m)
	}
	return deliver.ToMailbox, w.toMbox(ctx, d, p, m)
}

func (w *Writer) enter(base string) (disk, error) {
	d, err := w.open(base)
	if w.o.Create != CreateAll || !notExist(err) {
		return d, err
	}
	if err := makeBase(base); err != nil {
		return nil, err
	}
	return w.open(base)
}

// head returns the lines that a mailbox has before the message.
func (m *Message) head(b []byte, from string) []byte {
	b = append(b, from...)
	b = appendField(b, "Return-Path: <", m.Sender, ">\n")
	if m.Original != "" {
		b = appendField(b, "X-Original-To: ", m.Original, "\n")
	}
	if m.Delivered != "" {
		b = appendField(b, "Delivered-To: ", m.Delivered, "\n")
	}
	return b
}

// appendField cleans value: no address may end its field and begin another.
func appendField(b []byte, name, value, end string) []byte {
	return append(append(append(b, name...), status.Clean(value)...), end...)
}

// makeDirs makes what is missing of the directory name below the base, as the options allow, and
// syncs each directory that got a new entry.
func (w *Writer) makeDirs(d disk, name string) error {
	if name == "." {
		return nil
	}
	err := d.Mkdir(name, 0o700)
	if notExist(err) {
		if err := w.makeDirs(d, path.Dir(name)); err != nil {
			return err
		}
		err = d.Mkdir(name, 0o700)
	}
	switch {
	case err == nil:
		return d.SyncDir(path.Dir(name))
	case os.IsExist(err):
		return nil
	}
	return err
}

// makeBase makes a base directory and what is missing above it.
func makeBase(base string) error {
	base = path.Clean(base)
	err := os.Mkdir(base, 0o700)
	if notExist(err) && path.Dir(base) != base {
		if err := makeBase(path.Dir(base)); err != nil {
			return err
		}
		err = os.Mkdir(base, 0o700)
	}
	switch {
	case err == nil:
		return syncPath(path.Dir(base))
	case os.IsExist(err):
		return nil
	}
	return err
}

func syncPath(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return syncAndClose(f)
}

func syncAndClose(f interface {
	Sync() error
	Close() error
}) error {
	err := f.Sync()
	if err2 := f.Close(); err == nil {
		err = err2
	}
	return err
}

func notExist(err error) bool { return errIs(err, fs.ErrNotExist) }
