package ledger

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
)

// Pebble's logs and manifests are blocks of 32 KiB, filled with chunks that do not cross their
// borders; a record is one chunk or several. A chunk is a checksum (4 bytes), a length (2), a type
// (1), in logs the low 32 bits of the log's number (4), in newer ones an offset up to which the log
// was synced (8), and the data. Types come in groups of four: the whole of a record, its first
// chunk, a middle one, its last. A log ends with a chunk that bears the next log's number, in
// zeros, or in what a longer log left in a file that is used again.
const (
	chunkBlock = 32 << 10

	shortHeader = 7  // manifests: types 1–4
	logHeader   = 11 // logs: types 5–8
	syncHeader  = 19 // logs: types 9–12
)

const (
	chunkWhole = iota
	chunkFirst
	chunkMiddle
	chunkLast
)

// chunk is a chunk that was taken off a block.
type chunk struct {
	kind int
	data []byte
}

// chunkResult is what stands at a place of a block.
type chunkResult int

const (
	good    chunkResult = iota
	bad                 // damaged; what follows it may be readable
	lost                // damaged so that the rest of the block cannot be read
	padding             // zeros, or leftovers of another log: nothing up to the end of the block
	theEnd              // the log ends here
)

// nextChunk looks at the front of block and returns what is there and behind it.
func nextChunk(block []byte, logNum uint32) (c chunk, rest []byte, r chunkResult) {
	if len(block) < shortHeader || allZero(block[:shortHeader]) {
		return c, nil, padding
	}
	kind, header, ok := chunkType(block[6])
	if !ok || len(block) < header {
		return c, nil, lost
	}
	num := logNum
	if header > shortHeader {
		num = binary.LittleEndian.Uint32(block[7:])
	}
	sum, length := binary.LittleEndian.Uint32(block), int(binary.LittleEndian.Uint16(block[4:]))
	if num == logNum+1 && sum == 0 && length == 0 {
		return c, nil, theEnd
	}
	end := header + length
	if end > len(block) {
		return c, nil, lost
	}
	if sum != chunkSum(block[6:end]) {
		return c, block[end:], bad
	}
	if num != logNum {
		return c, nil, padding
	}
	return chunk{kind, block[header:end]}, block[end:], good
}

func chunkType(t byte) (kind, header int, ok bool) {
	if t < 1 || t > 12 {
		return 0, 0, false
	}
	return int(t-1) % 4, [...]int{shortHeader, logHeader, syncHeader}[(t-1)/4], true
}

// chunkSum is the checksum of a chunk: CRC-32C, turned and shifted.
func chunkSum(b []byte) uint32 {
	c := crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli))
	return (c>>15 | c<<17) + 0xa282ead8
}

func allZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

// scan reads a log or manifest and calls fn for every record that is whole. The slice is fn's
// only until it returns. holes counts the places that could not be read; inner says that a
// whole record follows one of them, so that the last write before a crash does not explain it.
func scan(r io.Reader, logNum uint32, fn func(record []byte) error) (holes int, inner bool, err error) {
	s := scanner{fn: fn}
	buf := make([]byte, chunkBlock)
	for {
		n, err := io.ReadFull(r, buf)
		if n == 0 && errors.Is(err, io.EOF) {
			return s.holes, s.inner, nil
		}
		if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
			return s.holes, s.inner, err
		}
		ended, err := s.block(buf[:n], logNum)
		if err != nil || ended {
			return s.holes, s.inner, err
		}
	}
}

type scanner struct {
	fn     func([]byte) error
	record []byte
	within bool // record has its first chunk and wants its last
	holes  int
	inner  bool
}

func (s *scanner) block(b []byte, logNum uint32) (ended bool, err error) {
	for len(b) > 0 && err == nil {
		var c chunk
		var r chunkResult
		switch c, b, r = nextChunk(b, logNum); r {
		case good:
			err = s.take(c)
		case bad, lost:
			s.holes++
			s.within = false
		case theEnd:
			return true, nil
		}
	}
	return false, err
}

// take adds a chunk to the record it belongs to.
func (s *scanner) take(c chunk) error {
	switch c.kind {
	case chunkWhole, chunkFirst:
		s.record, s.within = append(s.record[:0], c.data...), true
	default:
		if !s.within {
			return nil // its begin is in a hole
		}
		s.record = append(s.record, c.data...)
	}
	if c.kind == chunkFirst || c.kind == chunkMiddle {
		return nil
	}
	s.within = false
	s.inner = s.holes > 0
	return s.fn(s.record)
}
