package scan

import (
	"mime"
	"strings"

	"github.com/emersion/go-message"
	_ "github.com/emersion/go-message/charset" // text comes in UTF-8

	"github.com/mtad/mtad/core/mail"
)

// Part is what is said of one MIME part.
type Part struct {
	Type        string // "text/plain", lower case
	Name        string // the file name, decoded
	Charset     string // lower case
	Disposition string // lower case
}

// describe reads the header of a part, and the boundary of a multipart.
func describe(h *mail.Header) (l leaf, boundary string) {
	kind, params := field(h.Get("Content-Type"), "charset", "name", "boundary")
	l.Type, l.Charset, l.Name = kind, strings.ToLower(params["charset"]), params["name"]
	if l.Type == "" {
		l.Type = "text/plain" // RFC 2045 §5.2
	}
	place, disposed := field(h.Get("Content-Disposition"), "filename")
	l.Disposition = place
	if disposed["filename"] != "" {
		l.Name = disposed["filename"]
	}
	// RFC 2047 §5 forbids encoded words here; everybody writes and reads them.
	words := mime.WordDecoder{CharsetReader: message.CharsetReader}
	if plain, err := words.DecodeHeader(l.Name); err == nil {
		l.Name = plain
	}
	l.encoding = strings.ToLower(firstWord(h.Get("Content-Transfer-Encoding")))
	return l, params["boundary"]
}

// field reads a field with parameters (RFC 2045 §5.1, RFC 2231). One that is not well formed is read
// as mail programs read it: a file name with a space and no quotes must not pass for no name.
func field(value string, names ...string) (word string, params map[string]string) {
	if value == "" {
		return "", nil
	}
	word, params, err := mime.ParseMediaType(value)
	if err == nil {
		return word, params
	}
	params = map[string]string{}
	for _, name := range names {
		params[name] = roughParam(value, name)
	}
	return strings.ToLower(firstWord(value)), params
}

func firstWord(s string) string {
	s, _, _ = strings.Cut(s, ";")
	return strings.TrimSpace(s)
}

func roughParam(field, name string) string {
	_, rest, ok := strings.Cut(field, ";")
	for ; ok; _, rest, ok = strings.Cut(rest, ";") {
		param := strings.TrimSpace(rest)
		if len(param) < len(name) || !strings.EqualFold(param[:len(name)], name) {
			continue
		}
		v, is := strings.CutPrefix(strings.TrimLeft(param[len(name):], "*0123456789 \t"), "=")
		if !is {
			continue
		}
		v = strings.TrimSpace(v)
		if quoted, is := strings.CutPrefix(v, `"`); is {
			v, _, _ = strings.Cut(quoted, `"`)
			return v
		}
		return firstWord(v)
	}
	return ""
}
