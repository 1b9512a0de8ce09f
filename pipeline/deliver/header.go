package deliver

import (
	"errors"
	"io"

	"github.com/mtad/mtad/core/mail"
)

// firstRead is how much of a message is read to find its header: nearly all headers are shorter.
const firstRead = 8 << 10

// Header reads the header block of text, without the empty line behind it, into buf, which it
// grows as it must, to at most mail.HeaderLimit. The result may share memory with buf.
func Header(text mail.Content, buf []byte) ([]byte, error) {
	limit := min(text.Size(), mail.HeaderLimit)
	buf = buf[:0]
	known, done := 0, false
	for want := int64(firstRead); !done && int64(len(buf)) < limit; want *= 2 {
		var err error
		if buf, err = readUpTo(text, buf, min(want, limit)); err != nil {
			return nil, err
		}
		known, done = mail.SplitFrom(buf, known)
	}
	return buf[:known], nil
}

// readUpTo reads text behind what buf has of it, until buf has n bytes.
func readUpTo(text mail.Content, buf []byte, n int64) ([]byte, error) {
	have := len(buf)
	if int64(cap(buf)) < n {
		buf = append(make([]byte, 0, n), buf...)
	}
	buf = buf[:n]
	got, err := text.ReadAt(buf[have:], int64(have))
	if have+got == len(buf) {
		return buf, nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF // shorter than its size: damaged, not ended
	}
	return nil, err
}
