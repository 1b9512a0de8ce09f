package mimeconv

import "bytes"

// Stream converts a message that comes by in pieces, header included, as SevenBit does one that can be
// read twice. It holds what SevenBit holds. One goroutine uses it, for one message.
type Stream struct {
	walk  walk
	line  []byte // the begin of a line whose end is to come
	on    bool   // the message has begun
	start bool   // the next piece begins a line
}

// Append appends to dst what is ready after the next bytes of the message.
func (s *Stream) Append(dst, p []byte) []byte {
	if !s.on {
		s.walk.begin()
		s.on, s.start = true, true
	}
	for len(p) > 0 {
		n := bytes.IndexByte(p, '\n') + 1
		if n == 0 && len(s.line)+len(p) < lineBytes {
			s.line = append(s.line, p...)
			return dst
		}
		if n == 0 {
			n = len(p)
		}
		piece := p[:n]
		p = p[n:]
		if len(s.line) > 0 {
			piece = append(s.line, piece...)
			s.line = s.line[:0]
		}
		held := piece[len(piece)-1] == '\r' // CR LF stays together
		if held {
			piece = piece[:len(piece)-1]
		}
		if len(piece) > 0 {
			dst = s.walk.piece(dst, piece, s.start)
			s.start = piece[len(piece)-1] == '\n'
		}
		if held {
			s.line = append(s.line[:0], '\r')
		}
	}
	return dst
}

// End appends what is left when the message has ended.
func (s *Stream) End(dst []byte) []byte {
	if !s.on {
		return dst
	}
	if len(s.line) > 0 {
		dst = s.walk.piece(dst, s.line, s.start)
		s.line = nil
	}
	return s.walk.end(dst)
}
