package index

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math/bits"
)

// Version is the version of the format that this package reads and writes.
const Version = 1

// Suffix is what the name of a table's file has behind the name of its text.
const Suffix = ".mdx"

const (
	magic      = "MTADINDX"
	headerSize = 64
	slotSize   = 16
	recordHead = 12
	// maxRecord bounds a record, in bytes.
	maxRecord = 1 << 24
)

// What Open finds wrong.
var (
	// ErrCorrupt says that a file is not what Commit wrote.
	ErrCorrupt = errors.New("the index is damaged; build it again with postmap")
	// ErrVersion says that another version of mtad wrote the file.
	ErrVersion = errors.New("the index has another format version; build it again with postmap")
)

// header is the beginning of a file.
type header struct {
	count, slots, end uint64
	probe, sum        uint32
}

func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

func (h header) bytes() []byte {
	b := make([]byte, headerSize)
	copy(b, magic)
	le := binary.LittleEndian
	le.PutUint32(b[8:], Version)
	le.PutUint64(b[16:], h.count)
	le.PutUint64(b[24:], h.slots)
	le.PutUint64(b[32:], h.end)
	le.PutUint32(b[40:], h.probe)
	le.PutUint32(b[44:], h.sum)
	le.PutUint32(b[60:], crc32.Checksum(b[:60], castagnoli()))
	return b
}

// parseHeader reads the header of a file of that size, in bytes.
func parseHeader(b []byte, size int64) (header, error) {
	le := binary.LittleEndian
	var h header
	if len(b) < headerSize || string(b[:8]) != magic {
		return h, ErrCorrupt
	}
	if le.Uint32(b[8:]) != Version {
		return h, ErrVersion
	}
	h = header{le.Uint64(b[16:]), le.Uint64(b[24:]), le.Uint64(b[32:]), le.Uint32(b[40:]), le.Uint32(b[44:])}
	switch {
	case le.Uint32(b[60:]) != crc32.Checksum(b[:60], castagnoli()),
		h.end < headerSize || h.end > uint64(size),
		h.slots == 0 || h.slots > uint64(size)/slotSize,
		h.end+h.slots*slotSize != uint64(size),
		h.count > h.slots || uint64(h.probe) > h.slots:
		return h, ErrCorrupt
	}
	return h, nil
}

// hash is the hash of a key.
func hash(key string) uint64 {
	h := uint64(14695981039346656037)
	for i := 0; i < len(key); i++ {
		h = (h ^ uint64(key[i])) * 1099511628211
	}
	h = (h ^ h>>33) * 0xff51afd7ed558ccd
	h = (h ^ h>>33) * 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}

// firstSlot returns where the search for a hash begins.
func firstSlot(h, slots uint64) uint64 {
	high, _ := bits.Mul64(h, slots)
	return high
}
