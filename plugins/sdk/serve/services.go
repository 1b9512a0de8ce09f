package serve

import (
	"github.com/mtad/mtad/plugins/sdk"
	"github.com/mtad/mtad/plugins/sdk/serve/wire"
)

// MapGet looks a key up in a table of the plugin's configuration.
func (h *host) MapGet(name, key string) (string, sdk.Errno) {
	return h.text(&wire.Op{Function: wire.Function_MAP_GET, P: []byte(name), Q: []byte(key)})
}

// KVGet returns a value of the plugin's store.
func (h *host) KVGet(key string) ([]byte, sdk.Errno) {
	return h.bytes(&wire.Op{Function: wire.Function_KV_GET, P: []byte(key)})
}

// KVSet stores a value.
func (h *host) KVSet(key string, value []byte, ttl int) sdk.Errno {
	return h.errno(&wire.Op{Function: wire.Function_KV_SET, P: []byte(key), Q: value, I: int64(ttl)})
}

// KVIncr adds to a count.
func (h *host) KVIncr(key string, delta int64, ttl int) (int64, sdk.Errno) {
	a := h.ask(&wire.Op{Function: wire.Function_KV_INCR, P: []byte(key), I: delta, J: int64(ttl)})
	return a.GetNumber(), sdk.Errno(a.GetError())
}

// KVDel forgets a value.
func (h *host) KVDel(key string) sdk.Errno {
	return h.errno(&wire.Op{Function: wire.Function_KV_DEL, P: []byte(key)})
}

// DNS asks for records.
func (h *host) DNS(kind sdk.DNSType, name string) (string, sdk.Errno) {
	return h.text(&wire.Op{Function: wire.Function_DNS, I: int64(kind), P: []byte(name)})
}

// Words finds the first word of a set in a text.
func (h *host) Words(set string, what sdk.Text, from int64) (sdk.Match, sdk.Errno) {
	return h.match(&wire.Op{Function: wire.Function_WORDS, P: []byte(set), I: int64(what), J: from})
}

// Regexp finds the first match of a pattern in a text.
func (h *host) Regexp(pattern string, what sdk.Text, from int64) (sdk.Match, sdk.Errno) {
	return h.match(&wire.Op{Function: wire.Function_REGEXP, P: []byte(pattern), I: int64(what), J: from})
}

func (h *host) match(op *wire.Op) (sdk.Match, sdk.Errno) {
	a := h.ask(op)
	if e := sdk.Errno(a.GetError()); e != sdk.OK {
		return sdk.Match{}, e
	}
	return sdk.Match{Begin: a.GetNumber(), End: a.GetEnd(), Found: string(a.GetValue())}, sdk.OK
}

// Hash returns the hash of a text as hexadecimal digits.
func (h *host) Hash(alg sdk.HashAlg, what sdk.Text) (string, sdk.Errno) {
	return h.text(&wire.Op{Function: wire.Function_HASH, I: int64(alg), J: int64(what)})
}

// MIMEPart says something of a MIME part.
func (h *host) MIMEPart(i int, what sdk.MIMEInfo) (string, sdk.Errno) {
	return h.text(&wire.Op{Function: wire.Function_MIME_PART, I: int64(i), J: int64(what)})
}

// RcptStatus says what became of a recipient.
func (h *host) RcptStatus(i, code int, enhanced, text string) sdk.Errno {
	return h.errno(&wire.Op{Function: wire.Function_RCPT_STATUS, I: int64(i), J: int64(code), P: []byte(enhanced), Q: []byte(text)})
}
