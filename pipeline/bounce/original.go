package bounce

import (
	"errors"
	"io"
	"sync"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/pipeline/deliver"
)

// original is what a notice returns of the message.
type original struct {
	text mail.Content
	// size is how much of text is returned: all, or the header.
	size int64
	full bool
	// header8 and eightBit: the header, and what is returned, have bytes ≥ 0x80.
	header8, eightBit bool
	// messageID is the message's, "" for none that can be referred to.
	messageID string
}

func readOriginal(c mail.Content, full, threaded bool) (original, error) {
	header, err := deliver.Header(c, nil)
	if err != nil {
		return original{}, err
	}
	o := original{text: c, size: int64(len(header)), full: full, header8: has8Bit(header)}
	o.eightBit = o.header8
	if threaded {
		o.messageID = messageID(header)
	}
	if full {
		o.size = c.Size()
		if !o.header8 {
			o.eightBit, err = anyIn(c, int64(len(header)))
		}
	}
	return o, err
}

// maxMessageID is the longest message id that a notice refers to.
const maxMessageID = 900

// messageID returns the message id in a header, if it is one of printable ASCII.
func messageID(header []byte) string {
	id := mail.ParseHeader(header).Get("Message-Id")
	if len(id) < 3 || len(id) > maxMessageID || id[0] != '<' || id[len(id)-1] != '>' {
		return ""
	}
	for i := range len(id) {
		if id[i] <= ' ' || id[i] >= 0x7f {
			return ""
		}
	}
	return id
}

var blocks = sync.Pool{New: func() any { b := make([]byte, 32<<10); return &b }}

// anyIn tells whether c has a byte ≥ 0x80 at or behind off.
func anyIn(c mail.Content, off int64) (bool, error) {
	buf := blocks.Get().(*[]byte)
	defer blocks.Put(buf)
	r := io.NewSectionReader(c, off, c.Size()-off)
	for {
		n, err := r.Read(*buf)
		if has8Bit((*buf)[:n]) {
			return true, nil
		}
		if errors.Is(err, io.EOF) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
	}
}

func has8Bit(b []byte) bool {
	for _, c := range b {
		if c >= 0x80 {
			return true
		}
	}
	return false
}

// partHead returns the fields of the part that holds o.
func (o *original) partHead(k kind, global bool) string {
	what, kind := k.state()+"Message", "message/rfc822"
	if global {
		kind = "message/global"
	}
	if !o.full {
		what, kind = what+" Headers", "text/rfc822-headers"
		if global {
			kind = "message/global-headers"
		}
	}
	return "Content-Description: " + what + "\r\nContent-Type: " + kind + "\r\n" + encoding(o.eightBit) + "\r\n"
}

// attached says what is returned, in words.
func (o *original) attached() string {
	if o.full {
		return "your message"
	}
	return "the header of your message"
}

func encoding(eightBit bool) string {
	if eightBit {
		return "Content-Transfer-Encoding: 8bit\r\n"
	}
	return ""
}
