//go:build wasip1

package guest

import (
	"strconv"
	"unsafe"

	"github.com/mtad/mtad/plugins/sdk"
)

// The functions that need a capability other than "edit".

//go:wasmimport mtad1_map map_get
func mapGet(m unsafe.Pointer, mn uint32, k unsafe.Pointer, kn uint32, buf unsafe.Pointer, size uint32) int32

//go:wasmimport mtad1_kv kv_get
func kvGet(k unsafe.Pointer, kn uint32, buf unsafe.Pointer, size uint32) int32

//go:wasmimport mtad1_kv kv_set
func kvSet(k unsafe.Pointer, kn uint32, v unsafe.Pointer, vn uint32, ttl int32) int32

//go:wasmimport mtad1_kv kv_incr
func kvIncr(k unsafe.Pointer, kn uint32, delta int64, ttl int32) int64

//go:wasmimport mtad1_kv kv_del
func kvDel(k unsafe.Pointer, kn uint32) int32

//go:wasmimport mtad1_dns dns
func dns(kind int32, n unsafe.Pointer, nn uint32, buf unsafe.Pointer, size uint32) int32

//go:wasmimport mtad1_scan words
func words(s unsafe.Pointer, sn uint32, what int32, from int64) int64

//go:wasmimport mtad1_scan regexp
func regexp(p unsafe.Pointer, pn uint32, what int32, from int64) int64

//go:wasmimport mtad1_scan hash
func hash(alg, what int32, buf unsafe.Pointer, size uint32) int32

//go:wasmimport mtad1_scan mime_part
func mimePart(i, what int32, off int64, buf unsafe.Pointer, size uint32) int32

//go:wasmimport mtad1_deliver rcpt_status
func rcptStatus(i, code int32, e unsafe.Pointer, en uint32, t unsafe.Pointer, tn uint32) int32

func (host) MapGet(name, key string) (string, sdk.Errno) {
	v, e := fetch(func(b unsafe.Pointer, n uint32) int32 {
		return mapGet(ptr(name), size(name), ptr(key), size(key), b, n)
	})
	return string(v), e
}

func (host) KVGet(key string) ([]byte, sdk.Errno) {
	return fetch(func(b unsafe.Pointer, n uint32) int32 { return kvGet(ptr(key), size(key), b, n) })
}

func (host) KVSet(key string, value []byte, ttl int) sdk.Errno {
	return errno(kvSet(ptr(key), size(key), unsafe.Pointer(unsafe.SliceData(value)), uint32(len(value)), int32(ttl)))
}

func (host) KVIncr(key string, delta int64, ttl int) (int64, sdk.Errno) {
	n := kvIncr(ptr(key), size(key), delta, int32(ttl))
	if n < 0 {
		return 0, sdk.Errno(n)
	}
	return n, sdk.OK
}

func (host) KVDel(key string) sdk.Errno { return errno(kvDel(ptr(key), size(key))) }

func (host) DNS(kind sdk.DNSType, name string) (string, sdk.Errno) {
	v, e := fetch(func(b unsafe.Pointer, n uint32) int32 { return dns(int32(kind), ptr(name), size(name), b, n) })
	return string(v), e
}

func (h host) Words(set string, what sdk.Text, from int64) (sdk.Match, sdk.Errno) {
	return h.match(words(ptr(set), size(set), int32(what), from))
}

func (h host) Regexp(pattern string, what sdk.Text, from int64) (sdk.Match, sdk.Errno) {
	return h.match(regexp(ptr(pattern), size(pattern), int32(what), from))
}

// match asks for the rest of what words and regexp found at offset begin.
func (h host) match(begin int64) (sdk.Match, sdk.Errno) {
	if begin < 0 {
		return sdk.Match{}, sdk.Errno(begin)
	}
	end, _ := h.Get("scan.end")
	text, _ := h.Get("scan.match")
	m := sdk.Match{Begin: begin, Found: text}
	m.End, _ = strconv.ParseInt(end, 10, 64)
	return m, sdk.OK
}

func (host) Hash(alg sdk.HashAlg, what sdk.Text) (string, sdk.Errno) {
	v, e := fetch(func(b unsafe.Pointer, n uint32) int32 { return hash(int32(alg), int32(what), b, n) })
	return string(v), e
}

func (host) MIMEPart(i int, what sdk.MIMEInfo) (string, sdk.Errno) {
	v, e := fetch(func(b unsafe.Pointer, n uint32) int32 { return mimePart(int32(i), int32(what), 0, b, n) })
	return string(v), e
}

func (host) MIMERead(i int, off int64, p []byte) (int, sdk.Errno) {
	return count(mimePart(int32(i), 0, off, unsafe.Pointer(unsafe.SliceData(p)), uint32(len(p))))
}

func (host) RcptStatus(i, code int, enhanced, text string) sdk.Errno {
	return errno(rcptStatus(int32(i), int32(code), ptr(enhanced), size(enhanced), ptr(text), size(text)))
}
