package cleanup

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"github.com/mtad/mtad/core/checks"
	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/maillog"
	"github.com/mtad/mtad/core/mimeconv"
	"github.com/mtad/mtad/core/status"
)

// Content is what the text of a message must be like, and what becomes of it before anybody looks at
// it. The zero Content asks for nothing and costs nothing.
type Content struct {
	// Reject and Strip are characters that refuse a message and that are taken out of it
	// (message_reject_characters, message_strip_characters). nil for none.
	Reject, Strip *Characters
	// Convert encodes the parts that say to be 8bit (force_mime_input_conversion).
	Convert bool
	// Rules are about the MIME structure; nil for none.
	Rules *checks.Rules
	// Internal lists the services whose notices are looked at too (internal_mail_filter_classes).
	// Convert is for all mail.
	Internal []string
}

// Characters is a set of bytes.
type Characters [256]bool

// ParseCharacters reads a set in the notation of postconf(5) message_reject_characters: characters and
// the escapes of C. Line ends are not part of the text, and so in no set. nil for the empty set.
func ParseCharacters(text string) (*Characters, error) {
	var set Characters
	some := false
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c == '\\' {
			n, used, err := escape(text[i+1:])
			if err != nil {
				return nil, err
			}
			c = n
			i += used
		}
		if c != '\r' && c != '\n' {
			set[c], some = true, true
		}
	}
	if !some {
		return nil, nil
	}
	return &set, nil
}

