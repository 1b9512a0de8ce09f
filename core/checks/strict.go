package checks

import (
	"bytes"
	"mime"
	"strings"

	"github.com/mtad/mtad/core/mail"
)

// Rules are what a message must keep to in its MIME structure (RFC 2045, RFC 2046). The zero Rules
// ask for nothing.
type Rules struct {
	// Header: no header field has 8-bit text (strict_7bit_headers).
	Header bool
	// Body: no body has 8-bit text whose Content-Transfer-Encoding is 7bit or not given
	// (strict_8bitmime_body).
	Body bool
	// Domain: the encoding of multiparts and messages is none that hides their structure: 7bit, 8bit
	// or binary (RFC 2045 §6.4; strict_mime_encoding_domain).
	Domain bool
	// Nesting bounds how many multiparts may stand around another one, which is one more as Postfix
	// counts; 0 for any number (mime_nesting_limit).
	Nesting int
	// Boundary is how many bytes of a boundary are compared (mime_boundary_length_limit).
	Boundary int
}

// Offence is what a message does against Rules: Text names the rule, Line is the text that breaks it,
// without line end.
type Offence struct{ Text, Line string }

// The offences.
const (
	offenceHeader  = "improper use of 8-bit data in message header"
	offenceBody    = "improper use of 8-bit data in message body"
	offenceDomain  = "invalid message/* or multipart/* encoding domain"
	offenceNesting = "MIME nesting exceeds safety limit"
)

// Strict holds a message to Rules while it goes by. It keeps a header field and the begin of a line,
// never more. One goroutine uses it.
type Strict struct {
	rules Rules
	walk  parts
	// kind and encoding are those of the part whose header goes by; bare says that the text that goes
	// by must be 7-bit.
	kind, encoding string
	bare           bool
	field          []byte // of the header of a part, with what continues it
	line           []byte // the begin of a line whose end is to come
	inside         bool   // of a line whose begin was looked at
	eight          bool   // a header said 8bit or binary
	offence        *Offence
}

// keepLine is how much of a line is looked at: boundaries and the names of fields are shorter.
const keepLine = 4 << 10

// maxField is the most that is kept of a field.
const maxField = 64 << 10

// NewStrict begins with the header of a message.
func NewStrict(r Rules, h *mail.Header) *Strict {
	s := &Strict{rules: r, walk: parts{limit: r.Boundary, nesting: r.Nesting}}
	for i := range h.Len() {
		s.take(h.Field(i).Raw())
	}
	s.enter()
	return s
}

// EightBit reports whether the header of the message or of a part said that its text is 8bit or binary.
func (s *Strict) EightBit() bool { return s.eight }

// Offence returns the first thing that broke a rule, nil for none.
func (s *Strict) Offence() *Offence { return s.offence }

// Write takes the next bytes of the body: of the text behind the empty line that ends the header.
func (s *Strict) Write(p []byte) {
	for len(p) > 0 && s.offence == nil {
		if s.skips() {
			if p = s.skip(p); len(p) == 0 {
				return
			}
		}
		end := bytes.IndexByte(p, '\n') + 1
		switch {
		case end == 0 && len(s.line)+len(p) < keepLine && !s.inside:
			s.line = append(s.line, p...)
			return
		case end == 0:
			s.piece(p, false)
			return
		}
		s.piece(p[:end], true)
		p = p[end:]
	}
}

// skips reports whether nothing of this part matters but where it ends: no line is open that could.
func (s *Strict) skips() bool {
	return !s.walk.header && !(s.rules.Body && s.bare) && (s.inside || len(s.line) == 0)
}

// skip passes over text up to the next line that may be a boundary.
func (s *Strict) skip(p []byte) []byte {
	if !s.inside && (p[0] == '-' || len(s.walk.boundaries) == 0) {
		if p[0] == '-' && len(s.walk.boundaries) > 0 {
			return p
		}
		return nil // no boundary can come any more
	}
	i := bytes.Index(p, []byte("\n-"))
	if i >= 0 {
		s.inside = false
		return p[i+1:]
	}
	s.inside = p[len(p)-1] != '\n'
	return nil
}

