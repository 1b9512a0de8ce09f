package sdktest

import (
	"strconv"
	"strings"
	"time"

	"github.com/mtad/mtad/plugins/sdk"
)

// Scanner serves the scan service for one message, as the hook sees it.
type Scanner interface {
	Words(set string, what sdk.Text, from int64) (sdk.Match, sdk.Errno)
	Regexp(pattern string, what sdk.Text, from int64) (sdk.Match, sdk.Errno)
	Hash(alg sdk.HashAlg, what sdk.Text) (string, sdk.Errno)
	MIMEPart(i int, what sdk.MIMEInfo) (string, sdk.Errno)
	MIMERead(i int, off int64, p []byte) (int, sdk.Errno)
	// Count is the number of MIME parts.
	Count() int
}

// scanner returns what serves the scan service now.
func (h *host) scanner(what sdk.Text) (Scanner, sdk.Errno) {
	switch {
	case !h.p.allow[sdk.CapScan]:
		return nil, sdk.ErrDenied
	case h.p.o.Scan == nil:
		return nil, sdk.ErrUnsup
	case h.w.Fields == nil, !h.w.HasBody && what != sdk.TextHeader, h.pt == sdk.PointBody && what >= sdk.TextDecoded:
		return nil, sdk.ErrStage
	}
	if h.scan == nil {
		h.scan = h.p.o.Scan(h.w, h.p.sc.Setup.Config)
	}
	return h.scan, sdk.OK
}

// Words finds a word.
func (h *host) Words(set string, what sdk.Text, from int64) (sdk.Match, sdk.Errno) {
	s, e := h.scanner(what)
	if e != sdk.OK {
		return sdk.Match{}, e
	}
	return h.found(s.Words(set, what, from))
}

// Regexp finds a pattern.
func (h *host) Regexp(pattern string, what sdk.Text, from int64) (sdk.Match, sdk.Errno) {
	s, e := h.scanner(what)
	if e != sdk.OK {
		return sdk.Match{}, e
	}
	return h.found(s.Regexp(pattern, what, from))
}

func (h *host) found(m sdk.Match, e sdk.Errno) (sdk.Match, sdk.Errno) {
	h.match = nil
	if e == sdk.OK {
		h.match = &m
	}
	return m, e
}

// Hash hashes a text.
func (h *host) Hash(alg sdk.HashAlg, what sdk.Text) (string, sdk.Errno) {
	s, e := h.scanner(what)
	if e != sdk.OK {
		return "", e
	}
	return s.Hash(alg, what)
}

// MIMEPart says what part i is.
func (h *host) MIMEPart(i int, what sdk.MIMEInfo) (string, sdk.Errno) {
	s, e := h.scanner(sdk.TextPart)
	if e != sdk.OK {
		return "", e
	}
	return s.MIMEPart(i, what)
}

// MIMERead reads part i.
func (h *host) MIMERead(i int, off int64, p []byte) (int, sdk.Errno) {
	s, e := h.scanner(sdk.TextPart)
	if e != sdk.OK {
		return 0, e
	}
	return s.MIMERead(i, off, p)
}

// MapGet asks a table of the transcript.
func (h *host) MapGet(name, key string) (string, sdk.Errno) {
	if !h.p.allow[sdk.CapMap] {
		return "", sdk.ErrDenied
	}
	t, ok := h.p.sc.Setup.Maps[name]
	if !ok {
		return "", sdk.ErrInvalid
	}
	return answer(t, key)
}

func answer(t map[string]Answer, key string) (string, sdk.Errno) {
	a, ok := t[key]
	switch {
	case a.Unavailable:
		return "", sdk.ErrAgain
	case !ok:
		return "", sdk.ErrNotFound
	}
	return a.Value, sdk.OK
}

// DNS asks the records of the transcript.
func (h *host) DNS(kind sdk.DNSType, name string) (string, sdk.Errno) {
	if !h.p.allow[sdk.CapDNS] {
		return "", sdk.ErrDenied
	}
	return answer(h.p.sc.Setup.DNS[kind], strings.ToLower(strings.TrimSuffix(name, ".")))
}

