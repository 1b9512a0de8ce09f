//go:build wasip1

package main

import (
	"bytes"
	"encoding/base64"
	"io"
	"strings"

	"github.com/mtad/mtad/plugins/sdk"
)

// insert is a text that takes the place of the body from at to until.
type insert struct {
	at, until int64
	text      string
}

// windowSize is how much of a part, as it stands in the message, is looked at for a place.
const windowSize = 128 << 10

// window is the begin of a part: decoded, and for each byte where it stands in the body; at[len] is
// behind the last one. Without at, what stands there is the text.
type window struct {
	text  []byte
	at    []int64
	begin int64
}

func (w *window) pos(k int) int64 {
	if w.at == nil {
		return w.begin + int64(k)
	}
	return w.at[k]
}

// insertInto finds where the banner comes in a part. ok is false when the part is left alone.
func (b *banner) insertInto(tx sdk.Tx, p part) (in insert, ok bool, err error) {
	raw := make([]byte, min(windowSize, p.end-p.begin))
	if _, err := io.ReadFull(&section{tx, p.begin, p.end}, raw); err != nil && err != io.EOF {
		return insert{}, false, err
	}
	w, ok := decode(raw, p)
	if !ok || wide(p.charset) {
		return insert{}, false, nil
	}
	text, k := b.html, 0
	if p.html {
		k = place(w.text)
	} else {
		if bytes.HasPrefix(bytes.TrimLeft(w.text, "\r\n\t "), []byte("-----BEGIN PGP ")) {
			return insert{}, false, nil
		}
		text = inCharset(b.text, p)
	}
	if bytes.HasPrefix(w.text[k:], []byte(strings.TrimRight(text, " \r\n"))) {
		return insert{}, false, nil // it is there
	}
	return put(w, k, text, p), true, nil
}

// wide reports whether a charset does not have ASCII in it as it is.
func wide(charset string) bool {
	return strings.HasPrefix(charset, "utf-16") || strings.HasPrefix(charset, "utf-32") || charset == "utf-7" ||
		strings.HasPrefix(charset, "ucs-") || strings.HasPrefix(charset, "iso-10646") || strings.HasPrefix(charset, "ibm0") || strings.HasPrefix(charset, "cp0")
}

// inCharset writes the text in the charset of a part. What it lacks, or its encoding cannot carry, is
// a question mark.
func inCharset(text string, p part) string {
	eight := p.encoding == "8bit" || p.encoding == "binary" || p.encoding == "quoted-printable" || p.encoding == "base64"
	if eight && (p.charset == "utf-8" || p.charset == "utf8") {
		return text
	}
	latin := p.charset == "iso-8859-1" || p.charset == "windows-1252" || p.charset == "iso-8859-15"
	var out []byte
	for _, r := range text {
		switch {
		case r < 0x80, eight && latin && r >= 0xc0 && r <= 0xff: // where these three agree
			out = append(out, byte(r))
		default:
			out = append(out, '?')
		}
	}
	return string(out)
}

// put makes the insert at byte k of a window.
func put(w window, k int, text string, p part) insert {
	switch p.encoding {
	case "quoted-printable":
		coded := quoted(text)
		if p.html { // in the middle of a line: line ends that do not count
			coded = "=\r\n" + coded + "=\r\n"
		}
		return insert{w.pos(k), w.pos(k), coded}
	case "base64":
		return put64(w, k, text, p)
	}
	return insert{w.pos(k), w.pos(k), text}
}

// put64 encodes the begin of the part again, up to a group of three bytes behind k, and fills the text
// up so that the rest may stay as it is.
func put64(w window, k int, text string, p part) insert {
	m, until := (k+2)/3*3, p.end
	if m <= len(w.text) {
		until = w.at[m]
	} else {
		m = len(w.text)
	}
	for (m+len(text))%3 != 0 && until < p.end {
		// A space where it does no harm: before the line end of text, behind the HTML.
		if at, ok := strings.CutSuffix(text, "\r\n\r\n"); ok {
			text = at + " \r\n\r\n"
		} else {
			text += " "
		}
	}
	plain := string(w.text[:k]) + text + string(w.text[k:m])
	coded := base64.StdEncoding.EncodeToString([]byte(plain))
	var out strings.Builder
	for len(coded) > 0 {
		n := min(76, len(coded))
		out.WriteString(coded[:n] + "\r\n")
		coded = coded[n:]
	}
	at := p.begin
	if until == p.end && p.end > p.begin { // the line end before the boundary belongs to the boundary
		return insert{at, until, strings.TrimSuffix(out.String(), "\r\n")}
	}
	return insert{at, until, out.String()}
}

