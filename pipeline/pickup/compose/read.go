package compose

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"slices"

	"github.com/mtad/mtad/core/addr"
	"github.com/mtad/mtad/core/mail"
)

// The user's mistakes.
var (
	ErrNoRecipients = errors.New("no recipient addresses found in message header")
	ErrTooBig       = errors.New("message file too big")
)

// Options say what sendmail was told.
type Options struct {
	// Extract takes recipients from the header too (-t). Without it, Recipients are all.
	Extract    bool
	Recipients []string
	// IgnoreDots takes a line with a single dot as text (-i).
	IgnoreDots bool
	// Sender is the envelope sender, "" for none; FullName goes into a From field if the
	// header has none, "" for nobody's.
	Sender, FullName string
	// Obsolete writes "From: address (name)" instead of "From: name <address>" (header_from_format).
	Obsolete bool
	// Charset is what a full name that is not ASCII is said to be in (full_name_encoding_charset),
	// utf-8 when "".
	Charset string
	// SizeLimit is message_size_limit in bytes, 0 for none.
	SizeLimit int64
}

// Message is what sendmail read.
type Message struct {
	// Recipients in the order given, arguments first.
	Recipients []string
	// SMTPUTF8 says that an address or the header has UTF-8; EightBit that there is a byte
	// ≥ 0x80 anywhere.
	SMTPUTF8, EightBit bool
	text               *spool
}

// Text reads the message from its begin, Size bytes.
func (m *Message) Text() (io.Reader, error) { return m.text.reader() }

// Size is the length of the text in bytes.
func (m *Message) Size() int64 { return m.text.size }

// Close forgets the text.
func (m *Message) Close() error { return m.text.close() }

// Read reads a message. The caller closes it.
func Read(in io.Reader, o Options) (m *Message, err error) {
	r := &lines{r: bufio.NewReaderSize(in, 64<<10), dots: !o.IgnoreDots, first: true}
	m = &Message{Recipients: slices.Clone(o.Recipients), text: &spool{limit: o.SizeLimit}}
	defer func() {
		if err != nil {
			err = errors.Join(err, m.Close())
			m = nil
		}
	}()
	block, rest, err := r.header()
	if err != nil {
		return m, err
	}
	if err := m.header(block, o); err != nil {
		return m, err
	}
	for rest != nil && err == nil {
		m.EightBit = m.EightBit || !addr.IsASCII(string(rest))
		if _, err := m.text.Write(rest); err != nil {
			return m, err
		}
		rest, err = r.next()
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return m, err
	}
	return m, nil
}

// header writes the header as it shall be sent.
func (m *Message) header(block []byte, o Options) error {
	m.EightBit, m.SMTPUTF8 = !addr.IsASCII(string(block)), isUTF8(block)
	all := fields(block)
	if o.Extract {
		var found []string
		found, all = extract(all)
		for _, a := range found {
			if !slices.Contains(m.Recipients, a) {
				m.Recipients = append(m.Recipients, a)
			}
		}
		if len(m.Recipients) == 0 {
			return ErrNoRecipients
		}
	}
	for _, a := range append(slices.Clip(m.Recipients), o.Sender) {
		m.SMTPUTF8 = m.SMTPUTF8 || !addr.IsASCII(a)
	}
	for i := range all {
		if _, err := m.text.Write(all[i].raw); err != nil {
			return err
		}
	}
	_, err := io.WriteString(m.text, from(all, &o))
	return err
}

// lines reads text up to its end as sendmail understands it.
type lines struct {
	r *bufio.Reader
	// dots says that a single dot ends the text; first that no line but mbox's was seen;
	// inside that the last piece did not end its line.
	dots, first, inside bool
}

// next returns a line with its end, or a piece of a line longer than the buffer. It is valid until
// the next call. It returns io.EOF at the end.
func (l *lines) next() ([]byte, error) {
	for {
		p, err := l.r.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) || len(p) > 0 && errors.Is(err, io.EOF) {
			err = nil
		}
		if err != nil {
			return nil, err
		}
		whole := !l.inside
		l.inside = p[len(p)-1] != '\n'
		switch {
		case whole && l.dots && isDot(p):
			return nil, io.EOF
		case whole && l.first && bytes.HasPrefix(bytes.TrimLeft(p, ">"), []byte("From ")):
			continue // mbox's, or quoted by mbox
		}
		l.first = false
		return p, nil
	}
}

func isDot(p []byte) bool {
	return p[0] == '.' && len(bytes.TrimRight(p, "\r\n")) == 1
}

// header reads the header block, at most mail.HeaderLimit bytes, and the line behind it, nil if
// there is none. That one is valid until next is called.
func (l *lines) header() (block, rest []byte, err error) {
	for {
		p, err := l.next()
		if errors.Is(err, io.EOF) {
			return block, nil, nil
		}
		if err != nil {
			return nil, nil, err
		}
		if l.inside && l.atEnd() {
			p = append(slices.Clip(p), '\n') // a header that ends without a line end
			l.inside = false
		}
		n := len(block)
		if len(block) > mail.HeaderLimit || l.inside {
			return block, p, nil
		}
		block = append(block, p...)
		if m, done := mail.SplitFrom(block, n); done && m == n {
			return block[:n], p, nil
		}
	}
}

// atEnd reports whether nothing is left.
func (l *lines) atEnd() bool {
	_, err := l.r.Peek(1)
	return err != nil
}
