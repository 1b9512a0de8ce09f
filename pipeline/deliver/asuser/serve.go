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
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/mtad/mtad/core/confine"
	"github.com/mtad/mtad/core/privsep"
	"github.com/mtad/mtad/pipeline/deliver"
	"github.com/mtad/mtad/pipeline/deliver/mailbox"
)

// Called reports whether this process was started as a deliverer; then it calls Main and nothing
// else.
func Called(argv []string) bool {
	return (len(argv) == 2 || len(argv) == 3 && argv[2] == privsep.DelivererReads) && argv[0] == privsep.DelivererName
}

// processors is how many deliveries wait for the disk before the Go scheduler begins to look, every 20 µs,
// for one whose place another could have: that, and waking threads for it, was a third of the time.
const processors = 64

// Main is the whole of a deliverer. It returns the exit code.
func Main(argv []string, stderr io.Writer) int {
	privsep.Name(privsep.DelivererName)
	runtime.GOMAXPROCS(max(processors, runtime.GOMAXPROCS(0)))
	err := run(argv[1], len(argv) == 3)
	if err != nil {
		fmt.Fprintf(stderr, "%s: %s: %v\n", privsep.DelivererName, argv[1], err)
		return 1
	}
	return 0
}

func run(directory string, reads bool) error {
	const socket = 3
	c, err := controlOf(os.NewFile(socket, "deliverer"))
	if err != nil {
		return fmt.Errorf("it is started by mtad alone: %w", err)
	}
	defer c.Close()
	shared := &shared{directory: directory, reads: reads}
	if err := confine.Hide(); err != nil {
		return err
	}
	_ = time.Now().Local().String() // reads the time zone while its file can be reached
	reach := directory
	if !deliver.IsDirectory(reach) {
		reach = existing(directory) // it may have to be made; a file in its place is told of by the delivery
	}
	if reads {
		if _, err := confine.Process(confine.Paths{ReadOnly: []string{reach}}); err != nil {
			return err
		}
		return attend(c, shared.serve)
	}
	if _, err := confine.Process(confine.Paths{ReadWrite: []string{reach}}); err != nil {
		return err
	}
	return attend(c, shared.serve)
}

// existing is the lowest directory above path that there is.
func existing(path string) string {
	for path != "/" {
		path = filepath.Dir(path)
		if deliver.IsDirectory(path) {
			break
		}
	}
	return path
}

// shared is what the connections of a deliverer have in common.
type shared struct {
	directory string
	reads     bool // nothing else

	mu sync.Mutex // guards all below
	// writer is that of the last job; jobs differ in their options only after a reload.
	writer  *mailbox.Writer
	options []string
}

// writerOf returns what writes with the options of a job. It is the same for all jobs with the same
// options, so that deliveries to one mbox take turns.
func (s *shared) writerOf(j *job, options []string) *mailbox.Writer {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.writer == nil || !slices.Equal(s.options, options) {
		s.writer, s.options = mailbox.New(j.options), options
	}
	return s.writer
}

// serve does the jobs that come over c, one after the other, within directory, until c is closed.
func (sh *shared) serve(c net.Conn) error {
	r := bufio.NewReaderSize(c, maxBlock)
	s := &server{shared: sh, r: r}
	for {
		texts, err := readFrame(r, maxFrame)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		var answer []string
		switch {
		case len(texts) > 0 && texts[0] == jobMailbox && !s.reads:
			answer, err = s.mailbox(texts)
		case len(texts) == 3 && texts[0] == jobRead:
			answer, err = s.read(texts[1], texts[2])
		default:
			err = errFrame
		}
		if err != nil {
			return err
		}
		if _, err := c.Write(appendFrame(nil, answer...)); err != nil {
			return err
		}
	}
}

// server serves one connection.
type server struct {
	*shared
	r *bufio.Reader
}

// mailbox does a delivery. Its error is one of the connection; what went wrong with the mailbox is
// the answer.
func (s *server) mailbox(texts []string) ([]string, error) {
	j, err := parseJob(texts)
	if err != nil {
		return nil, err
	}
	place, err := mailbox.Below(s.directory, j.name, j.owner)
	if err != nil {
		return nil, err
	}
	text := &stream{r: s.r, size: j.size}
	said, err := s.writerOf(&j, texts[optionTexts:]).Deliver(context.Background(), place, &mailbox.Message{Sender: j.sender, Original: j.original, Delivered: j.delivered, Text: text})
	if text.err != nil {
		return nil, text.err
	}
	if failed := text.skip(); failed != nil {
		return nil, failed
	}
	if err != nil {
		return failureFrame(err), nil
	}
	return []string{answerDone, said}, nil
}

// read reads a file.
func (s *server) read(name, most string) ([]string, error) {
	limit, err := strconv.ParseInt(most, 10, 64)
	if err != nil || limit < 0 || limit > maxFile {
		return nil, errFrame
	}
	f, err := deliver.Self{}.ReadFile(context.Background(), deliver.As{}, s.directory, name, limit)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return []string{answerNone}, nil
	case errors.Is(err, fs.ErrPermission), errors.Is(err, deliver.ErrFile):
		return []string{answerUnusable}, nil
	case err != nil:
		return failureFrame(err), nil
	}
	return []string{answerFile, string(f.Data), strconv.FormatUint(uint64(f.Mode), 8), strconv.Itoa(f.UID), strconv.Itoa(f.Links)}, nil
}

// stream is a message that comes in blocks. It is read from its begin to its end, once; the last
// bytes are given out when the block that ends it has come.
type stream struct {
	r    *bufio.Reader
	size int64
	at   int64 // what was read
	left int   // of the block
	over bool
	err  error // of the connection
}

// Size is the message's.
func (s *stream) Size() int64 { return s.size }

// Close does nothing.
func (s *stream) Close() error { return nil }

// ReadAt reads on; off must be where the last call ended.
func (s *stream) ReadAt(p []byte, off int64) (int, error) {
	if off != s.at {
		return 0, fmt.Errorf("read at %d of a stream at %d", off, s.at)
	}
	n := 0
	for n < len(p) && s.at < s.size && s.err == nil {
		if !s.block() {
			break
		}
		k, err := s.r.Read(p[n:min(len(p), n+s.left)])
		n, s.left, s.at = n+k, s.left-k, s.at+int64(k)
		if err != nil {
			s.err = noEOF(err)
		}
	}
	if s.at == s.size && s.err == nil && !s.over && s.block() {
		s.err = errFrame // more than its size
	}
	if s.err == nil && s.over && s.at < s.size {
		s.err = io.ErrUnexpectedEOF
	}
	if s.err != nil {
		return 0, s.err
	}
	return n, nil
}

// block begins the next block when the last is over; false at the end of the message or of the
// connection.
func (s *stream) block() bool {
	if s.left > 0 {
		return true
	}
	if s.over || s.err != nil {
		return false
	}
	var head [4]byte
	if _, err := io.ReadFull(s.r, head[:]); err != nil {
		s.err = noEOF(err)
		return false
	}
	n := binary.BigEndian.Uint32(head[:])
	if n > maxBlock {
		s.err = errFrame
		return false
	}
	s.left, s.over = int(n), n == 0
	return n > 0
}

// skip reads what nobody wants to the end.
func (s *stream) skip() error {
	for s.block() {
		n, err := s.r.Discard(s.left)
		if s.left -= n; err != nil {
			s.err = noEOF(err)
		}
	}
	return s.err
}