// quoted writes text as quoted-printable (RFC 2045 §6.7). A space before a line end is coded.
func quoted(text string) string {
	const digits = "0123456789ABCDEF"
	var out strings.Builder
	length := 0
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c == '\r' && i+1 < len(text) && text[i+1] == '\n' {
			out.WriteString("\r\n")
			length = 0
			i++
			continue
		}
		if length > 70 {
			out.WriteString("=\r\n")
			length = 0
		}
		last := i+1 == len(text) || text[i+1] == '\r'
		if c > ' ' && c < 0x7f && c != '=' || c == ' ' && !last {
			out.WriteByte(c)
			length++
			continue
		}
		out.Write([]byte{'=', digits[c>>4], digits[c&15]})
		length += 3
	}
	return out.String()
}

// decode takes the transfer encoding off the begin of a part.
func decode(raw []byte, p part) (w window, ok bool) {
	switch {
	case identity(p.encoding):
		return window{text: raw, begin: p.begin}, true
	case p.encoding == "quoted-printable":
		return decodeQuoted(raw, p.begin), true
	case p.encoding == "base64":
		return decode64(raw, p.begin, int64(len(raw)) == p.end-p.begin), true
	}
	return w, false
}

func decodeQuoted(raw []byte, begin int64) (w window) {
	for i := 0; i < len(raw); {
		n, c, counts := 1, raw[i], true
		if c == '=' {
			high, low := hexDigit(raw, i+1), hexDigit(raw, i+2)
			switch rest := raw[i+1:]; {
			case high >= 0 && low >= 0:
				n, c = 3, byte(high<<4|low)
			case bytes.HasPrefix(rest, []byte("\r\n")):
				n, counts = 3, false
			case bytes.HasPrefix(rest, []byte("\n")):
				n, counts = 2, false
			}
		}
		if counts {
			w.text, w.at = append(w.text, c), append(w.at, begin+int64(i))
		}
		i += n
	}
	w.at = append(w.at, begin+int64(len(raw)))
	return w
}

func hexDigit(raw []byte, i int) int {
	if i >= len(raw) {
		return -1
	}
	return strings.IndexByte("0123456789ABCDEF", bytes.ToUpper(raw[i : i+1])[0])
}

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

// decode64 decodes whole groups of four letters; what is not of the alphabet is passed over (RFC 2045
// §6.8), and padding is the end. at of a byte is where its group begins. A group that goes on behind a
// window which is not the whole part is left out.
func decode64(raw []byte, begin int64, whole bool) (w window) {
	var bits uint32
	have, group := 0, begin
	for i, c := range raw {
		v := strings.IndexByte(alphabet, c)
		if c == '=' {
			break
		}
		if v < 0 {
			continue
		}
		if have == 0 {
			group = begin + int64(i)
		}
		bits = bits<<6 | uint32(v)
		if have++; have == 4 {
			w.text = append(w.text, byte(bits>>16), byte(bits>>8), byte(bits))
			w.at = append(w.at, group, group, group)
			bits, have = 0, 0
		}
	}
	switch { // a group that is padded, or cut off
	case have > 0 && !whole:
		w.at = append(w.at, group)
		return w
	case have == 2:
		w.text, w.at = append(w.text, byte(bits>>4)), append(w.at, group)
	case have == 3:
		w.text, w.at = append(w.text, byte(bits>>10), byte(bits>>2)), append(w.at, group, group)
	}
	w.at = append(w.at, begin+int64(len(raw)))
	return w
}

// place finds where a banner is seen in HTML: behind <body …>, else behind </head>, else at the begin.
func place(text []byte) int {
	lower := make([]byte, len(text))
	for i, c := range text {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		lower[i] = c
	}
	head := 0
	for i := 0; i < len(lower); {
		next := bytes.IndexByte(lower[i:], '<')
		if next < 0 {
			break
		}
		i += next
		rest := lower[i:]
		switch {
		case bytes.HasPrefix(rest, []byte("<!--")):
			end := bytes.Index(rest, []byte("-->"))
			if end < 0 {
				return head
			}
			i += end + 3
		case bytes.HasPrefix(rest, []byte("<body")) && len(rest) > 5 && strings.IndexByte(" \t\r\n>/", rest[5]) >= 0:
			if end := tagEnd(rest); end > 0 {
				return i + end
			}
			return head
		case bytes.HasPrefix(rest, []byte("</head>")):
			head = i + len("</head>")
			i = head
		default:
			i++
		}
	}
	return head
}

// tagEnd is the length of a tag, 0 when it does not end: a ">" in quotes is part of a value.
func tagEnd(tag []byte) int {
	var quote byte
	for i, c := range tag {
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '>':
			return i + 1
		}
	}
	return 0
}
