package deliver

import (
	"bytes"
	"strings"
	"sync"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/status"
)

// Seen is the set of addresses that a message was delivered to before, from its Delivered-To
// fields. The zero Seen is empty.
type Seen map[string]struct{}

var headers = sync.Pool{New: func() any { b := make([]byte, 0, firstRead); return &b }}

// DeliveredTo reads the Delivered-To fields of a message's header. It allocates only when there
// are some, or when the header is long.
func DeliveredTo(text mail.Content) (Seen, error) {
	buf := headers.Get().(*[]byte)
	defer headers.Put(buf)
	block, err := Header(text, *buf)
	if err != nil {
		return nil, err
	}
	return seenIn(block), nil
}

var deliveredTo = []byte("Delivered-To")

func seenIn(block []byte) Seen {
	if !hasField(block, deliveredTo) {
		return nil
	}
	seen, name := Seen{}, string(deliveredTo)
	h := mail.ParseHeader(block)
	for i := h.Find(name, 0); i >= 0; i = h.Find(name, i+1) {
		seen[strings.ToLower(h.Field(i).Value())] = struct{}{}
	}
	return seen
}

// hasField tells whether a line of block begins with name, in any case, without taking the
// block apart.
func hasField(block, name []byte) bool {
	for len(block) >= len(name) {
		if bytes.EqualFold(block[:len(name)], name) {
			return true
		}
		n := bytes.IndexByte(block, '\n')
		if n < 0 {
			return false
		}
		block = block[n+1:]
	}
	return false
}

// Has reports whether the message was delivered to address before, in any case of letters.
func (s Seen) Has(address string) bool {
	if len(s) == 0 {
		return false
	}
	_, ok := s[strings.ToLower(address)]
	return ok
}

// Loop is the error for a recipient that Seen has: a forwarding loop (RFC 3463 X.4.6).
func Loop(address string) *status.Error {
	return status.New(554, "5.4.6", "mail forwarding loop for %s", address)
}
