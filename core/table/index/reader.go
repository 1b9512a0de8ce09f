package index

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
)

// Reader asks a file.
type Reader struct {
	file *os.File
	head header
}

// Open opens a file and checks all of it: at a few gigabytes per second, that is cheaper than to
// trust half of a copy. A Reader that nobody refers to any more closes by itself.
func Open(path string) (*Reader, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	r := &Reader{file: f}
	if err := r.check(); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), f.Close())
	}
	return r, nil
}

func (r *Reader) check() error {
	info, err := r.file.Stat()
	if err != nil {
		return err
	}
	b := make([]byte, headerSize)
	if n, err := r.file.ReadAt(b, 0); err != nil && !errors.Is(err, io.EOF) {
		return err
	} else if n < headerSize {
		return ErrCorrupt
	}
	if r.head, err = parseHeader(b, info.Size()); err != nil {
		return err
	}
	sum := crc32.New(castagnoli())
	if _, err := io.Copy(sum, io.NewSectionReader(r.file, headerSize, info.Size()-headerSize)); err != nil {
		return err
	}
	if sum.Sum32() != r.head.sum {
		return ErrCorrupt
	}
	return nil
}

// Close closes the file; lookups then fail.
func (r *Reader) Close() error { return r.file.Close() }

// Len returns the number of entries.
func (r *Reader) Len() int { return int(r.head.count) }

// slotsPerRead is how many slots one read takes.
const slotsPerRead = 4

// Lookup returns the value of a key, which is compared byte by byte.
func (r *Reader) Lookup(key string) (string, bool, error) {
	h := hash(key)
	at := firstSlot(h, r.head.slots)
	var buf [slotsPerRead * slotSize]byte
	for left := uint64(r.head.probe); left > 0; {
		n := min(slotsPerRead, left, r.head.slots-at)
		b := buf[:n*slotSize]
		if _, err := r.file.ReadAt(b, int64(r.head.end+at*slotSize)); err != nil {
			return "", false, err
		}
		for ; len(b) > 0; b = b[slotSize:] {
			place := binary.LittleEndian.Uint64(b[8:])
			if place == 0 {
				return "", false, nil
			}
			if binary.LittleEndian.Uint32(b) != uint32(h>>32) {
				continue
			}
			found, value, err := readRecord(r.file, place, binary.LittleEndian.Uint32(b[4:]))
			if err != nil || found == key {
				return value, err == nil, err
			}
		}
		left -= n
		at = (at + n) % r.head.slots
	}
	return "", false, nil
}

// All calls yield for each entry, in the order in which they were put, until it fails.
func (r *Reader) All(yield func(key, value string) error) error {
	in := bufio.NewReaderSize(io.NewSectionReader(r.file, headerSize, int64(r.head.end)-headerSize), 256<<10)
	for place := uint64(headerSize); place < r.head.end; {
		head, err := in.Peek(recordHead)
		if err != nil {
			return ErrCorrupt
		}
		length := recordHead + uint64(binary.LittleEndian.Uint32(head[4:])) + uint64(binary.LittleEndian.Uint32(head[8:]))
		if length > maxRecord || place+length > r.head.end {
			return ErrCorrupt
		}
		b := make([]byte, length)
		if _, err := io.ReadFull(in, b); err != nil {
			return err
		}
		key, value, err := parseRecord(b)
		if err != nil {
			return err
		}
		if err := yield(key, value); err != nil {
			return err
		}
		place += length
	}
	return nil
}
