package scan

import (
	"bufio"
	"bytes"
	"io"
	"strings"

	"github.com/mtad/mtad/core/mail"
)

// Limits of a message's structure. What is deeper is one part; parts beyond do not count.
const (
	MaxParts = 1000
	MaxDepth = 20
	// maxPartHeader is how much of a part's header is looked at, maxBoundary how long a
	// boundary may be (RFC 2046 §5.1.1 says 70).
	maxPartHeader = 64 << 10
	maxBoundary   = 200
)

// leaf is a part and where its content is, counted from the begin of the body.
type leaf struct {
	Part
	encoding   string
	begin, end int64
}

// structure finds the leaves of a message in one pass over its body, line by line. It never fails
// for what it reads: a boundary that is missing, a header that is none, a part that does not end
// leave a part more or less, as they do in mail programs.
type structure struct {
	leaves     []leaf
	boundaries []string // "--" and the boundary, outermost first
	header     []byte   // of the part that begins; nil outside of headers
	inHeader   bool
	open       bool // the last leaf has not ended
	depth      int
}

// parse reads a body whose header is head.
func parse(head *mail.Header, body io.Reader) ([]leaf, error) {
	var s structure
	s.enter(head, 0)
	r := bufio.NewReaderSize(body, 32<<10)
	begin, eol := int64(0), int64(0) // of this line, of the line end before it
	for fresh := true; ; {
		line, err := r.ReadSlice('\n')
		if len(line) > 0 && fresh {
			s.line(line, begin, begin-eol)
		}
		begin += int64(len(line))
		eol = lineEnd(line)
		if fresh = err == nil; err == bufio.ErrBufferFull {
			continue // the rest of a very long line is content
		}
		if err != nil {
			s.finish(begin)
			return s.leaves, notEOF(err)
		}
	}
}

func lineEnd(line []byte) int64 {
	switch {
	case bytes.HasSuffix(line, []byte("\r\n")):
		return 2
	case bytes.HasSuffix(line, []byte("\n")):
		return 1
	}
	return 0
}

// line takes the line that begins at begin; before is where the content before it ends, if the line
// is a boundary (the line end belongs to the boundary, RFC 2046 §5.1.1).
func (s *structure) line(line []byte, begin, before int64) {
	if level, last := s.boundary(line); level >= 0 {
		s.finish(max(before, 0))
		s.boundaries = s.boundaries[:level+1]
		if last {
			s.boundaries = s.boundaries[:level]
		} else {
			s.inHeader, s.header = true, s.header[:0]
		}
		return
	}
	if !s.inHeader {
		return
	}
	text := bytes.TrimRight(line, "\r\n")
	if len(text) == 0 {
		s.inHeader = false
		s.enter(mail.ParseHeader(bytes.Clone(s.header)), begin+int64(len(line)))
		return
	}
	continues := text[0] == ' ' || text[0] == '\t'
	if (continues && len(s.header) > 0 || bytes.IndexByte(text, ':') > 0) && len(s.header)+len(text) < maxPartHeader {
		s.header = append(append(s.header, text...), '\r', '\n')
	}
}

// boundary says which of the open multiparts has line as its boundary, -1 for none, and whether it
// is the last one.
func (s *structure) boundary(line []byte) (level int, last bool) {
	if len(s.boundaries) == 0 || !bytes.HasPrefix(line, []byte("--")) {
		return -1, false
	}
	line = bytes.TrimRight(line, " \t\r\n")
	for i := len(s.boundaries) - 1; i >= 0; i-- {
		rest, ok := bytes.CutPrefix(line, []byte(s.boundaries[i]))
		if ok && len(rest) == 0 {
			return i, false
		}
		if ok && string(rest) == "--" {
			return i, true
		}
	}
	return -1, false
}

// enter begins a part with this header whose content begins at begin.
func (s *structure) enter(h *mail.Header, begin int64) {
	p, boundary := describe(h)
	switch nested := len(s.boundaries) < MaxDepth && s.depth < MaxDepth; {
	case nested && strings.HasPrefix(p.Type, "multipart/") && boundary != "" && len(boundary) <= maxBoundary:
		s.boundaries = append(s.boundaries, "--"+boundary)
	case nested && (p.Type == "message/rfc822" || p.Type == "message/global") && identity(p.encoding):
		s.inHeader, s.header = true, s.header[:0]
		s.depth++
	case len(s.leaves) < MaxParts:
		p.begin = begin
		s.leaves, s.open = append(s.leaves, p), true
	}
}

func identity(encoding string) bool {
	return encoding == "" || encoding == "7bit" || encoding == "8bit" || encoding == "binary"
}

// finish ends the part that is open at end. A header without a body is a part without content.
func (s *structure) finish(end int64) {
	if s.inHeader {
		s.inHeader = false
		s.enter(mail.ParseHeader(bytes.Clone(s.header)), end)
		s.inHeader = false
	}
	if s.open {
		l := &s.leaves[len(s.leaves)-1]
		l.end = max(end, l.begin)
	}
	s.open = false
}
