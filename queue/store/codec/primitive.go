package codec

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"
)

func appendString(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

func appendTime(dst []byte, t time.Time) []byte {
	dst = binary.AppendVarint(dst, t.Unix())
	return binary.AppendUvarint(dst, uint64(t.Nanosecond()))
}

func appendBools(dst []byte, bits ...bool) []byte {
	var b byte
	for i, set := range bits {
		if set {
			b |= 1 << i
		}
	}
	return append(dst, b)
}

// seal appends the checksum of a value that begins at dst[start].
func seal(dst []byte, start int, key []byte) []byte {
	return binary.LittleEndian.AppendUint32(dst, sum(key, dst[start:]))
}

// unseal checks checksum and version and returns a reader of the fields.
func unseal(key, value []byte) (reader, error) {
	r, _, err := unsealUpTo(Version, key, value)
	return r, err
}

// unsealUpTo is unseal for values of several versions.
func unsealUpTo(newest byte, key, value []byte) (r reader, version byte, err error) {
	n := len(value) - sumLen
	if n < 1 {
		return r, 0, fmt.Errorf("%w: %d bytes only", ErrDamaged, len(value))
	}
	if binary.LittleEndian.Uint32(value[n:]) != sum(key, value[:n]) {
		return r, 0, fmt.Errorf("%w: wrong checksum", ErrDamaged)
	}
	if version = value[0]; version < Version || version > newest {
		return r, 0, fmt.Errorf("%w: unknown version %d", ErrDamaged, version)
	}
	return reader{rest: string(value[1:n])}, version, nil
}

// reader takes fields off the front of a value. The value is copied once, into rest; the strings
// it gives out share that copy. After the first failure every field is zero and bad is set.
type reader struct {
	rest string
	bad  bool
}

func (r *reader) fail() { r.rest, r.bad = "", true }

// end returns an error unless all fields were there and nothing is left.
func (r *reader) end() error {
	if r.bad || r.rest != "" {
		return fmt.Errorf("%w: wrong encoding", ErrDamaged)
	}
	return nil
}

func (r *reader) byte() byte {
	if r.rest == "" {
		r.fail()
		return 0
	}
	b := r.rest[0]
	r.rest = r.rest[1:]
	return b
}

// uvarint reads a number of at most 64 bits, in its shortest form only.
func (r *reader) uvarint() uint64 {
	var n uint64
	for shift := 0; shift < 64; shift += 7 {
		b := r.byte()
		n |= uint64(b&0x7f) << shift
		if b < 0x80 {
			if b == 0 && shift > 0 || shift == 63 && b > 1 {
				break
			}
			return n
		}
	}
	r.fail()
	return 0
}

func (r *reader) varint() int64 {
	u := r.uvarint()
	return int64(u>>1) ^ -int64(u&1)
}

func (r *reader) int() int {
	n := r.varint()
	if n < math.MinInt || n > math.MaxInt {
		r.fail()
	}
	return int(n)
}

// bytes takes n bytes.
func (r *reader) bytes(n uint64) string {
	if n > uint64(len(r.rest)) {
		r.fail()
		return ""
	}
	s := r.rest[:n]
	r.rest = r.rest[n:]
	return s
}

func (r *reader) string() string { return r.bytes(r.uvarint()) }

// count reads how many elements follow, each of at least size bytes.
func (r *reader) count(size int) int {
	n := r.uvarint()
	if n > uint64(len(r.rest)/size) {
		r.fail()
		return 0
	}
	return int(n)
}

func (r *reader) time() time.Time {
	sec, nsec := r.varint(), r.uvarint()
	if nsec >= 1e9 {
		r.fail()
	}
	if (sec == time.Time{}.Unix() && nsec == 0) || r.bad {
		return time.Time{}
	}
	return time.Unix(sec, int64(nsec))
}

// bools reads a set of n booleans.
func (r *reader) bools(n int) byte {
	b := r.byte()
	if b>>n != 0 {
		r.fail()
	}
	return b
}
