package asuser

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/privsep"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/pipeline/deliver"
	"github.com/mtad/mtad/pipeline/deliver/mailbox"
)

// Users does things with the rights of others. Safe for concurrent use.
type Users struct {
	c     *privsep.Client
	pool  pool
	turns mailbox.Turns
}

var (
	_ deliver.Runner  = (*Users)(nil)
	_ deliver.Starter = (*Users)(nil)
	_ deliver.Files   = (*Users)(nil)
)

// New returns Users of a parent. A deliverer without work ends after idle (max_idle). Close it when nothing
// is under way.
func New(c *privsep.Client, idle time.Duration) *Users {
	u := &Users{c: c}
	u.pool.start, u.pool.idleTime = u.start, idle
	return u
}

// Close ends the deliverers that wait for work.
func (u *Users) Close() { u.pool.close() }

// start asks the parent for a deliverer.
func (u *Users) start(o owner) (*net.UnixConn, error) {
	f, err := u.c.Deliverer(o.place, o.as.Name, o.as.UID, o.as.GID, o.directory)
	if err != nil {
		return nil, err
	}
	return controlOf(f)
}

// controlOf makes a control socket of a file, which it takes over.
func controlOf(f *os.File) (*net.UnixConn, error) {
	defer f.Close()
	c, err := net.FileConn(f)
	if err != nil {
		return nil, err
	}
	control, ok := c.(*net.UnixConn)
	if !ok {
		c.Close()
		return nil, errors.New("a deliverer's socket is none of the file system's")
	}
	return control, nil
}

// Run runs a command. The parent checks that the configuration asks for it.
func (u *Users) Run(ctx context.Context, c *deliver.Command) (deliver.Ended, error) {
	req := &privsep.Command{Kind: uint8(c.Kind), Service: c.Service, Directory: c.Directory, Account: c.As.Name, UID: c.As.UID, GID: c.As.GID,
		Argv: c.Argv, Env: c.Env}
	if until, ok := ctx.Deadline(); ok {
		req.Limit = time.Until(until) + spare
	}
	if c.Kind == deliver.ByService {
		req.Env = nil // the parent has its own
	}
	return deliver.Converse(ctx, c, func(stdin, output, feed *os.File) (deliver.Process, error) {
		r, err := u.c.Run(req, stdin, output, feed)
		if err != nil {
			var refused *privsep.Refused
			if errors.As(err, &refused) {
				return nil, status.Tempfail("4.3.5", "mail system configuration error").Because(err)
			}
			return nil, err
		}
		return r, nil
	})
}

// Start starts a command that talks over a connection. The parent has its own reading of the service,
// and ends the command a little after limit.
func (u *Users) Start(c *deliver.Command, conn *os.File, limit time.Duration) (deliver.Process, error) {
	r, err := u.c.Run(&privsep.Command{Kind: uint8(c.Kind), Service: c.Service, Limit: limit + spare, Argv: c.Argv}, conn, conn, nil)
	if err != nil {
		return nil, err // not r: a nil *Running is no nil Process
	}
	return r, nil
}

// spare is how much longer the parent lets a command run than this process does: the one that
// tells of a time limit is here.
const spare = 10 * time.Second

// Mailboxes returns what writes mailboxes in a place (Virtual, Spool, Home or AnyFile) with the
// options given.
func (u *Users) Mailboxes(place privsep.Place, o mailbox.Options) mailbox.Deliverer {
	return &mailboxes{u, place, o}
}

type mailboxes struct {
	*Users
	place   privsep.Place
	options mailbox.Options
}

// Deliver writes m to the mailbox at p.
func (b *mailboxes) Deliver(ctx context.Context, as deliver.As, p mailbox.Place, m *mailbox.Message) (string, error) {
	if as.UID < 0 || as.GID < 0 {
		err := errors.New("no owner is known for the mailbox " + p.String())
		return "", status.Tempfail("4.3.5", "mail system configuration error").Because(err)
	}
	j := job{name: p.Name(), owner: p.Owner(), size: m.Text.Size(), sender: m.Sender, original: m.Original, delivered: m.Delivered, options: b.options}
	if !strings.HasSuffix(j.name, "/") {
		done, err := b.turns.Take(ctx, p.String())
		if err != nil {
			return "", err
		}
		defer done()
	}
	o := owner{b.place, as, clean(p.Base())}
	texts, err := b.pool.ask(ctx, o, j.frame(), maxFrame, func(w *bufio.Writer) error { return feed(w, m.Text) })
	if err != nil {
		return "", err
	}
	return parseAnswer(texts)
}

var blocks = sync.Pool{New: func() any { b := make([]byte, 32<<10); return &b }}

// feed writes a message in blocks.
func feed(w *bufio.Writer, text mail.Content) error {
	kept := blocks.Get().(*[]byte)
	defer blocks.Put(kept)
	b := *kept
	var head [4]byte
	for off, size := int64(0), text.Size(); off < size; {
		n, err := text.ReadAt(b[:min(int64(len(b)), size-off)], off)
		if n == 0 {
			if err == nil || errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF // shorter than its size: damaged, not ended
			}
			return status.Tempfail("4.3.0", "cannot read the queued message").Because(err)
		}
		off += int64(n)
		binary.BigEndian.PutUint32(head[:], uint32(n))
		if _, err := w.Write(head[:]); err != nil {
			return err
		}
		if _, err := w.Write(b[:n]); err != nil {
			return err
		}
	}
	_, err := w.Write([]byte{0, 0, 0, 0})
	return err
}

// ReadFile reads a file below the home directory of an account, or below any directory that the account
// can enter.
func (u *Users) ReadFile(ctx context.Context, as deliver.As, dir, name string, limit int64) (deliver.File, error) {
	f, err := u.readFile(ctx, owner{privsep.Home, as, clean(dir)}, name, limit)
	var refused *privsep.Refused
	if errors.As(err, &refused) {
		return u.readFile(ctx, owner{privsep.Included, as, clean(dir)}, name, limit)
	}
	return f, err
}

func (u *Users) readFile(ctx context.Context, o owner, name string, limit int64) (f deliver.File, err error) {
	texts, err := u.pool.ask(ctx, o, []string{jobRead, name, strconv.FormatInt(min(limit, maxFile), 10)}, maxFile+1<<10, nil)
	if err != nil {
		return f, err
	}
	if len(texts) == 1 && texts[0] == answerNone {
		return f, &fs.PathError{Op: "open", Path: name, Err: syscall.ENOENT}
	}
	if len(texts) == 1 && texts[0] == answerUnusable {
		return f, &fs.PathError{Op: "open", Path: name, Err: syscall.EACCES}
	}
	if len(texts) != 5 || texts[0] != answerFile {
		_, err := parseAnswer(texts)
		if err == nil {
			err = broken(errFrame)
		}
		return f, err
	}
	mode, err1 := strconv.ParseUint(texts[2], 8, 32)
	uid, err2 := strconv.ParseUint(texts[3], 10, 32)
	links, err3 := strconv.ParseUint(texts[4], 10, 31)
	if err := errors.Join(err1, err2, err3); err != nil || int64(len(texts[1])) > limit {
		return f, broken(fmt.Errorf("%w: %w", errFrame, err))
	}
	return deliver.File{Data: []byte(texts[1]), Mode: fs.FileMode(mode), UID: int(uid), Links: int(links)}, nil
}
