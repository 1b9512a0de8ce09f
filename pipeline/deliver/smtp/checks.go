package smtp

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/mtad/mtad/core/checks"
	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/table"
	"github.com/mtad/mtad/pipeline/deliver"
)

// Checks are the tables of smtp_header_checks, smtp_mime_header_checks, smtp_nested_header_checks
// and smtp_body_checks: they change mail on its way out, or say something of it.
type Checks struct {
	Maps [checks.NumClasses]table.Maps
	// SizeLimit is body_checks_size_limit, Line line_length_limit, in bytes.
	SizeLimit int64
	Line      int
}

// wanted reports whether there is a table.
func (c *Checks) wanted() bool {
	for _, m := range c.Maps {
		if len(m) > 0 {
			return true
		}
	}
	return false
}

// checking is one text being looked up.
type checking struct {
	*Checks
	d     *delivery
	ctx   context.Context
	patch *checks.Patch
	err   error
}

// check returns the text as the tables leave it: the text itself, when nothing matches. An error
// means that a table could not be asked, or the text not be read.
func (d *delivery) check(ctx context.Context, text mail.Content) (mail.Content, error) {
	c := checking{Checks: &d.a.o.Checks, d: d, ctx: ctx, patch: checks.NewPatch(text)}
	block, err := deliver.Header(text, nil)
	if err != nil {
		return nil, err
	}
	h := mail.ParseHeader(block)
	c.header(h)
	if m := &c.Maps; c.err == nil && (len(m[checks.MIME]) > 0 || len(m[checks.Nested]) > 0 || len(m[checks.Body]) > 0) {
		c.body(text, int64(len(block)), h.Get("Content-Type"))
	}
	if c.err != nil {
		return nil, c.err
	}
	return c.patch.Done(), nil
}

// header looks the fields of the message up.
func (c *checking) header(h *mail.Header) {
	off := int64(0)
	for i := 0; i < h.Len() && c.err == nil; i++ {
		raw := string(h.Field(i).Raw())
		field := checks.Joined([]byte(raw))
		ch := c.look(checks.ClassOf(field, checks.Header), field)
		c.change(off, off+int64(len(raw)), ch, raw)
		off += int64(len(raw))
	}
}

// body looks up what follows the header.
func (c *checking) body(text mail.Content, off int64, ctype string) {
	var nl [2]byte
	if n, _ := text.ReadAt(nl[:], off); n == len(nl) && string(nl[:]) == "\r\n" {
		off += int64(n)
	}
	w := checks.Walk{
		ContentType: ctype, Size: text.Size() - off, Line: c.Line, SizeLimit: c.SizeLimit,
		Read: func(at int64, p []byte) (int, error) {
			n, err := text.ReadAt(p, off+at)
			if err == io.EOF {
				err = nil
			}
			return n, err
		},
		Look: func(class checks.Class, unit string) (checks.Change, bool) {
			ch := c.look(class, unit)
			return ch, c.err == nil
		},
		Replace: func(begin, end int64, ch checks.Change, raw string) error {
			if c.err == nil {
				c.patch.Replace(off+begin, off+end, ch.Apply(raw))
			}
			return c.err
		},
	}
	if err := w.Run(); err != nil && c.err == nil {
		c.err = err
	}
}

// change makes a change of a header field.
func (c *checking) change(begin, end int64, ch checks.Change, raw string) {
	if ch == (checks.Change{}) || c.err != nil {
		return
	}
	text := ""
	for _, put := range []string{ch.Before, ch.Put} {
		if put == "" {
			continue
		}
		name, value, _ := checks.Field(put)
		text += string(mail.NewField(name, value).Raw())
	}
	if !ch.Drop {
		text += raw
	}
	c.patch.Replace(begin, end, text)
}

// look asks the table of a class about a unit and says what becomes of it.
func (c *checking) look(class checks.Class, unit string) checks.Change {
	maps := c.Maps[class]
	if len(maps) == 0 {
		return checks.Change{}
	}
	value, found, err := maps.Lookup(c.ctx, unit)
	if err != nil {
		c.err = fmt.Errorf("%s: %w", c.name(class), err)
	}
	if err != nil || !found {
		return checks.Change{}
	}
	id, a := c.d.req.Entry.ID, checks.ParseAction(value)
	if !a.AtDelivery() {
		c.d.a.o.Log.Warning(id + ": unsupported command in " + c.name(class) + " map: " + value)
		return checks.Change{}
	}
	if why := a.Misfit(class, c.name(class)); why != "" {
		c.d.a.o.Log.Warning(id + ": " + why)
		return checks.Change{}
	}
	if word := a.LogWord(); word != "" {
		line := id + ": " + word + ": " + class.Where() + " " + unit[:min(len(unit), maxShown)]
		if a.Text != "" {
			line += ": " + a.Text
		}
		c.d.a.o.Log.Info(strings.ReplaceAll(line, "\n", " "))
	}
	return a.Change()
}

// maxShown is the most bytes of a line in the log.
const maxShown = 60

// name is the parameter of a class.
func (c *checking) name(class checks.Class) string {
	if c.d.a.o.LMTP {
		return "lmtp_" + class.String()
	}
	return "smtp_" + class.String()
}
