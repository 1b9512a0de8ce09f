package smtpclient

import "bytes"

// load reads the text into x.shot if it may go in the same write as its envelope (oneShot).
func (x *transfer) load() *Error {
	if x.tx.Probe != NoProbe {
		return nil
	}
	size := x.tx.Text.Size()
	c := x.c
	if c.o.LMTP || !c.features.Has(Pipelining|Chunking) || size == 0 || size > textBytes-int64(tailRoom) {
		return nil
	}
	b := newBlock()
	n, err := readBlock(b.text(), x.tx.Text, 0, size)
	if err != nil {
		b.free()
		return &Error{Kind: Unreadable, Stage: StageBody, Err: err}
	}
	p := b.text()[:n]
	if !oneShot(p, c.o.LineLimit) {
		b.free()
		return nil
	}
	if p[n-1] != '\n' {
		n += copy(b.text()[n:], "\r\n")
	}
	x.shot, x.shotLen = b, n
	return nil
}

// oneShot reports whether text may be sent as a chunk before the replies to its envelope are
// read.
//
// RFC 3030 §4.2 allows it: a server that accepted no recipient must swallow the chunk and refuse it.
// A server that refuses without swallowing would read the text as commands, and whoever wrote
// the text could, with a recipient that is sure to be refused, send mail in our name. So text in
// which a line looks like the command that begins a mail (MAIL, or SEND, SOML and SAML of RFC 821)
// waits for the replies; everything else is noise to such a server. Text that must be edited
// waits too.
func oneShot(text []byte, limit int) bool {
	return wellEnded(text, limit, 0, false) && !beginsMail(text)
}

// beginsMail reports whether a line of p, white space and control bytes in front of it not
// counted, begins like a command that starts a transaction.
func beginsMail(p []byte) bool {
	for {
		for len(p) > 0 && p[0] <= ' ' {
			p = p[1:]
		}
		if len(p) < 4 {
			return false
		}
		switch string([]byte{p[0] | 0x20, p[1] | 0x20, p[2] | 0x20, p[3] | 0x20}) {
		case "mail", "send", "soml", "saml":
			return true
		}
		i := bytes.IndexByte(p, '\n')
		if i < 0 {
			return false
		}
		p = p[i+1:]
	}
}
