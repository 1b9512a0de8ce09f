package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/pipeline/ctl"
	"github.com/mtad/mtad/pipeline/pickup/drop"
	"github.com/mtad/mtad/queue"
)

const postcatUsage = "usage: postcat [-b (body text)] [-c config_dir] [-d (decimal record type)] [-e (envelope records)] " +
	"[-h (header text)] [-q (access queue)] [-v] [file(s)...]"

const helpPostcat = `usage: postcat [-behdv] -q ID...
       postcat [-behdv] [FILE...]

Shows messages of the queue, running or stopped, or files of the maildrop
directory; standard input without FILE.

  -e, -h, -b  envelope records, header, body; all three unless said
  -d          the number of each record's type before it
  -v          what became of each recipient, too
  -q          look for the ids in the queue
  -r          accepted: there are no pointer records to follow
  -c DIR      configuration directory

-o and -s are refused: a queued message is no file here.

Exit code: 0 done, 1 not done.
`

// sections are the parts of a message that postcat shows.
type sections struct{ envelope, header, body, types, verbose bool }

func postcat(sh *shell, args []string) int {
	opts, names, err := getopt(args, "bc:dehoqrs:v")
	if err != nil {
		fmt.Fprintf(sh.err, "%s: %v\n", sh.name, err)
		return sh.fail(exFailure, postcatUsage)
	}
	var show sections
	fromQueue := false
	for _, o := range opts {
		switch o.letter {
		case 'b':
			show.body = true
		case 'c':
			sh.dir = o.value
		case 'd':
			show.types = true
		case 'e':
			show.envelope = true
		case 'h':
			show.header = true
		case 'q':
			fromQueue = true
		case 'v':
			show.verbose = true
		case 'o', 's':
			return sh.fail(exFailure, "-%c: a queued message is no file here and has no offsets", o.letter)
		}
	}
	if !show.body && !show.envelope && !show.header {
		show.body, show.envelope, show.header = true, true, true
	}
	out := bufio.NewWriterSize(sh.out, 64<<10)
	err = sh.catAll(out, names, fromQueue, show)
	if flushErr := out.Flush(); err == nil {
		err = flushErr
	}
	if err != nil {
		return sh.fail(exFailure, "%s", told(err))
	}
	return exOK
}

func (sh *shell) catAll(out *bufio.Writer, names []string, fromQueue bool, show sections) error {
	if len(names) == 0 {
		return sh.catFile(out, "stdin", sh.in, show)
	}
	for _, name := range names {
		var err error
		if fromQueue {
			err = sh.catQueued(out, name, show)
		} else {
			err = sh.catNamed(out, name, show)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// catNamed shows a file.
func (sh *shell) catNamed(out *bufio.Writer, name string, show sections) error {
	f, err := os.Open(name)
	if err != nil {
		return errors.New("open " + name + ": " + reasonOf(err))
	}
	defer f.Close()
	return sh.catFile(out, name, f, show)
}

// reasonOf is an error of the system without the operation and the path.
func reasonOf(err error) string {
	var p *fs.PathError
	if errors.Is(err, fs.ErrNotExist) {
		return "No such file or directory"
	}
	if errors.As(err, &p) {
		return p.Err.Error()
	}
	return err.Error()
}

// catFile shows what is in the form of the maildrop directory.
func (sh *shell) catFile(out *bufio.Writer, name string, in io.Reader, show sections) error {
	buffered := bufio.NewReader(in)
	if _, err := buffered.Peek(1); errors.Is(err, io.EOF) {
		return nil // nothing in it is not wrong
	}
	env, text, err := drop.Decode(buffered)
	if errors.Is(err, drop.ErrDamaged) {
		sh.warn("%s: input is not a valid queue file", name)
		return nil
	}
	if err != nil {
		return err
	}
	e := &queue.Entry{Envelope: *env}
	w := &catWriter{out: out, show: show, path: name}
	w.envelope(e, &queue.Record{})
	return w.text(text)
}

// catQueued shows a message of the queue: the daemon's, the store's, or one in maildrop.
func (sh *shell) catQueued(out *bufio.Writer, id string, show sections) error {
	if !isID(id) {
		return errors.New("bad mail queue ID: " + id)
	}
	e, r, text, err := sh.openQueued(id)
	if errors.Is(err, queue.ErrNotFound) || errors.Is(err, errNoQueue) {
		return sh.catDropped(out, id, show)
	}
	if err != nil {
		return err
	}
	w := &catWriter{out: out, show: show, path: r.State.String() + "/" + id}
	w.envelope(e, r)
	return errors.Join(w.text(text), text.Close())
}

// openQueued asks the daemon, or opens the store.
func (sh *shell) openQueued(id string) (*queue.Entry, *queue.Record, io.ReadCloser, error) {
	cfg, err := sh.config()
	if err != nil {
		return nil, nil, nil, err
	}
	c := ctl.NewClient(cfg.String("control_socket"))
	e, r, text, err := c.Message(context.Background(), id)
	if !errors.Is(err, ctl.ErrDown) {
		return e, r, text, err
	}
	off, err := openOffline(cfg, false)
	if err != nil {
		return nil, nil, nil, err
	}
	if e, r, err = off.Find(context.Background(), id); err == nil {
		var content mail.Content
		if content, err = off.Open(id); err == nil {
			return e, r, &offlineText{mail.Reader(content), content, off}, nil
		}
	}
	return nil, nil, nil, errors.Join(err, off.close())
}

// offlineText is the text of an entry; with it the queue is closed.
type offlineText struct {
	io.Reader
	content mail.Content
	off     offline
}

// Close closes text and queue.
func (t *offlineText) Close() error { return errors.Join(t.content.Close(), t.off.close()) }

// catDropped shows a message in the maildrop directory.
func (sh *shell) catDropped(out *bufio.Writer, id string, show sections) error {
	cfg, err := sh.config()
	if err != nil {
		return err
	}
	f, err := os.Open(filepath.Join(dropDir(cfg), id))
	if err != nil {
		return errors.New("open queue file " + id + ": " + reasonOf(err))
	}
	defer f.Close()
	return sh.catFile(out, maildropQueue+"/"+id, f, show)
}
