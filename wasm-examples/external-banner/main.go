//go:build wasip1

// Command external-banner is a filter for mtad: it puts a banner into the text and HTML of messages
// that come from outside. What it does not insert stays byte for byte as it came.
package main

import (
	"errors"
	"html"
	"io"
	"strconv"
	"strings"

	"github.com/mtad/mtad/plugins/sdk"
	"github.com/mtad/mtad/plugins/sdk/guest"
)

func init() { guest.Register(&banner{}) }

func main() {}

// banner is the plugin. It is set by Init and not changed afterwards.
type banner struct {
	text     string // of text parts, lines with CRLF and an empty line at the end
	html     string // of HTML parts, in ASCII
	internal []string
	exempt   []string
}

const defaultText = "CAUTION: This message came from outside of the organisation. " +
	"Do not open links or attachments unless you know the sender."

// Init reads the configuration.
func (b *banner) Init(tx sdk.Tx) error {
	b.internal = words(tx.Config("internal", ""))
	if len(b.internal) == 0 {
		return errors.New(`set internal = "example.com example.org" in [plugin.config]: the domains that are not outside`)
	}
	b.exempt = words(tx.Config("exempt", ""))
	text := strings.TrimSpace(strings.ReplaceAll(tx.Config("text", defaultText), "\r", ""))
	if text == "" || len(text) > 1000 {
		return errors.New("text must have 1 to 1,000 bytes")
	}
	b.text = strings.ReplaceAll(text, "\n", "\r\n") + "\r\n\r\n"
	b.html = tx.Config("html", `<div style="border:1px solid #c00;padding:4px;margin-bottom:8px">`+
		strings.ReplaceAll(html.EscapeString(text), "\n", "<br>")+`</div>`)
	if len(b.html) > 4000 {
		return errors.New("html must have at most 4,000 bytes")
	}
	b.html = folded(ascii(b.html))
	return nil
}

func words(list string) []string {
	return strings.FieldsFunc(strings.ToLower(list), func(r rune) bool { return r == ' ' || r == ',' || r == '\n' || r == '\t' })
}

// ascii writes what is not ASCII as character references, so that the charset does not matter.
func ascii(s string) string {
	var out strings.Builder
	for _, r := range s {
		if r < 0x80 {
			out.WriteRune(r)
		} else {
			out.WriteString("&#" + strconv.Itoa(int(r)) + ";")
		}
	}
	return out.String()
}

// folded breaks long lines at spaces: HTML does not mind, and lines of mail have at most 998 bytes.
func folded(s string) string {
	out, length := []byte(s), 0
	for i, c := range out {
		if length++; c == ' ' && length > 70 {
			out[i], length = '\n', 0
		}
	}
	return strings.ReplaceAll(strings.ReplaceAll(string(out), "\r", ""), "\n", "\r\n")
}

// EOM is asked when the whole message has arrived.
func (b *banner) EOM(tx sdk.Tx) sdk.Verdict {
	if !b.outside(tx) {
		return sdk.Continue
	}
	parts, err := structure(tx)
	if err != nil {
		return sdk.Tempfail("4.3.0", "the message cannot be read")
	}
	var inserts []insert
	for _, p := range parts {
		in, ok, err := b.insertInto(tx, p)
		if err != nil {
			return sdk.Tempfail("4.3.0", "the message cannot be read")
		}
		if ok {
			inserts = append(inserts, in)
		}
	}
	if len(inserts) == 0 {
		return sdk.Continue
	}
	if err := tx.ReplaceBody(spliced(tx, inserts)); err != nil {
		return sdk.Tempfail("4.3.0", "the banner cannot be inserted: "+err.Error())
	}
	tx.Count("inserted", 1)
	return sdk.Continue
}

// outside reports whether the message came from outside: by SMTP, from nobody who logged in, and
// not with an address that is exempt. That a sender says he is one of us does not make him one: mail
// that comes in with an internal address is outside as well, unless its client may relay.
func (b *banner) outside(tx sdk.Tx) bool {
	if tx.OriginKind() != "smtp" || tx.AuthUser() != "" {
		return false
	}
	sender := strings.ToLower(tx.Sender())
	for _, e := range b.exempt {
		if e == sender || strings.HasPrefix(e, "@") && strings.HasSuffix(sender, e) || e == tx.ClientAddr() {
			return false
		}
	}
	return b.toUs(tx)
}

// toUs reports whether a recipient is internal: mail that only passes through is left alone.
func (b *banner) toUs(tx sdk.Tx) bool {
	for _, r := range tx.Recipients() {
		_, domain, _ := strings.Cut(strings.ToLower(r), "@")
		for _, d := range b.internal {
			if domain == d {
				return true
			}
		}
	}
	return false
}

// spliced reads the body with the inserts in their places.
func spliced(tx sdk.Tx, inserts []insert) io.Reader {
	var readers []io.Reader
	body, pos := &section{tx: tx}, int64(0)
	for _, in := range inserts {
		readers = append(readers, body.part(pos, in.at), strings.NewReader(in.text))
		pos = in.until
	}
	return io.MultiReader(append(readers, body.part(pos, tx.Host.BodySize()))...)
}

// section reads a part of the body.
type section struct {
	tx       sdk.Tx
	pos, end int64
}

func (s *section) part(begin, end int64) *section { return &section{s.tx, begin, max(begin, end)} }

// Read reads.
func (s *section) Read(p []byte) (int, error) {
	if s.pos >= s.end {
		return 0, io.EOF
	}
	n, e := s.tx.Host.BodyRead(s.pos, p[:min(int64(len(p)), s.end-s.pos)])
	s.pos += int64(n)
	switch {
	case e != sdk.OK:
		return n, e
	case n == 0:
		return 0, io.EOF
	}
	return n, nil
}
