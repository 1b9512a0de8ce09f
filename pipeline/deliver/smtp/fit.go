package smtp

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/mtad/mtad/core/addr"
	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/mimeconv"
	"github.com/mtad/mtad/core/smtpclient"
)

// prepare makes the transaction for the open recipients, in a form that the server can take. A
// failure means that it cannot take the message at all, or that the message cannot be read.
func (d *delivery) prepare(ctx context.Context, s *session) *failure {
	text, err := d.text(ctx)
	if err != nil {
		return unreadable(err)
	}
	env, f := &d.req.Entry.Envelope, s.conn.Features()
	tx := &s.tx
	tx.Sender, tx.Recipients, tx.Text = d.sender, d.recipients(), text
	tx.Body, tx.Ret, tx.EnvID = env.Body, env.Ret, env.EnvID
	if tx.Probe = smtpclient.NoProbe; env.Probe() {
		tx.Probe = d.a.o.Probe
	}
	if tx.SMTPUTF8, err = d.needsUTF8(f, tx.Recipients, text); err != nil {
		return fitFailure(s, err)
	}
	if d.needsSevenBit(f) {
		if tx.Text, err = d.sevenBit(); err != nil {
			return unreadable(err)
		}
		tx.Body = mail.BodyUnset
	}
	if size := tx.Text.Size(); f.SizeLimit > 0 && size > f.SizeLimit {
		return permanent(552, "5.3.4", "message size "+strconv.FormatInt(size, 10)+" exceeds size limit "+
			strconv.FormatInt(f.SizeLimit, 10)+" of server "+s.at.named())
	}
	return nil
}

func unreadable(err error) *failure {
	f := temporary("4.3.0", "the message cannot be read")
	f.cause = err
	return f
}

var errNeedsUTF8 = errors.New("SMTPUTF8 is required")

func fitFailure(s *session, err error) *failure {
	if err == errNeedsUTF8 {
		return permanent(553, "5.6.7", "SMTPUTF8 is required, but was not offered by host "+s.at.named())
	}
	return unreadable(err)
}

// needsUTF8 reports whether the transaction carries SMTPUTF8. RFC 6531 §3.6: without the server's
// consent a message that needs it must not go; one whose addresses and header are ASCII does not.
func (d *delivery) needsUTF8(f *smtpclient.Features, rcpts []mail.Recipient, text mail.Content) (bool, error) {
	env := &d.req.Entry.Envelope
	ascii := addr.IsASCII(d.sender)
	for i := range rcpts {
		ascii = ascii && addr.IsASCII(rcpts[i].Address)
	}
	switch {
	case f.Has(smtpclient.SMTPUTF8):
		return env.SMTPUTF8 || !ascii, nil
	case !ascii:
		return false, errNeedsUTF8
	case !env.SMTPUTF8:
		return false, nil
	}
	ascii, err := asciiHeader(text)
	if err == nil && !ascii {
		err = errNeedsUTF8
	}
	return false, err
}

// asciiHeader reports whether the header of text has no byte ≥ 0x80.
func asciiHeader(text mail.Content) (bool, error) {
	most := min(text.Size(), mail.HeaderLimit)
	for n := min(int64(4<<10), most); ; n = min(4*n, most) {
		block := make([]byte, n)
		if got, err := text.ReadAt(block, 0); int64(got) < n {
			return false, fmt.Errorf("header: %w", err)
		}
		end, done := mail.Split(block)
		switch {
		case done:
			return addr.IsASCII(string(block[:end])), nil
		case n == most:
			return addr.IsASCII(string(block)), nil
		}
	}
}

// needsSevenBit reports whether the text must be converted (RFC 6152 §3). A message that came
// as BINARYMIME has to lose that in any case: we send no BINARYMIME.
func (d *delivery) needsSevenBit(f *smtpclient.Features) bool {
	body := d.req.Entry.Body
	switch {
	case d.a.o.Keep8Bit || body == mail.Body7Bit:
		return false
	case body == mail.BodyBinaryMIME:
		return true
	}
	return !f.Has(smtpclient.EightBitMIME)
}

// sevenBit returns the text with its 8-bit parts encoded; the text itself if it has none.
func (d *delivery) sevenBit() (mail.Content, error) {
	if d.seven == nil {
		c, err := mimeconv.SevenBit(d.content)
		if err != nil {
			return nil, err
		}
		d.seven = c
	}
	return d.seven, nil
}
