package asuser

import (
	"encoding/binary"
	"errors"
	"io"
)

// The limits of frames and blocks.
const (
	maxFrame = 16 << 10
	maxFile  = 8 << 20
	maxBlock = 64 << 10
	maxTexts = 64
)

var errFrame = errors.New("malformed frame")

// appendFrame appends a frame of texts to b.
func appendFrame(b []byte, texts ...string) []byte {
	at := len(b)
	b = append(b, 0, 0, 0, 0)
	for _, t := range texts {
		b = binary.BigEndian.AppendUint32(b, uint32(len(t)))
		b = append(b, t...)
	}
	binary.BigEndian.PutUint32(b[at:], uint32(len(b)-at-4))
	return b
}

// readFrame reads a frame of at most limit bytes.
func readFrame(r io.Reader, limit int) ([]string, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(head[:])
	if uint64(n) > uint64(limit) {
		return nil, errFrame
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil {
		return nil, noEOF(err)
	}
	var texts []string
	for len(b) > 0 {
		if len(b) < 4 || len(texts) == maxTexts {
			return nil, errFrame
		}
		n := binary.BigEndian.Uint32(b)
		if b = b[4:]; uint64(n) > uint64(len(b)) {
			return nil, errFrame
		}
		texts, b = append(texts, string(b[:n])), b[n:]
	}
	return texts, nil
}

// noEOF keeps an end in the middle from looking like one.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
