//go:build wasip1

package guest

import (
	"unsafe"

	"github.com/mtad/mtad/plugins/sdk"
)

// host is sdk.Host over the module's imports.
type host struct{}

var _ sdk.Host = host{}

func ptr(s string) unsafe.Pointer { return unsafe.Pointer(unsafe.StringData(s)) }
func size(s string) uint32        { return uint32(len(s)) }

func errno(v int32) sdk.Errno {
	if v >= 0 {
		return sdk.OK
	}
	return sdk.Errno(v)
}

// fetch calls read with a buffer, and once more with a larger one if it was too small.
func fetch(read func(buf unsafe.Pointer, n uint32) int32) ([]byte, sdk.Errno) {
	buf := make([]byte, 256)
	for {
		n := read(unsafe.Pointer(unsafe.SliceData(buf)), uint32(len(buf)))
		if n < 0 {
			return nil, sdk.Errno(n)
		}
		if int(n) <= len(buf) {
			return buf[:n], sdk.OK
		}
		buf = make([]byte, n)
	}
}

func (host) Get(key string) (string, sdk.Errno) {
	v, e := fetch(func(b unsafe.Pointer, n uint32) int32 { return get(ptr(key), size(key), b, n) })
	return string(v), e
}

func (host) Set(key, value string) sdk.Errno {
	return errno(set(ptr(key), size(key), ptr(value), size(value)))
}

func (host) HdrCount() int { return int(hdrCount()) }

func (host) HdrGet(i int, what sdk.Part) ([]byte, sdk.Errno) {
	return fetch(func(b unsafe.Pointer, n uint32) int32 { return hdrGet(int32(i), int32(what), b, n) })
}

func (host) HdrFind(name string, from int) int {
	return int(hdrFind(ptr(name), size(name), int32(from)))
}

func (host) RcptCount() int { return int(rcptCount()) }

func (host) RcptGet(i int, what sdk.RcptPart) (string, sdk.Errno) {
	v, e := fetch(func(b unsafe.Pointer, n uint32) int32 { return rcptGet(int32(i), int32(what), b, n) })
	return string(v), e
}

func (host) BodySize() int64 { return bodySize() }

func (host) BodyRead(off int64, p []byte) (int, sdk.Errno) {
	return count(bodyRead(off, unsafe.Pointer(unsafe.SliceData(p)), uint32(len(p))))
}

func (host) MsgRead(off int64, p []byte) (int, sdk.Errno) {
	return count(msgRead(off, unsafe.Pointer(unsafe.SliceData(p)), uint32(len(p))))
}

func count(n int32) (int, sdk.Errno) {
	if n < 0 {
		return 0, sdk.Errno(n)
	}
	return int(n), sdk.OK
}

func (host) Reply(code int, enhanced, text string) sdk.Errno {
	return errno(reply(int32(code), ptr(enhanced), size(enhanced), ptr(text), size(text)))
}

func (host) Config(key string) (string, sdk.Errno) {
	v, e := fetch(func(b unsafe.Pointer, n uint32) int32 { return config(ptr(key), size(key), b, n) })
	return string(v), e
}

func (host) Log(level sdk.Level, text string) { logLine(int32(level), ptr(text), size(text)) }

func (host) Now(clock int) int64 { return now(int32(clock)) }

func (host) Random(p []byte) { random(unsafe.Pointer(unsafe.SliceData(p)), uint32(len(p))) }

func (host) StashGet(scope sdk.Scope, key string) ([]byte, sdk.Errno) {
	return fetch(func(b unsafe.Pointer, n uint32) int32 { return stashGet(int32(scope), ptr(key), size(key), b, n) })
}

func (host) StashSet(scope sdk.Scope, key string, value []byte) sdk.Errno {
	return errno(stashSet(int32(scope), ptr(key), size(key), unsafe.Pointer(unsafe.SliceData(value)), uint32(len(value))))
}

func (host) Counter(name string, delta int64) sdk.Errno {
	return errno(counter(ptr(name), size(name), delta))
}

func (host) Feature(name string) bool { return feature(ptr(name), size(name)) == 1 }