// escape reads what stands behind a backslash: up to three octal digits, or a letter.
func escape(s string) (c byte, used int, err error) {
	n := 0
	for used < 3 && used < len(s) && s[used] >= '0' && s[used] <= '7' {
		n = n*8 + int(s[used]-'0')
		used++
	}
	switch {
	case used > 0 && n < 256:
		return byte(n), used, nil
	case used > 0 || s == "":
		return 0, 0, fmt.Errorf(`\%s is no character`, s[:used])
	}
	const letters, values = `abfnrtv\`, "\a\b\f\n\r\t\v\\"
	for i := range letters {
		if letters[i] == s[0] {
			return values[i], 1, nil
		}
	}
	return 0, 0, fmt.Errorf(`\%c is no escape`, s[0])
}

// in returns the index of the first byte of p that is in the set, or -1.
func (s *Characters) in(p []byte) int {
	for i, c := range p {
		if s[c] {
			return i
		}
	}
	return -1
}

// sieve is what Content asks of one message.
type sieve struct {
	c       *Content
	convert *mimeconv.Stream
	buf     []byte
}

// newSieve returns what this message goes through before anything else; nil for nothing. Its kind
// decides as for header_checks: mail that is forwarded was looked at, and notices are only when they
// are asked for.
func (j *Job) newSieve() *sieve {
	c := &j.d.o.Content
	if c.Reject == nil && c.Strip == nil && c.Rules == nil && !c.Convert {
		return nil
	}
	s := &sieve{c: c}
	if c.Convert {
		s.convert = &mimeconv.Stream{}
	}
	if !c.looksAt(&j.env.Origin) {
		s.c = &Content{}
	}
	return s
}

func (c *Content) looksAt(o *mail.Origin) bool {
	switch o.Kind {
	case mail.KindForward, mail.KindVerify:
		return false
	case mail.KindBounce:
		for _, service := range c.Internal {
			if service == o.Service {
				return true
			}
		}
		return false
	}
	return true
}

// sift returns the text that is left of p.
func (j *Job) sift(p []byte) ([]byte, *status.Error) {
	s := j.sieve
	if set := s.c.Reject; set != nil {
		if i := set.in(p); i >= 0 {
			return nil, j.disallowed(p, i)
		}
	}
	if set := s.c.Strip; set != nil && set.in(p) >= 0 {
		s.buf = s.buf[:0]
		for _, c := range p {
			if !set[c] {
				s.buf = append(s.buf, c)
			}
		}
		p = s.buf
	}
	if s.convert != nil {
		return s.convert.Append(nil, p), nil
	}
	return p, nil
}

// disallowed refuses text for the character at p[i]; the log shows the line up to there.
func (j *Job) disallowed(p []byte, i int) *status.Error {
	j.logRefused("content", p[bytes.LastIndexByte(p[:i], '\n')+1:i], true)
	return status.New(550, "5.7.1", "disallowed character").By("message_reject_characters")
}

// maxShown is how much of a text the log shows.
const maxShown = 100

// logRefused writes why cleanup refuses a message, as Postfix does.
func (j *Job) logRefused(what string, text []byte, character bool) {
	o, to, from := &j.env.Origin, "unknown", "local"
	if len(j.env.Recipients) > 0 {
		to = j.env.Recipients[0].Address
	}
	if o.Kind == mail.KindSMTP {
		from = maillog.ClientName(o)
	}
	line := fmt.Sprintf("%s: reject: %s %s from %s; from=<%s> to=<%s>", j.env.ID, what, text[:min(len(text), maxShown)], from, j.env.Sender, to)
	if character {
		if o.Proto != "" {
			line += " proto=" + o.Proto
		}
		if o.Helo != "" {
			line += " helo=<" + o.Helo + ">"
		}
		line += ": 5.7.1 disallowed character"
	}
	j.d.o.Log.Info(status.Clean(line))
}

// beginStrict begins to hold the message to its rules, and to look for parts that say to be 8-bit
// (detect_8bit_encoding_header).
func (j *Job) beginStrict() *status.Error {
	var r checks.Rules
	if j.sieve != nil && j.sieve.c.Rules != nil {
		r = *j.sieve.c.Rules
		if j.env.SMTPUTF8 {
			r.Header = false // RFC 6532 §3.2 allows it
		}
	}
	b := j.env.Body
	detect := j.d.o.Detect8Bit && (b == mail.BodyUnset || b == mail.Body7Bit) && j.header.Find("Content-Transfer-Encoding", 0) >= 0
	if r == (checks.Rules{}) && !detect && !(j.d.o.Detect8Bit && b != mail.Body8BitMIME && composite(j.header)) {
		return nil
	}
	j.strict = checks.NewStrict(r, j.header)
	return j.offended()
}

// composite reports whether a message may have parts with headers of their own.
func composite(h *mail.Header) bool {
	i := h.Find("Content-Type", 0)
	if i < 0 {
		return false
	}
	v := bytes.TrimLeft(h.Field(i).RawValue(), " \t\r\n")
	for _, kind := range [...]string{"multipart/", "message/"} {
		if len(v) > len(kind) && strings.EqualFold(string(v[:len(kind)]), kind) {
			return true
		}
	}
	return false
}

// detected notes that the text is 8-bit because a header said so.
func (j *Job) detected() {
	if b := j.env.Body; j.strict != nil && j.d.o.Detect8Bit && j.strict.EightBit() && (b == mail.BodyUnset || b == mail.Body7Bit) {
		j.env.Body = mail.Body8BitMIME
	}
}

// checkBody holds the next bytes of the body to the rules.
func (j *Job) checkBody(p []byte) *status.Error {
	if j.strict == nil {
		return nil
	}
	j.strict.Write(p)
	return j.offended()
}

// offended refuses a message that broke a rule.
func (j *Job) offended() *status.Error {
	o := j.strict.Offence()
	if o == nil {
		return nil
	}
	j.logRefused("mime-error "+o.Text+":", []byte(o.Line), false)
	return status.New(550, "5.6.0", "%s", o.Text)
}

// endSieve writes what conversion held back; a failure is in j.err.
func (j *Job) endSieve(ctx context.Context) {
	if j.sieve != nil && j.sieve.convert != nil && j.err == nil {
		j.put(ctx, j.sieve.convert.End(nil))
	}
}
