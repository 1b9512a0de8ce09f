package mail

import (
	"bytes"
	"strings"
)

// Header is a header block with its fields in order, each byte for byte as it came. The zero
// Header is empty. Not safe for concurrent use while it is changed.
type Header struct {
	fields []Field
	size   int
}

// Field is one header field. Raw includes the final CRLF and all folding.
type Field struct {
	raw  []byte
	name int // length of the name
}

// ParseHeader takes a header block apart (field lines only, as Split finds them). It keeps
// block: the caller must not change it. Lines that are no fields are kept as part of the field
// before them, so that nothing is lost.
func ParseHeader(block []byte) *Header {
	h := &Header{size: len(block), fields: make([]Field, 0, bytes.Count(block, crlf))}
	for start := 0; start < len(block); {
		end := fieldEnd(block, start)
		raw := block[start:end]
		if n := fieldName(raw); n >= 0 {
			h.fields = append(h.fields, Field{raw: raw, name: n})
		} else if k := len(h.fields); k > 0 {
			f := &h.fields[k-1]
			f.raw = append(f.raw[:len(f.raw):len(f.raw)], raw...)
		} else {
			h.fields = append(h.fields, Field{raw: raw})
		}
		start = end
	}
	return h
}

var crlf = []byte("\r\n")

// fieldEnd returns the end of the field (with its continuation lines) that starts at start.
func fieldEnd(block []byte, start int) int {
	for i := start; ; {
		nl := bytes.IndexByte(block[i:], '\n')
		if nl < 0 {
			return len(block)
		}
		i += nl + 1
		if i == len(block) || block[i] != ' ' && block[i] != '\t' {
			return i
		}
	}
}

// Len returns the number of fields.
func (h *Header) Len() int { return len(h.fields) }

// Size returns the number of bytes of the block.
func (h *Header) Size() int { return h.size }

// Field returns field i, 0 ≤ i < Len. The result shares memory with the header.
func (h *Header) Field(i int) Field { return h.fields[i] }

// Name returns the field's name as it is written.
func (f Field) Name() string { return string(f.raw[:f.name]) }

// RawName is Name without a copy. It must not be changed.
func (f Field) RawName() []byte { return f.raw[:f.name] }

// Is reports whether the field has this name, in any case.
func (f Field) Is(name string) bool {
	return len(name) == f.name && strings.EqualFold(string(f.raw[:f.name]), name)
}

// Raw returns the field as it came, with its CRLF. It must not be changed.
func (f Field) Raw() []byte { return f.raw }

// RawValue returns what stands behind the colon, folding and one leading space included or not
// as it came, without the last CRLF. It must not be changed.
func (f Field) RawValue() []byte {
	i := bytes.IndexByte(f.raw, ':')
	return bytes.TrimSuffix(f.raw[i+1:], crlf)
}

// Value returns the value unfolded (RFC 5322 §2.2.3) and trimmed of white space.
func (f Field) Value() string { return string(f.AppendValue(nil)) }

// AppendValue appends the unfolded, trimmed value to dst.
func (f Field) AppendValue(dst []byte) []byte {
	v := bytes.Trim(f.RawValue(), " \t\r\n")
	for len(v) > 0 {
		i := bytes.IndexByte(v, '\r')
		if i < 0 {
			return append(dst, v...)
		}
		dst = append(dst, v[:i]...)
		v = bytes.TrimLeft(v[i:], "\r\n")
	}
	return dst
}

// Find returns the index of the first field with this name at or after from, or -1.
func (h *Header) Find(name string, from int) int {
	for i := max(from, 0); i < len(h.fields); i++ {
		if h.fields[i].Is(name) {
			return i
		}
	}
	return -1
}

// Get returns the unfolded value of the first field with this name, "" when there is none.
func (h *Header) Get(name string) string {
	if i := h.Find(name, 0); i >= 0 {
		return h.fields[i].Value()
	}
	return ""
}

// Count returns how many fields have this name.
func (h *Header) Count(name string) int {
	n := 0
	for _, f := range h.fields {
		if f.Is(name) {
			n++
		}
	}
	return n
}

// NewField makes a field "name: value CRLF". Line ends in value become folding: a line that
// does not start with white space gets a tab. Bytes that may not stand in a field (NUL, other
// CR) are dropped, so that no value can smuggle in a field or end the header.
func NewField(name, value string) Field {
	b := make([]byte, 0, len(name)+len(value)+4)
	b = append(append(b, cleanName(name)...), ':')
	n := len(b) - 1
	if value != "" && value[0] != ' ' && value[0] != '\t' {
		b = append(b, ' ')
	}
	b = appendFolded(b, value)
	return Field{raw: append(b, '\r', '\n'), name: n}
}

// ValidName reports whether name may be a field name (RFC 5322 §2.2).
func ValidName(name string) bool {
	for i := 0; i < len(name); i++ {
		if c := name[i]; c <= ' ' || c >= 0x7f || c == ':' {
			return false
		}
	}
	return name != "" && len(name) <= 255
}

func cleanName(name string) string {
	if ValidName(name) {
		return name
	}
	clean := strings.Map(func(r rune) rune {
		if r <= ' ' || r >= 0x7f || r == ':' {
			return '-'
		}
		return r
	}, name)
	return "X-" + clean[:min(len(clean), 200)]
}

func appendFolded(b []byte, value string) []byte {
	value = strings.TrimRight(value, "\r\n")
	for i := 0; i < len(value); i++ {
		switch c := value[i]; c {
		case 0, '\r':
		case '\n':
			b = append(b, '\r', '\n')
			if i+1 < len(value) && value[i+1] != ' ' && value[i+1] != '\t' {
				b = append(b, '\t')
			}
		default:
			b = append(b, c)
		}
	}
	return b
}

// Insert puts f before field i; i ≥ Len or < 0 appends.
func (h *Header) Insert(i int, f Field) {
	if i < 0 || i > len(h.fields) {
		i = len(h.fields)
	}
	h.fields = append(h.fields, Field{})
	copy(h.fields[i+1:], h.fields[i:])
	h.fields[i] = f
	h.size += len(f.raw)
}

// Replace puts f in the place of field i.
func (h *Header) Replace(i int, f Field) {
	h.size += len(f.raw) - len(h.fields[i].raw)
	h.fields[i] = f
}

// Delete removes field i.
func (h *Header) Delete(i int) {
	h.size -= len(h.fields[i].raw)
	h.fields = append(h.fields[:i], h.fields[i+1:]...)
}

// Clone returns a header that can be edited without changing h.
func (h *Header) Clone() *Header {
	return &Header{fields: append([]Field(nil), h.fields...), size: h.size}
}

// AppendTo appends the block to dst.
func (h *Header) AppendTo(dst []byte) []byte {
	for _, f := range h.fields {
		dst = append(dst, f.raw...)
	}
	return dst
}

// Bytes returns the block.
func (h *Header) Bytes() []byte { return h.AppendTo(make([]byte, 0, h.size)) }
