package scan

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"sync"

	"github.com/mtad/mtad/core/mail"
)

// The errors of a Message.
var (
	ErrTime = errors.New("time limit exceeded")
	ErrPart = errors.New("no such part")
	ErrHash = errors.New("no such hash function")
	ErrDisk = errors.New("the message cannot be read")
)

// The texts of a message; Parts + i is the decoded content of part i.
const (
	Whole   = 0
	Header  = 1
	Body    = 2
	Decoded = 3 // the text/* parts, decoded, one after the other
	Parts   = 16
)

// Message is a message to be scanned. One goroutine uses it.
type Message struct {
	head    []byte
	rest    mail.Content // nil before the body is known
	bodyOff int64
	late    func() bool

	leaves []leaf // nil: not known yet
	// reading is where sequential reads of a part are.
	reading struct {
		part int
		off  int64
		r    io.Reader
	}
}

// New opens a message: its header block, and what follows it (nil before it is known), in which
// the body begins at bodyOff. late says that the time is over; it may be nil.
func New(head []byte, rest mail.Content, bodyOff int64, late func() bool) *Message {
	return &Message{head: head, rest: rest, bodyOff: bodyOff, late: late}
}

// Late makes late say that the time is over, for a message that goes on to be scanned in another
// call.
func (m *Message) Late(late func() bool) { m.late = late }

// clocked looks at the clock as it reads, and knows the disk's errors from those of decoders.
type clocked struct {
	r io.Reader
	m *Message
}

// Read reads.
func (c clocked) Read(p []byte) (int, error) {
	if c.m.late != nil && c.m.late() {
		return 0, ErrTime
	}
	n, err := c.r.Read(p[:min(len(p), 16<<10)])
	if err != nil && err != io.EOF {
		err = errors.Join(ErrDisk, err)
	}
	return n, err
}

// open returns a reader of a text from offset from on.
func (m *Message) open(text int, from int64) (io.Reader, error) {
	switch {
	case from < 0:
		return nil, ErrPart
	case text == Header:
		return bytes.NewReader(m.head[min(from, int64(len(m.head))):]), nil
	case m.rest == nil:
		return nil, ErrPart
	case text == Body:
		return m.section(m.rest, m.bodyOff+from, m.rest.Size()), nil
	case text == Whole:
		all := mail.Joined{First: mail.Bytes(m.head), Second: m.rest}
		return m.section(all, from, all.Size()), nil
	}
	r, err := m.decoded(text)
	if err == nil && from > 0 {
		_, err = io.CopyN(io.Discard, r, from)
	}
	return r, notEOF(err)
}

// section reads c from begin to end.
func (m *Message) section(c mail.Content, begin, end int64) io.Reader {
	return clocked{io.NewSectionReader(c, begin, max(end-begin, 0)), m}
}

func (m *Message) decoded(text int) (io.Reader, error) {
	if err := m.analyse(); err != nil {
		return nil, err
	}
	switch {
	case text == Decoded:
		return &texts{m: m}, nil
	case text < Parts || text-Parts >= len(m.leaves):
		return nil, ErrPart
	}
	return m.part(text - Parts), nil
}

// part reads the decoded content of part i.
func (m *Message) part(i int) io.Reader {
	l := &m.leaves[i]
	return l.content(m.section(m.rest, m.bodyOff+l.begin, m.bodyOff+l.end))
}

// analyse finds the parts, once.
func (m *Message) analyse() (err error) {
	if m.leaves == nil && m.rest != nil {
		m.leaves, err = parse(mail.ParseHeader(m.head), m.section(m.rest, m.bodyOff, m.rest.Size()))
	}
	if err != nil {
		m.leaves = nil
	}
	return err
}

// Count returns the number of parts: at least one, but for a multipart without any.
func (m *Message) Count() (int, error) {
	if m.rest == nil {
		return 0, ErrPart
	}
	err := m.analyse()
	return len(m.leaves), err
}