// RcptStatus takes what became of recipient i.
func (h *host) RcptStatus(i, code int, enhanced, text string) sdk.Errno {
	switch {
	case !h.p.allow[sdk.CapDeliver]:
		return sdk.ErrDenied
	case h.pt != sdk.PointDeliver:
		return sdk.ErrStage
	case i < 0 || i >= len(h.w.Rcpts):
		return sdk.ErrNotFound
	case len(text) > maxArgument:
		return sdk.ErrLimit
	case enhanced != "" && !validEnhanced(enhanced, code/100), code/100 != 2 && code/100 != 4 && code/100 != 5:
		return sdk.ErrInvalid
	}
	h.out.Statuses[i] = Status{code, strings.Clone(enhanced), clean(text)}
	return sdk.OK
}

// The key-value store: kv is durable, so it outlives "reload".

// store is the key-value store of the transcript.
type store map[string]value

type value struct {
	bytes   []byte
	expires time.Time // zero: never
}

const (
	maxKey   = 256
	maxStore = 16 << 20
)

func (h *host) kvKey(key string) sdk.Errno {
	switch {
	case !h.p.allow[sdk.CapKV]:
		return sdk.ErrDenied
	case key == "":
		return sdk.ErrInvalid
	case len(key) > maxKey:
		return sdk.ErrLimit
	}
	return sdk.OK
}

// live returns a value that has not expired.
func (s store) live(key string, now time.Time) (value, bool) {
	v, ok := s[key]
	return v, ok && (v.expires.IsZero() || v.expires.After(now))
}

// KVGet returns a value.
func (h *host) KVGet(key string) ([]byte, sdk.Errno) {
	if e := h.kvKey(key); e != sdk.OK {
		return nil, e
	}
	if v, ok := h.p.kv.live(key, h.p.now); ok {
		return v.bytes, sdk.OK
	}
	return nil, sdk.ErrNotFound
}

// KVSet stores a value.
func (h *host) KVSet(key string, v []byte, ttl int) sdk.Errno {
	switch e := h.kvKey(key); {
	case e != sdk.OK:
		return e
	case ttl < 0:
		return sdk.ErrInvalid
	case len(v) > maxValue:
		return sdk.ErrLimit
	}
	return h.put(key, value{append([]byte(nil), v...), h.until(ttl)})
}

func (h *host) until(ttl int) time.Time {
	if ttl == 0 {
		return time.Time{}
	}
	return h.p.now.Add(time.Duration(ttl) * time.Second)
}

func (h *host) put(key string, v value) sdk.Errno {
	used := len(key) + len(v.bytes)
	for k, old := range h.p.kv {
		if _, ok := h.p.kv.live(k, h.p.now); ok && k != key {
			used += len(k) + len(old.bytes)
		}
	}
	if used > maxStore {
		return sdk.ErrLimit
	}
	h.p.kv[strings.Clone(key)] = v
	return sdk.OK
}

// KVIncr adds to a count.
func (h *host) KVIncr(key string, delta int64, ttl int) (int64, sdk.Errno) {
	if e := h.kvKey(key); e != sdk.OK {
		return 0, e
	}
	if ttl < 0 {
		return 0, sdk.ErrInvalid
	}
	v, ok := h.p.kv.live(key, h.p.now)
	n := int64(0)
	if ok {
		var err error
		if n, err = strconv.ParseInt(string(v.bytes), 10, 64); err != nil || n < 0 {
			return 0, sdk.ErrInvalid
		}
	} else {
		v.expires = h.until(ttl)
	}
	switch sum := n + delta; {
	case delta > 0 && sum < n:
		n = 1<<63 - 1
	default:
		n = max(sum, 0)
	}
	v.bytes = strconv.AppendInt(nil, n, 10)
	return n, h.put(key, v)
}

// KVDel forgets a value.
func (h *host) KVDel(key string) sdk.Errno {
	e := h.kvKey(key)
	if e == sdk.OK {
		delete(h.p.kv, key)
	}
	return e
}
