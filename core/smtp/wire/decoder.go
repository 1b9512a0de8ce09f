package wire

import "bytes"

// place is where in the text the decoder stands: what came before decides what the next byte is.
type place uint8

const (
	// atLine: behind CRLF, or at the begin of the text. Only here a dot can begin the end.
	atLine place = iota
	// atBareLine: behind a bare LF. A line begins, but no end of data.
	atBareLine
	// inLine: behind any other byte.
	inLine
	// behindCR: behind a CR that is not handed out yet.
	behindCR
	// behindDot, behindDotCR: behind a dot (and CR) at atLine that is not handed out.
	behindDot
	behindDotCR
	// behindBareDot, behindBareDotCR: the same at atBareLine.
	behindBareDot
	behindBareDotCR
)

// Event is what the decoder found besides text.
type Event uint8

const (
	// NoEvent: there is text, or all was taken.
	NoEvent Event = iota
	// EndOfData: CRLF.CRLF.
	EndOfData
	// BareNewline: an LF without CR, in a decoder that rejects it.
	BareNewline
)

const (
	minWindow = 64
	maxWindow = LargeBuffer
)

// Decoder turns the bytes on the wire into text whose only line end is CRLF: a bare LF becomes
// CRLF, a bare CR a space. With dots it takes the dots away that hide lines (RFC 5321 §4.5.2) and
// finds the end of data. A line that is a dot alone, but not ended or begun by CRLF, is neither
// the end nor text: it is dropped, as Postfix drops it. The RATIONALE.md of package smtp says why.
//
// Clean text is handed out as it lies in the caller's buffer. It is for one goroutine.
type Decoder struct {
	place  place
	dots   bool
	reject bool
	// window is how much is searched at once. It is small where bare CRs are, because the
	// text behind one is searched again.
	window int
}

// NewDecoder returns a decoder for the begin of a text. With reject a bare LF is an event, too.
func NewDecoder(dots, reject bool) Decoder {
	return Decoder{dots: dots, reject: reject, window: maxWindow}
}

// Constant pieces of text.
var (
	crlf  = []byte("\r\n")
	space = []byte(" ")
)

// Next takes n bytes from the begin of src and returns the text they stand for: nothing, a part of
// src, or a constant. It returns text, an event, or, having taken all of src, neither.
func (d *Decoder) Next(src []byte) (text []byte, n int, ev Event) {
	for n < len(src) {
		switch d.place {
		case atLine, atBareLine, inLine:
			if text, used := d.clean(src[n:]); used > 0 {
				return text, n + used, NoEvent
			}
		}
		text, ev, took := d.step(src[n])
		if took {
			n++
		}
		if text != nil || ev != NoEvent {
			return text, n, ev
		}
	}
	return nil, n, NoEvent
}

// step looks at one byte. took is false when the byte must be looked at again.
func (d *Decoder) step(c byte) (text []byte, ev Event, took bool) {
	switch d.place {
	case atLine, atBareLine, inLine:
		return d.begin(c)
	case behindCR:
		if c == '\n' {
			d.place = atLine
			return crlf, NoEvent, true
		}
		d.place = inLine
		return space, NoEvent, false
	case behindDot, behindBareDot:
		return d.afterDot(c)
	default: // behindDotCR, behindBareDotCR
		return d.afterDotCR(c)
	}
}

// begin looks at a byte where no other is pending: one that clean did not take.
func (d *Decoder) begin(c byte) (text []byte, ev Event, took bool) {
	switch {
	case c == '\n':
		d.place = atBareLine
		if d.reject {
			return nil, BareNewline, true
		}
		return crlf, NoEvent, true
	case c == '.' && d.place == atLine:
		d.place = behindDot
	case c == '.' && d.place == atBareLine:
		d.place = behindBareDot
	default: // CR
		d.place = behindCR
	}
	return nil, NoEvent, true
}

// afterDot looks at the byte behind a dot that begins a line.
func (d *Decoder) afterDot(c byte) (text []byte, ev Event, took bool) {
	switch c {
	case '\r':
		d.place++ // behindDotCR, behindBareDotCR
		return nil, NoEvent, true
	case '\n':
		d.place = atBareLine
		if d.reject {
			return nil, BareNewline, true
		}
		return nil, NoEvent, true
	}
	d.place = inLine
	return nil, NoEvent, false
}

// afterDotCR looks at the byte behind a dot and a CR.
func (d *Decoder) afterDotCR(c byte) (text []byte, ev Event, took bool) {
	switch {
	case c != '\n':
		d.place = inLine
		return space, NoEvent, false
	case d.place == behindDotCR:
		d.place = atLine
		return nil, EndOfData, true
	}
	d.place = atLine
	return nil, NoEvent, true
}

// clean takes the longest part of src, within the window, that can be handed out as it is.
func (d *Decoder) clean(src []byte) (text []byte, used int) {
	if d.dots && src[0] == '.' && d.place != inLine {
		return nil, 0
	}
	src = src[:min(len(src), d.window)]
	end, pairs, at := d.lines(src)
	// Each CR within is one of the pairs, or one of them is bare.
	if bytes.Count(src[:end], crlf[:1]) != pairs {
		end, at = firstBareCR(src[:end]), inLine
		d.window = minWindow
	} else if d.window < maxWindow {
		d.window *= 2
	}
	if end == 0 {
		return nil, 0
	}
	d.place = at
	return src[:end], end
}

// lines walks over src line by line until something is to be changed: a bare LF, a dot that begins
// a line, a CR at the end. It returns where that is, the number of CRLF before, and the place
// there.
func (d *Decoder) lines(src []byte) (end, pairs int, at place) {
	begin := 0
	for {
		i := bytes.IndexByte(src[begin:], '\n')
		if i < 0 {
			break
		}
		lf := begin + i
		if i == 0 || src[lf-1] != '\r' {
			return lf, pairs, d.placeAt(begin, lf)
		}
		pairs++
		begin = lf + 1
		if d.dots && begin < len(src) && src[begin] == '.' {
			return begin, pairs, atLine
		}
	}
	end = len(src)
	if end > begin && src[end-1] == '\r' {
		end--
	}
	return end, pairs, d.placeAt(begin, end)
}

// placeAt returns the place at i, where begin is the begin of the line in the block.
func (d *Decoder) placeAt(begin, i int) place {
	switch {
	case i > begin:
		return inLine
	case begin > 0:
		return atLine
	}
	return d.place
}

// firstBareCR returns the index of the first CR in src that no LF follows. There is one.
func firstBareCR(src []byte) int {
	for i := 0; i < len(src); {
		k := bytes.IndexByte(src[i:], '\r')
		if k < 0 {
			break
		}
		i += k + 1
		if i == len(src) || src[i] != '\n' {
			return i - 1
		}
	}
	return 0
}

// Finish ends text that does not end by CRLF.CRLF (RFC 3030): what is pending becomes text, and
// the last line gets an end.
func (d *Decoder) Finish() []byte {
	at := d.place
	d.place = atLine
	switch at {
	case behindCR:
		return []byte(" \r\n")
	case inLine:
		return crlf
	}
	return nil
}