// Part says what part i is.
func (m *Message) Part(i int) (Part, error) {
	n, err := m.Count()
	if err != nil {
		return Part{}, err
	}
	if i < 0 || i >= n {
		return Part{}, ErrPart
	}
	return m.leaves[i].Part, nil
}

// PartSize returns the length of the decoded content of part i.
func (m *Message) PartSize(i int) (int64, error) {
	if i < 0 {
		return 0, ErrPart
	}
	r, err := m.open(Parts+i, 0)
	if err != nil {
		return 0, err
	}
	return io.Copy(io.Discard, r)
}

// ReadPart fills p with the decoded content of part i from offset off on and returns how many
// bytes there were, 0 at the end. Reading on from where the last call ended is cheap.
func (m *Message) ReadPart(i int, off int64, p []byte) (int, error) {
	if i < 0 || off < 0 {
		return 0, ErrPart
	}
	at := &m.reading
	if at.r == nil || at.part != i || at.off != off {
		r, err := m.open(Parts+i, off)
		if err != nil {
			return 0, err
		}
		at.part, at.off, at.r = i, off, r
	}
	n, err := io.ReadFull(at.r, p)
	at.off += int64(n)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		err = nil
	}
	if err != nil {
		at.r = nil
	}
	return n, err
}

// Match is where something was found.
type Match struct {
	Begin, End int64
	Found      []byte // the first maxFound bytes of it
}

const maxFound = 1000

type block [32 << 10]byte

// blocks are the buffers of FindWords. Not mutable state of the daemon: a pool keeps nothing that
// anybody can see.
var blocks = sync.Pool{New: func() any { return new(block) }}

// FindWords finds the word of a set that ends first in a text, from offset from on, and of those
// that end there the longest; ok is false when there is none.
func (m *Message) FindWords(w *Words, text int, from int64) (found Match, ok bool, err error) {
	r, err := m.open(text, from)
	if err != nil {
		return Match{}, false, err
	}
	buf := blocks.Get().(*block)
	defer blocks.Put(buf)
	kept, base, state := 0, from, uint32(0) // buf[:kept] are the bytes before base
	for {
		n, err := r.Read(buf[kept:])
		var end, length int
		if state, end, length = w.find(state, buf[kept:kept+n]); end > 0 {
			at := kept + end
			return Match{base + int64(end-length), base + int64(end), bytes.Clone(buf[at-length : at])}, true, nil
		}
		base += int64(n)
		if err != nil {
			return Match{}, false, notEOF(err)
		}
		all := kept + n
		kept = min(all, MaxWord)
		copy(buf[:kept], buf[all-kept:all])
	}
}

func notEOF(err error) error {
	if err == io.EOF {
		return nil
	}
	return err
}

// FindPattern finds the first match of a pattern in a text, from offset from on. What stands
// before from is not seen: "^" matches there.
func (m *Message) FindPattern(p *Pattern, text int, from int64) (found Match, ok bool, err error) {
	r, err := m.open(text, from)
	if err != nil {
		return Match{}, false, err
	}
	begin, end, err := p.find(r)
	if err != nil || begin < 0 {
		return Match{}, false, err
	}
	found = Match{Begin: from + begin, End: from + end, Found: make([]byte, min(end-begin, maxFound))}
	if r, err = m.open(text, found.Begin); err == nil {
		_, err = io.ReadFull(r, found.Found)
	}
	return found, err == nil, err
}

// Hash returns the hash of a text in hexadecimal digits; alg is md5, sha1 or sha256.
func (m *Message) Hash(alg string, text int) (string, error) {
	h := newHash(alg)
	if h == nil {
		return "", ErrHash
	}
	r, err := m.open(text, 0)
	if err != nil {
		return "", err
	}
	if _, err := io.Copy(h, r); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func newHash(alg string) hash.Hash {
	switch alg {
	case "md5":
		return md5.New()
	case "sha1":
		return sha1.New()
	case "sha256":
		return sha256.New()
	}
	return nil
}