// piece takes the next bytes of a line, the last ones when ended says so.
func (s *Strict) piece(p []byte, ended bool) {
	if s.inside {
		if !s.walk.header {
			s.text(p)
		} else if s.rules.Header {
			s.eightBit(offenceHeader, p)
		}
		s.inside = !ended
		return
	}
	if len(s.line) > 0 {
		p = append(s.line, p...)
		s.line = s.line[:0]
	}
	s.begun(p)
	s.inside = !ended
}

// begun takes a line, or the begin of a long one.
func (s *Strict) begun(p []byte) {
	if i, last := s.walk.find(string(p[:min(len(p), keepLine)])); i >= 0 {
		s.endField()
		s.walk.boundary(i, last)
		s.kind, s.encoding, s.bare = "", "", true
		return
	}
	if !s.walk.header {
		s.text(p)
		return
	}
	if len(s.field) > 0 && (p[0] == ' ' || p[0] == '\t') {
		s.field = append(s.field, p[:min(len(p), max(maxField-len(s.field), 0))]...)
		return
	}
	s.endField()
	if n, done := mail.Split(p); n > 0 || !done && bytes.IndexByte(p, ':') > 0 {
		s.field = append(s.field, p...)
		return
	}
	s.enter() // the empty line, or text without one
	if len(bytes.TrimRight(p, "\r\n")) > 0 {
		s.text(p)
	}
}

// text is body text.
func (s *Strict) text(p []byte) {
	if s.rules.Body && s.bare {
		s.eightBit(offenceBody, p)
	}
}

func (s *Strict) endField() {
	if len(s.field) > 0 {
		s.take(s.field)
		s.field = s.field[:0]
	}
}

// take looks at a field of a header.
func (s *Strict) take(raw []byte) {
	if s.rules.Header {
		s.eightBit(offenceHeader, raw)
	}
	if raw[0]|0x20 != 'c' {
		return
	}
	name, value, _ := strings.Cut(string(raw), ":")
	value = strings.TrimSpace(strings.NewReplacer("\r", "", "\n", "").Replace(value))
	switch strings.ToLower(strings.TrimRight(name, " \t")) {
	case "content-type":
		if s.kind == "" {
			s.kind = value
		}
	case "content-transfer-encoding":
		if f := strings.Fields(value); len(f) > 0 {
			s.encoding = strings.ToLower(f[0])
			s.eight = s.eight || s.encoding == "8bit" || s.encoding == "binary"
		}
	}
}

// enter ends a header: the body of its part begins.
func (s *Strict) enter() {
	depth := len(s.walk.boundaries)
	if s.rules.Nesting > 0 && depth > s.rules.Nesting+1 && isMultipart(s.kind) {
		s.broke(offenceNesting, []byte(s.kind))
	}
	s.walk.enter(s.kind)
	composite := len(s.walk.boundaries) > depth || s.walk.header
	if s.rules.Domain && (composite || strings.HasPrefix(strings.ToLower(s.kind), "multipart/")) {
		switch s.encoding {
		case "base64", "quoted-printable":
			s.broke(offenceDomain, []byte(s.encoding))
		}
	}
	s.bare = true
	if !s.walk.header { // what is enclosed begins anew
		switch s.encoding {
		case "8bit", "binary", "base64", "quoted-printable":
			s.bare = false
		}
	}
	s.kind, s.encoding = "", ""
}

func isMultipart(kind string) bool {
	k, params, _ := mime.ParseMediaType(kind)
	return strings.HasPrefix(k, "multipart/") && params["boundary"] != ""
}

// eightBit notes text that has a byte ≥ 0x80.
func (s *Strict) eightBit(text string, p []byte) {
	for _, c := range p {
		if c >= 0x80 {
			s.broke(text, p)
			return
		}
	}
}

// maxOffence is the most that is kept of what broke a rule.
const maxOffence = 100

func (s *Strict) broke(text string, p []byte) {
	if s.offence == nil {
		p = bytes.TrimRight(p, "\r\n")
		s.offence = &Offence{text, string(p[:min(len(p), maxOffence)])}
	}
}
