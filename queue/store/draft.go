package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/queue"
	"github.com/mtad/mtad/queue/store/bodyfile"
	"github.com/mtad/mtad/queue/store/codec"
)

// maxInline is the most bytes of written text that are kept in memory, and then in the database.
const maxInline = codec.BlockLen

// draft is an entry that is being written.
type draft struct {
	store  *Store
	id     string
	serial uint64
	// forks counts the drafts with this id; number is this one's.
	forks  *atomic.Int32
	number int
	// What was written is the blocks in file, if there is one, and then text, in buf.
	file *bodyfile.Writer
	buf  buffer
	text []byte
	// err is the first failure; it is the answer to everything that follows.
	err  error
	over bool
}

var _ queue.Draft = (*draft)(nil)

// Begin starts a new entry. It takes no disk access but, at times, for the next 65536 ids.
func (s *Store) Begin(ctx context.Context) (queue.Draft, error) {
	if err := s.canBegin(ctx); err != nil {
		return nil, failed("Begin", "", err)
	}
	serial, id, err := s.newID()
	if err != nil {
		return nil, failed("Begin", "", err)
	}
	return &draft{store: s, id: id, serial: serial, forks: new(atomic.Int32)}, nil
}

func (s *Store) canBegin(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := s.ledger.Writable(); err != nil {
		return err
	}
	return s.checkRoom(0)
}

// ID is the queue id the entry will have.
func (d *draft) ID() string { return d.id }

// Fork returns a draft of the same id with no text.
func (d *draft) Fork() queue.Draft {
	return &draft{store: d.store, id: d.id, serial: d.serial, forks: d.forks, number: int(d.forks.Add(1))}
}

// Write appends text. After a failure the draft can only be given up.
func (d *draft) Write(p []byte) (n int, err error) {
	if d.over && d.err == nil {
		d.err = errOver(d.id)
	}
	for len(p) > 0 && d.err == nil {
		if len(d.text) == maxInline {
			d.spill()
			continue
		}
		d.grow(min(len(d.text)+len(p), maxInline))
		k := copy(d.text[len(d.text):cap(d.text)], p)
		d.text = d.text[:len(d.text)+k]
		p, n = p[k:], n+k
	}
	return n, d.err
}

func errOver(id string) error {
	return failed("write", id, errors.New("the draft is over"))
}

// grow sees that text has room for n bytes.
func (d *draft) grow(n int) {
	if n <= cap(d.text) {
		return
	}
	buf := d.store.pool.get(n)
	text := buf.bytes()
	d.text = text[:copy(text, d.text)]
	d.store.pool.put(d.buf)
	d.buf = buf
}

// spill moves a full block to the file.
func (d *draft) spill() {
	err := d.store.checkRoom(len(d.text))
	if err == nil && d.file == nil {
		d.file, err = d.store.bodies.Create(d.serial, d.number)
	}
	if err == nil {
		err = d.file.Append(d.text)
	}
	d.text = d.text[:0]
	if err != nil {
		d.err = failed("write", d.id, err)
	}
}

// fileSize is how much of the text is in the file.
func (d *draft) fileSize() int64 {
	if d.file == nil {
		return 0
	}
	return d.file.Size()
}

func (d *draft) size() int64 { return d.fileSize() + int64(len(d.text)) }

// Content is the text written so far. Reading and writing take turns.
func (d *draft) Content() mail.Content {
	if d.file == nil {
		return mail.Bytes(d.text)
	}
	return answered{mail.Joined{First: draftFile{d.file}, Second: mail.Bytes(d.text)}, d.id}
}

// draftFile is the part of a draft that is in its file.
type draftFile struct{ *bodyfile.Writer }

func (draftFile) Close() error { return nil }

// ReadAt passes on whole reads only, for a file that is shorter than written is a failure.
func (f draftFile) ReadAt(p []byte, off int64) (int, error) {
	n, err := f.Writer.ReadAt(p, off)
	if n == len(p) {
		return n, nil
	}
	if err == nil || err == io.EOF && off+int64(n) < f.Size() {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// Abort forgets what was written.
func (d *draft) Abort() {
	if d.over {
		return
	}
	if d.file != nil {
		d.file.Discard()
	}
	d.release()
}

// release ends the draft and gives back what it borrowed.
func (d *draft) release() {
	d.over = true
	d.store.pool.put(d.buf)
	d.buf, d.text, d.file = buffer{}, nil, nil
}

// check says why a commit cannot even be tried.
func (d *draft) check(ctx context.Context, env *mail.Envelope, s queue.State) error {
	switch {
	case d.err != nil:
		return d.err
	case d.over:
		return errOver(d.id)
	case s != queue.Incoming && s != queue.Hold:
		return fmt.Errorf("no entry begins as %s", s)
	case len(env.Recipients) == 0:
		return errors.New("no recipients")
	case d.file != nil && d.size() > maxFile:
		return status.New(552, "5.3.4", "Message file too big").By("store")
	}
	return ctx.Err()
}

// maxFile keeps the checksums of a body file small enough for one value.
const maxFile = 1 << 36
