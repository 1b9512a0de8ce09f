package codec

import (
	"encoding/binary"
	"fmt"
)

// BlockLen is the length of the blocks into which a body in a file is divided for checksums;
// the last one may be shorter.
const BlockLen = 64 << 10

// Blocks returns how many blocks a body of size bytes has.
func Blocks(size int64) int { return int((size + BlockLen - 1) / BlockLen) }

// The kinds of text.
const (
	kindInline = 1 // the whole text follows
	kindFile   = 2 // the size of the body in the file, the checksums of its blocks, and the head
)

// Text is the stored text of an entry. It shares memory with the value it was read from.
type Text struct {
	// Inline is the whole text, or the part of it before the body in the file.
	Inline []byte
	// File is set when a body file follows, of Size bytes, with one checksum per block.
	File bool
	Size int64
	Sums Sums
}

// Sums are the checksums of the blocks of a body file, 4 bytes each.
type Sums []byte

// Add appends the checksum of the next block.
func (s Sums) Add(block []byte) Sums {
	return binary.LittleEndian.AppendUint32(s, sum(nil, block))
}

// Match reports whether block is what block i was.
func (s Sums) Match(i int, block []byte) bool {
	at := i * sumLen
	return at+sumLen <= len(s) && binary.LittleEndian.Uint32(s[at:]) == sum(nil, block)
}

const textHead = sumLen + 2

// InlineLen is the length of the value of a text of n bytes that has no file.
func InlineLen(n int) int { return textHead + n }

// PutInline writes the value of the text head + body, stored under key, to dst, which must be
// InlineLen(len(head)+len(body)) bytes.
func PutInline(dst, key, head, body []byte) {
	dst[sumLen], dst[sumLen+1] = Version, kindInline
	n := copy(dst[textHead:], head)
	copy(dst[textHead+n:], body)
	binary.LittleEndian.PutUint32(dst, sum(key, dst[sumLen:]))
}

// AppendFile appends the value of a text whose body of size bytes is in a file.
func AppendFile(dst, key, head []byte, size int64, sums Sums) []byte {
	start := len(dst)
	dst = append(dst, 0, 0, 0, 0, Version, kindFile)
	dst = binary.AppendUvarint(dst, uint64(size))
	dst = append(append(dst, sums...), head...)
	binary.LittleEndian.PutUint32(dst[start:], sum(key, dst[start+sumLen:]))
	return dst
}

// ParseText returns the text stored under key.
func ParseText(key, value []byte) (Text, error) {
	if len(value) < textHead {
		return Text{}, fmt.Errorf("%w: text of %d bytes only", ErrDamaged, len(value))
	}
	if binary.LittleEndian.Uint32(value) != sum(key, value[sumLen:]) {
		return Text{}, fmt.Errorf("%w: wrong checksum of the text", ErrDamaged)
	}
	if v := value[sumLen]; v != Version {
		return Text{}, fmt.Errorf("%w: unknown version %d of a text", ErrDamaged, v)
	}
	rest := value[textHead:]
	switch value[sumLen+1] {
	case kindInline:
		return Text{Inline: rest}, nil
	case kindFile:
		return parseFile(rest)
	}
	return Text{}, fmt.Errorf("%w: unknown kind %d of text", ErrDamaged, value[sumLen+1])
}

func parseFile(rest []byte) (Text, error) {
	size, n := binary.Uvarint(rest)
	if n <= 0 || size == 0 || size > uint64(len(rest))*BlockLen {
		return Text{}, fmt.Errorf("%w: wrong encoding of a text", ErrDamaged)
	}
	sums := Blocks(int64(size)) * sumLen
	if sums > len(rest)-n {
		return Text{}, fmt.Errorf("%w: checksums of a text are missing", ErrDamaged)
	}
	return Text{Inline: rest[n+sums:], File: true, Size: int64(size), Sums: Sums(rest[n : n+sums])}, nil
}
