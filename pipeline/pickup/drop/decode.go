package drop

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/mtad/mtad/core/mail"
)

// Limits of the head. A message for more recipients than fit is given in several.
const (
	maxLine = 8 << 10
	maxHead = 16 << 20
)

// ErrDamaged says that something is not in the form of this package.
var ErrDamaged = errors.New("damaged maildrop data")

// Decode reads the head from r and returns the envelope and what reads the message. That one
// returns ErrDamaged in place of io.EOF when the message has not the size the head says. Origin
// is left empty. At most 16 MiB of head are held in memory.
func Decode(r io.Reader) (*mail.Envelope, io.Reader, error) {
	d, err := decodeHead(r)
	if err != nil {
		return nil, nil, err
	}
	return d.env, &sized{r: d.r, left: d.size}, nil
}

// DecodeHead is Decode for who reads the message in another way: size is its length in bytes.
// It may read beyond the head.
func DecodeHead(r io.Reader) (env *mail.Envelope, size int64, err error) {
	d, err := decodeHead(r)
	if err != nil {
		return nil, 0, err
	}
	return d.env, d.size, nil
}

func decodeHead(r io.Reader) (*decoder, error) {
	d := &decoder{r: bufio.NewReaderSize(r, maxLine), env: &mail.Envelope{}, seen: map[string]bool{}}
	line, err := d.line()
	if err != nil {
		return nil, err
	}
	if line != version {
		return nil, damaged("first line %.40q", line)
	}
	for {
		line, err := d.line()
		switch {
		case err != nil:
			return nil, err
		case line == "":
			return d, d.complete()
		}
		if err := d.field(line); err != nil {
			return nil, err
		}
	}
}

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrDamaged, fmt.Sprintf(format, args...))
}

type decoder struct {
	r    *bufio.Reader
	env  *mail.Envelope
	size int64
	read int
	seen map[string]bool
}

// line returns the next line without its end.
func (d *decoder) line() (string, error) {
	b, err := d.r.ReadSlice('\n')
	d.read += len(b)
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return "", damaged("a line of more than %d bytes", maxLine)
	case errors.Is(err, io.EOF):
		return "", damaged("it ends in the head")
	case err != nil:
		return "", err
	case d.read > maxHead:
		return "", damaged("a head of more than %d bytes", maxHead)
	}
	return string(b[:len(b)-1]), nil
}

// field reads one line of the head into the envelope.
func (d *decoder) field(line string) (err error) {
	key, value, _ := strings.Cut(line, " ")
	if d.seen[key] && key != "recipient" {
		return damaged("%.40q twice", key)
	}
	d.seen[key] = true
	env := d.env
	switch key {
	case "arrived":
		var ms int64
		ms, err = number(value)
		env.Arrived = time.UnixMilli(ms)
	case "size":
		d.size, err = number(value)
	case "sender":
		env.Sender, err = quoted(value)
	case "body":
		env.Body, err = wordOf(bodyWords, value)
	case "smtputf8":
		env.SMTPUTF8 = true
	case "ret":
		env.Ret, err = wordOf(retWords, value)
	case "trace":
		env.Trace, err = wordOf(traceWords, value)
	case "envid":
		env.EnvID, err = quoted(value)
	case "verp":
		if env.VERP, err = quoted(value); err == nil && len(env.VERP) != 2 {
			err = damaged("verp %.40q", value)
		}
	case "recipient":
		err = d.recipient(value)
	default:
		err = damaged("line %.40q", line)
	}
	return err
}

func (d *decoder) recipient(value string) error {
	address, err := strconv.QuotedPrefix(value)
	if err != nil {
		return damaged("recipient %.40q", value)
	}
	var r mail.Recipient
	if r.Address, err = quoted(address); err != nil {
		return err
	}
	r.Original = r.Address
	rest := value[len(address):]
	if list, ok := strings.CutPrefix(rest, " notify="); ok {
		list, rest, ok = cutAt(list, ' ')
		if r.Notify, err = notify(list); err != nil {
			return err
		}
		if !ok {
			rest = ""
		}
	}
	if text, ok := strings.CutPrefix(rest, " orcpt="); ok {
		if r.ORcpt, err = quoted(text); err != nil {
			return err
		}
		rest = ""
	}
	if rest != "" {
		return damaged("recipient %.40q", value)
	}
	d.env.Recipients = append(d.env.Recipients, r)
	return nil
}

// cutAt splits s before the first c.
func cutAt(s string, c byte) (before, from string, found bool) {
	if i := strings.IndexByte(s, c); i >= 0 {
		return s[:i], s[i:], true
	}
	return s, "", false
}

func notify(list string) (n mail.Notify, err error) {
words:
	for word := range strings.SplitSeq(list, ",") {
		for _, w := range notifyWords {
			if w.word == word {
				n |= w.bit
				continue words
			}
		}
		return 0, damaged("notify %.40q", list)
	}
	if n&mail.NotifyNever != 0 && n != mail.NotifyNever {
		return 0, damaged("notify %.40q", list)
	}
	return n, nil
}

// quoted unquotes a string, which must not hold what ends a line of SMTP or a C string.
func quoted(value string) (string, error) {
	s, err := strconv.Unquote(value)
	if err != nil || value[0] != '"' || strings.ContainsAny(s, "\r\n\x00") {
		return "", damaged("string %.40q", value)
	}
	return s, nil
}

func number(value string) (int64, error) {
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil || n < 0 {
		return 0, damaged("number %.40q", value)
	}
	return n, nil
}

func wordOf[T comparable](words map[T]string, value string) (T, error) {
	for v, word := range words {
		if word == value {
			return v, nil
		}
	}
	var none T
	return none, damaged("word %.40q", value)
}

// complete checks that nothing is missing that must be there.
func (d *decoder) complete() error {
	for _, key := range []string{"arrived", "size", "sender", "recipient"} {
		if !d.seen[key] {
			return damaged("no %s", key)
		}
	}
	return nil
}

// sized reads exactly left bytes and then demands the end.
type sized struct {
	r    *bufio.Reader
	left int64
}

// Read reads the message.
func (s *sized) Read(p []byte) (int, error) {
	if s.left == 0 {
		_, err := s.r.ReadByte()
		if err == nil {
			err = damaged("the message is longer than its size says")
		}
		return 0, err
	}
	if int64(len(p)) > s.left {
		p = p[:s.left]
	}
	n, err := s.r.Read(p)
	s.left -= int64(n)
	if errors.Is(err, io.EOF) && s.left > 0 {
		err = damaged("%d bytes of the message are missing", s.left)
	}
	return n, err
}
