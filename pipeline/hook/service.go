package hook

import (
	"context"
	"errors"
	"net/netip"
	"strings"

	"github.com/mtad/mtad/core/dns"
	"github.com/mtad/mtad/plugins/sdk"
)

// KV is the store of one plugin (package kv).
type KV interface {
	Get(key string) ([]byte, sdk.Errno)
	Set(key string, value []byte, ttl int) sdk.Errno
	Incr(key string, delta int64, ttl int) (int64, sdk.Errno)
	Del(key string) sdk.Errno
}

// DNS answers what plugins ask of it.
type DNS interface {
	Query(ctx context.Context, name string, t dns.Type) (dns.Answer, error)
	TXT(ctx context.Context, name string) ([]string, error)
}

// waiting is what a service waits with: WaitTime in all for one hook call, or the plugin's own limit
// if that is longer. The scan service's clock stands still meanwhile.
func (h *host) waiting() (ctx context.Context, done func()) {
	now := h.m.sess.set.o.Clock()
	ctx, cancel := context.WithTimeout(h.m.limit.Context, max(WaitTime, h.p.Time)-h.waited)
	return ctx, func() {
		cancel()
		h.waited += h.m.sess.set.o.Clock().Sub(now)
	}
}

// late reports whether the call's own time is over.
func (h *host) late() bool {
	return h.m.sess.set.o.Clock().After(h.m.limit.deadline.Add(h.waited))
}

// MapGet asks a table of the plugin's configuration.
func (h *host) MapGet(name, key string) (string, sdk.Errno) {
	if !h.p.Allow[sdk.CapMap] {
		return "", sdk.ErrDenied
	}
	t := h.p.Maps[name]
	if t == nil {
		return "", sdk.ErrInvalid
	}
	ctx, done := h.waiting()
	defer done()
	v, found, err := t.Lookup(ctx, strings.Clone(key))
	switch {
	case err != nil:
		h.warn("map " + name + ": " + err.Error())
		return "", sdk.ErrAgain
	case !found:
		return "", sdk.ErrNotFound
	}
	return v, sdk.OK
}

// warn logs why a service failed, within the call's quota.
func (h *host) warn(text string) { h.Log(sdk.LevelWarn, clean(text)) }

// store returns the plugin's store.
func (h *host) store() (KV, sdk.Errno) {
	switch {
	case !h.p.Allow[sdk.CapKV]:
		return nil, sdk.ErrDenied
	case h.p.KV == nil:
		return nil, sdk.ErrUnsup
	}
	return h.p.KV, sdk.OK
}

// KVGet returns a value of the plugin's store.
func (h *host) KVGet(key string) ([]byte, sdk.Errno) {
	kv, e := h.store()
	if e != sdk.OK {
		return nil, e
	}
	return kv.Get(key)
}

// KVSet stores a value. In shadow mode it does too: the store is the plugin's own.
func (h *host) KVSet(key string, value []byte, ttl int) sdk.Errno {
	kv, e := h.store()
	if e != sdk.OK {
		return e
	}
	return kv.Set(key, value, ttl)
}

// KVIncr adds to a count.
func (h *host) KVIncr(key string, delta int64, ttl int) (int64, sdk.Errno) {
	kv, e := h.store()
	if e != sdk.OK {
		return 0, e
	}
	return kv.Incr(key, delta, ttl)
}

// KVDel forgets a value.
func (h *host) KVDel(key string) sdk.Errno {
	kv, e := h.store()
	if e != sdk.OK {
		return e
	}
	return kv.Del(key)
}

// DNS asks for records.
func (h *host) DNS(kind sdk.DNSType, name string) (string, sdk.Errno) {
	d := h.m.sess.set.o.DNS
	switch {
	case !h.p.Allow[sdk.CapDNS]:
		return "", sdk.ErrDenied
	case d == nil:
		return "", sdk.ErrUnsup
	}
	ctx, done := h.waiting()
	defer done()
	var records []string
	var err error
	switch name = strings.Clone(name); kind {
	case sdk.DNSTXT:
		records, err = d.TXT(ctx, name)
	default:
		var a dns.Answer
		a, err = d.Query(ctx, reversed(kind, name), dns.Type(kind))
		records = a.Records
	}
	if err != nil {
		return "", h.dnsErrno(err)
	}
	for i := range records {
		records[i] = clean(records[i])
	}
	return strings.Join(records, "\n"), sdk.OK
}

func (h *host) dnsErrno(err error) sdk.Errno {
	switch {
	case errors.Is(err, dns.ErrNotFound), errors.Is(err, dns.ErrNullMX):
		return sdk.ErrNotFound
	case errors.Is(err, dns.ErrBadName):
		return sdk.ErrInvalid
	case errors.Is(err, dns.ErrDisabled):
		return sdk.ErrUnsup
	}
	h.warn(err.Error())
	return sdk.ErrAgain
}

// reversed makes the name for a PTR question of an address (RFC 1035 §3.5, RFC 3596 §2.5).
func reversed(kind sdk.DNSType, name string) string {
	a, err := netip.ParseAddr(name)
	if kind != sdk.DNSPTR || err != nil {
		return name
	}
	const hexDigits = "0123456789abcdef"
	a = a.Unmap().WithZone("")
	b := a.AsSlice()
	var r strings.Builder
	for i := len(b) - 1; i >= 0; i-- {
		if a.Is6() {
			r.Write([]byte{hexDigits[b[i]&15], '.', hexDigits[b[i]>>4], '.'})
			continue
		}
		r.WriteString(netip.AddrFrom4([4]byte{0, 0, 0, b[i]}).String()[len("0.0.0."):] + ".")
	}
	if a.Is6() {
		return r.String() + "ip6.arpa"
	}
	return r.String() + "in-addr.arpa"
}
