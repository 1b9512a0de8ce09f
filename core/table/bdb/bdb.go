package bdb

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
)

// Suffix is what Postfix appends to the name of a table's text.
const Suffix = ".db"

// What can be wrong with a file.
var (
	// ErrFormat says that a file is not what Berkeley DB writes.
	ErrFormat = errors.New("not a Berkeley DB hash or btree file, or damaged")
	// ErrBusy says that a file is being written.
	ErrBusy = errors.New("the file is being written")
)

// maxFile bounds a file, in bytes: all of it is held in memory.
const maxFile = 1 << 30

// Numbers of the format.
const (
	magicHash  = 0x061561
	magicBtree = 0x053162

	pageHashUnsorted, pageLeaf, pageOverflow, pageHash = 2, 5, 7, 13

	pageHead         = 26
	pageHeadChecksum = 32
)

// Read calls yield for each entry of a file, in no particular order, until it fails.
func Read(path string, yield func(key, value string) error) error {
	data, err := load(path)
	if err != nil {
		return err
	}
	if err := Parse(data, yield); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// load reads a file under a shared lock.
func load(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB); errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, fmt.Errorf("%s: %w", path, ErrBusy)
	} else if err != nil {
		return nil, err
	}
	before, err := f.Stat()
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	after, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case before.ModTime() != after.ModTime() || before.Size() != after.Size():
		return nil, fmt.Errorf("%s: %w", path, ErrBusy)
	case len(data) > maxFile:
		return nil, fmt.Errorf("%s: larger than %d bytes", path, maxFile)
	}
	return data, nil
}

// database is a file in memory.
type database struct {
	data     []byte
	order    binary.ByteOrder
	pageSize int
	// head is the length of a page's header.
	head  int
	btree bool
	// spent counts the bytes of overflow pages, which may not be more than the file has: pages
	// belong to one entry.
	spent int
	yield func(key, value string) error
}

// Parse calls yield for each entry of a file's content.
func Parse(data []byte, yield func(key, value string) error) error {
	db := database{data: data, yield: yield}
	if err := db.meta(); err != nil {
		return err
	}
	for n := 1; n < len(data)/db.pageSize; n++ {
		if err := db.page(n); err != nil {
			return fmt.Errorf("page %d: %w", n, err)
		}
	}
	return nil
}

// meta reads page 0.
func (db *database) meta() error {
	if len(db.data) < 512 {
		return ErrFormat
	}
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		switch order.Uint32(db.data[12:]) {
		case magicHash:
			db.order = order
		case magicBtree:
			db.order, db.btree = order, true
		}
	}
	if db.order == nil {
		return ErrFormat
	}
	version := db.order.Uint32(db.data[16:])
	size := db.order.Uint32(db.data[20:])
	switch {
	case version < 7 || version > 10:
		return fmt.Errorf("version %d: %w", version, ErrFormat)
	case db.data[24] != 0:
		return fmt.Errorf("encrypted: %w", ErrFormat)
	case size < 512 || size > 65536 || size&(size-1) != 0 || len(db.data)%int(size) != 0:
		return ErrFormat
	}
	db.pageSize, db.head = int(size), pageHead
	if db.data[26]&1 != 0 {
		db.head = pageHeadChecksum
	}
	return nil
}

func (db *database) bytes(n int) []byte { return db.data[n*db.pageSize : (n+1)*db.pageSize] }

// page hands the entries of page n over, if it is of a type that has any. Items stand in pairs,
// a key and its value.
func (db *database) page(n int) error {
	p := db.bytes(n)
	var item func(p []byte, i int) (string, bool, error)
	switch kind := p[25]; {
	case db.btree && kind == pageLeaf:
		item = db.leafItem
	case !db.btree && (kind == pageHash || kind == pageHashUnsorted):
		item = db.hashItem
	default:
		return nil
	}
	count := int(db.order.Uint16(p[20:]))
	if db.head+2*count > len(p) || count%2 != 0 {
		return ErrFormat
	}
	for i := 0; i < count; i += 2 {
		key, there, err := item(p, i)
		if err != nil {
			return err
		}
		value, valueThere, err := item(p, i+1)
		if err != nil {
			return err
		}
		if there && valueThere {
			if err := db.yield(trim(key), trim(value)); err != nil {
				return err
			}
		}
	}
	return nil
}

// offset returns where item i of a page begins.
func (db *database) offset(p []byte, i int) int { return int(db.order.Uint16(p[db.head+2*i:])) }

// hashItem reads an item of a hash page: its type and its bytes, which reach to the item before.
func (db *database) hashItem(p []byte, i int) (string, bool, error) {
	end := len(p)
	if i > 0 {
		end = db.offset(p, i-1)
	}
	begin := db.offset(p, i)
	if begin < db.head || begin >= end || end > len(p) {
		return "", false, ErrFormat
	}
	b := p[begin:end]
	switch b[0] {
	case 1:
		return string(b[1:]), true, nil
	case 3:
		return db.overflow(b)
	}
	return "", false, fmt.Errorf("item of type %d: %w", b[0], ErrFormat)
}

// leafItem reads an item of a leaf: its length, its type and its bytes. The highest bit of the type
// says that it is deleted.
func (db *database) leafItem(p []byte, i int) (string, bool, error) {
	begin := db.offset(p, i)
	if begin < db.head || begin+3 > len(p) {
		return "", false, ErrFormat
	}
	b := p[begin:]
	there := b[2]&0x80 == 0
	switch b[2] & 0x7f {
	case 1:
		n := int(db.order.Uint16(b))
		if 3+n > len(b) {
			return "", false, ErrFormat
		}
		return string(b[3 : 3+n]), there, nil
	case 3:
		s, _, err := db.overflow(b)
		return s, there, err
	}
	return "", false, fmt.Errorf("item of type %d: %w", b[2]&0x7f, ErrFormat)
}

// overflow collects an item from its chain of pages.
func (db *database) overflow(b []byte) (string, bool, error) {
	if len(b) < 12 {
		return "", false, ErrFormat
	}
	next, length := db.order.Uint32(b[4:]), int(db.order.Uint32(b[8:]))
	if db.spent += length; length < 0 || db.spent > len(db.data) {
		return "", false, ErrFormat
	}
	out := make([]byte, 0, length)
	for len(out) < length {
		if next == 0 || uint64(next) >= uint64(len(db.data)/db.pageSize) {
			return "", false, ErrFormat
		}
		p := db.bytes(int(next))
		n := int(db.order.Uint16(p[22:]))
		if p[25] != pageOverflow || n == 0 || db.head+n > len(p) {
			return "", false, ErrFormat
		}
		out = append(out, p[db.head:db.head+n]...)
		next = db.order.Uint32(p[16:])
	}
	if len(out) != length {
		return "", false, ErrFormat
	}
	return string(out), true, nil
}

// trim takes one zero byte off.
func trim(s string) string {
	if s != "" && s[len(s)-1] == 0 {
		return s[:len(s)-1]
	}
	return s
}
