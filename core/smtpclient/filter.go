package smtpclient

import "bytes"

// filter makes text safe for DATA: a dot at the begin of a line is doubled (RFC 5321 §4.5.2); a
// bare LF becomes CR LF and a bare CR a space, so that no server, however it takes line ends,
// sees the end of the text, or a line, where there is none; lines over the limit are broken.
// What needs nothing, which is nearly everything, goes out as it was read.
type filter struct {
	limit   int // of bytes in a line, 0 for none
	column  int // bytes of the last line so far
	newline bool
}

func newFilter(limit int) filter { return filter{limit: limit, newline: true} }

// passes reports whether p can go as it is, and if so takes note of it. p begins or ends inside
// a line, but never between CR and LF.
func (f *filter) passes(p []byte) bool {
	if f.newline && len(p) > 0 && p[0] == '.' {
		return false
	}
	if !wellEnded(p, f.limit, f.column, true) {
		return false
	}
	f.follow(p)
	return true
}

// wellEnded reports whether every line of p ends in CR LF, p has no other CR, no line has more
// than limit bytes (column are in front of the first), and, if dots matter, no line behind the
// first begins with one. One pass finds the LFs, one counts the CRs: as many CRs as LFs, with one
// before each LF, leave none over.
func wellEnded(p []byte, limit, column int, dots bool) bool {
	lines := 0
	for start := 0; ; lines++ {
		n := bytes.IndexByte(p[start:], '\n')
		if n < 0 {
			tooLong := limit > 0 && column+len(p)-start > limit
			return !tooLong && bytes.Count(p, []byte{'\r'}) == lines
		}
		end := start + n
		if end == 0 || p[end-1] != '\r' || limit > 0 && column+n-1 > limit {
			return false
		}
		start, column = end+1, 0
		if dots && start < len(p) && p[start] == '.' {
			return false
		}
	}
}

// follow notes where the text stands behind p, which was written as it is.
func (f *filter) follow(p []byte) {
	if len(p) == 0 {
		return
	}
	f.newline = p[len(p)-1] == '\n'
	if i := bytes.LastIndexByte(p, '\n'); i >= 0 {
		f.column = len(p) - i - 1
	} else {
		f.column += len(p)
	}
}

// ending returns what ends the text: a line end if it lacks one, and the dot.
func (f *filter) ending() string {
	if f.newline {
		return ".\r\n"
	}
	return "\r\n.\r\n"
}

// apply appends p to dst, edited. A CR at the end of p is a bare one.
func (f *filter) apply(dst, p []byte) []byte {
	for len(p) > 0 {
		line, ended := p, false
		if i := bytes.IndexByte(p, '\n'); i >= 0 {
			line, p, ended = p[:i], p[i+1:], true
			if i > 0 && line[i-1] == '\r' {
				line = line[:i-1]
			}
		} else {
			p = nil
		}
		dst = f.appendLine(dst, line)
		if ended {
			dst = append(dst, "\r\n"...)
			f.newline, f.column = true, 0
		}
	}
	return dst
}

// appendLine appends a line, or a part of one, without its end.
func (f *filter) appendLine(dst, line []byte) []byte {
	if len(line) == 0 {
		return dst
	}
	if f.newline && line[0] == '.' {
		dst = append(dst, '.')
	}
	f.newline = false
	for f.limit > 0 && f.column+len(line) > f.limit {
		room := max(f.limit-f.column, 0)
		dst = appendNoCR(dst, line[:room])
		dst = append(dst, "\r\n "...)
		line, f.column = line[room:], 1
	}
	f.column += len(line)
	return appendNoCR(dst, line)
}

func appendNoCR(dst, line []byte) []byte {
	at := len(dst)
	dst = append(dst, line...)
	for {
		i := bytes.IndexByte(dst[at:], '\r')
		if i < 0 {
			return dst
		}
		at += i
		dst[at] = ' '
	}
}
