package sdk

import (
	"io"
	"iter"
	"strings"
)

// Chunk reads the chunk of the body that a body hook is about.
func (tx Tx) Chunk() io.Reader {
	off, n := tx.int64("body.offset"), tx.int64("body.length")
	return io.LimitReader(&reader{read: tx.Host.BodyRead, off: off}, n)
}

func (tx Tx) int64(key string) int64 {
	var n int64
	for _, c := range tx.Property(key) {
		n = n*10 + int64(c-'0')
	}
	return n
}

// RewriteClass says what kind of address a rewrite hook is about: "envelope_sender",
// "envelope_recipient", "header_sender" or "header_recipient".
func (tx Tx) RewriteClass() string { return tx.Property("rewrite.class") }

// RewriteAddr is the address that a rewrite hook is about.
func (tx Tx) RewriteAddr() string { return tx.Property("rewrite.addr") }

// LookupKey is the key that a lookup hook is asked for.
func (tx Tx) LookupKey() string { return tx.Property("lookup.key") }

// Route is the way that a route hook's recipient has so far.
func (tx Tx) Route() (transport, nexthop string) {
	return tx.Property("route.transport"), tx.Property("route.nexthop")
}

// EventKind says what an event hook is told: "queued", "sent", "deferred", "bounced", "expired",
// "held", "released" or "removed".
func (tx Tx) EventKind() string { return tx.Property("event.kind") }

// Sent, Deferred and Bounced say in a deliver hook what became of recipient i.
func (tx Tx) Sent(i int, text string) error {
	return result(tx.Host.RcptStatus(i, 250, "2.0.0", text))
}

// Deferred says that recipient i is to be tried again later.
func (tx Tx) Deferred(i int, enhanced, text string) error {
	return result(tx.Host.RcptStatus(i, 451, enhanced, text))
}

// Bounced says that recipient i cannot be delivered to.
func (tx Tx) Bounced(i int, enhanced, text string) error {
	return result(tx.Host.RcptStatus(i, 550, enhanced, text))
}

// Map looks key up in a table of the plugin's configuration. An error means "try later", never
// "not found".
func (tx Tx) Map(name, key string) (value string, found bool, err error) {
	v, e := tx.Host.MapGet(name, key)
	if e == ErrNotFound {
		return "", false, nil
	}
	return v, e == OK, result(e)
}

// Load returns a value of the plugin's store, nil when there is none.
func (tx Tx) Load(key string) ([]byte, error) {
	v, e := tx.Host.KVGet(key)
	if e == ErrNotFound {
		return nil, nil
	}
	return v, result(e)
}

// Save puts a value into the plugin's store; ttl in seconds, 0 for ever.
func (tx Tx) Save(key string, value []byte, ttl int) error {
	return result(tx.Host.KVSet(key, value, ttl))
}

// Increase adds delta to a count of the plugin's store that begins with 0 and lives ttl seconds
// from its first increase on, and returns it.
func (tx Tx) Increase(key string, delta int64, ttl int) (int64, error) {
	n, e := tx.Host.KVIncr(key, delta, ttl)
	return n, result(e)
}

// Forget removes a value of the plugin's store.
func (tx Tx) Forget(key string) error { return result(tx.Host.KVDel(key)) }

// DNS returns records in presentation form; none is no error.
func (tx Tx) DNS(kind DNSType, name string) ([]string, error) {
	v, e := tx.Host.DNS(kind, name)
	if e == ErrNotFound {
		return nil, nil
	}
	if e != OK {
		return nil, e
	}
	return strings.Split(v, "\n"), nil
}

// Words returns the first word of a set that stands in the text, "" when none does.
func (tx Tx) Words(set string, what Text) (string, error) {
	m, e := tx.Host.Words(set, what, 0)
	return found(m, e)
}

// Regexp returns the first match of a pattern in the text, "" when there is none. A pattern that
// matches the empty text finds "" too: Host.Regexp tells the two apart.
func (tx Tx) Regexp(pattern string, what Text) (string, error) {
	m, e := tx.Host.Regexp(pattern, what, 0)
	return found(m, e)
}

func found(m Match, e Errno) (string, error) {
	if e == ErrNotFound {
		return "", nil
	}
	return m.Found, result(e)
}

// MIMEPart is one MIME part of the message that is no multipart.
type MIMEPart struct {
	tx                         Tx
	Index                      int
	Type, Name, Charset, Place string // Place is its disposition
	// Err says that the host could not tell what this part is, or whether there are more. It is
	// the last one then. A filter that looks for something bad has not seen all.
	Err error
}

// Parts goes through the MIME parts of the message. A message that cannot be taken apart is one
// part.
func (tx Tx) Parts() iter.Seq[MIMEPart] {
	return func(yield func(MIMEPart) bool) {
		for i := 0; ; i++ {
			p := tx.part(i)
			if p.Err == ErrNotFound || !yield(p) || p.Err != nil {
				return
			}
		}
	}
}

func (tx Tx) part(i int) MIMEPart {
	p := MIMEPart{tx: tx, Index: i}
	for _, about := range []struct {
		what MIMEInfo
		to   *string
	}{{MIMEType, &p.Type}, {MIMEName, &p.Name}, {MIMECharset, &p.Charset}, {MIMEDisposition, &p.Place}} {
		v, e := tx.Host.MIMEPart(i, about.what)
		if e != OK && (e != ErrNotFound || about.what == MIMEType) {
			p.Err = e
			break
		}
		*about.to = v
	}
	return p
}

// Content reads the decoded content of the part.
func (p MIMEPart) Content() io.Reader {
	return &reader{read: func(off int64, b []byte) (int, Errno) { return p.tx.Host.MIMERead(p.Index, off, b) }}
}
