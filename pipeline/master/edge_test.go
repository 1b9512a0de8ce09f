package master_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// edges are messages as no sane program writes them.
func edges() []specimen {
	var many strings.Builder
	for i := range 10000 {
		fmt.Fprintf(&many, "X-Field-%d: value %d\r\n", i, i)
	}
	all := make([]byte, 0, 300)
	for i := range 256 {
		if i != '\r' && i != '\n' {
			all = append(all, byte(i))
		}
	}
	long := strings.Repeat("0123456789", 10_000)
	return []specimen{
		{"8-bit text in header and body", []byte("Subject: gr\xfc\xdfe \xff\r\nTo: \xc3\xa4@b\r\n\r\nGr\xfc\xdfe\r\n\xff\xfe\r\n")},
		{"10,000 fields", []byte(many.String() + "\r\nbody\r\n")},
		{"no header", []byte("\r\nbody only\r\n")},
		{"no header and no empty line", []byte("this is no field\r\nbody\r\n")},
		{"a header line without colon", []byte("Subject: a\r\nthis line has none\r\nX-After: b\r\n\r\nbody\r\n")},
		{"a header only", []byte("Subject: a\r\nX-B: c\r\n")},
		{"an empty body", []byte("Subject: a\r\n\r\n")},
		{"nothing at all", nil},
		{"an empty line", []byte("\r\n")},
		{"a continuation at the beginning", []byte(" folded\r\nSubject: a\r\n\r\nb\r\n")},
		{"a line of From before the header", []byte("From a@b Thu Jan  1 00:00:00 1970\r\nSubject: a\r\n\r\nb\r\n")},
		{"blanks before the colon", []byte("Subject : a\r\nX-Y\t: b\r\n\r\nb\r\n")},
		{"an empty field", []byte("Subject:\r\nX-Y: \r\n \r\n\t\r\nZ: 1\r\n\r\nb\r\n")},
		{"dots", []byte("Subject: dots\r\n\r\n.\r\n..\r\n...\r\n.a\r\n. \r\na.\r\n.\r\n")},
		{"a dot as the first byte", []byte(".hidden: a\r\n\r\nb\r\n")},
		{"lines of 100 KB", []byte("Subject: long\r\nX-Long: " + long + "\r\n\r\n" + long + "\r\n." + long + "\r\n")},
		{"a folded field of 100 KB", []byte("Subject: a\r\nX-Fold: a\r\n" + strings.Repeat("\tnext line of it\r\n", 6000) + "\r\nb\r\n")},
		{"every byte", append(append([]byte("Subject: bytes\r\n\r\n"), all...), "\r\n"...)},
		{"NUL in header and body", []byte("Subject: a\x00b\r\n\r\n\x00\r\n\x00\x00.\r\n.\x00\r\n")},
		{"blanks at line ends", []byte("Subject: a  \r\n\r\nb \t \r\n\r\n\r\n")},
		{"200 KB, which is more than memory keeps", []byte("Subject: big\r\n\r\n" + strings.Repeat(strings.Repeat("x", 70)+"\r\n", 2900))},
		{"dropped fields in every spelling", []byte("BCC: x@y\r\n\tz@y\r\nBcc : a\r\nSubject: s\r\nreturn-path: <a>\r\nContent-Length: 5\r\nResent-Bcc: q\r\nBcc2: stays\r\n\r\nBcc: body\r\n")},
	}
}

func TestStrangeMessagesAreRelayedByteForByte(t *testing.T) {
	all := edges()
	for _, c := range []struct {
		name, setting string
		drop          []string
	}{
		{"without the fields of message_drop_headers", "", dropped},
		{"whole when message_drop_headers is empty", "message_drop_headers =", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSink(t)
			d := start(t, "local_header_rewrite_clients =", "relayhost = "+s.nexthop(), c.setting)
			got := relay(t, d, s, all)
			for i, m := range all {
				checkRelayed(t, m.name, got[i], without(m.text, c.drop))
			}
		})
	}
}

// Chunks may be cut anywhere (RFC 3030), between CR and LF and before a dot too.
func TestChunksAreRelayedByteForByte(t *testing.T) {
	s := newSink(t)
	d := start(t, "local_header_rewrite_clients =", "relayhost = "+s.nexthop())
	text := []byte("Subject: chunks\r\nX-A: b\r\n\r\n.\r\n..dots\r\nlast\r\n")
	c := d.hello()
	for size := 1; size <= len(text); size += 3 {
		c.do("MAIL FROM:<a@sender.test>", "250")
		c.do("RCPT TO:<b@rcpt.test>", "250")
		for rest := text; len(rest) > 0; {
			n := min(size, len(rest))
			last := ""
			if n == len(rest) {
				last = " LAST"
			}
			c.send(append(fmt.Appendf(nil, "BDAT %d%s\r\n", n, last), rest[:n]...))
			c.expect("250")
			rest = rest[n:]
		}
	}
	c.do("QUIT", "221")
	for i, m := range s.wait(t, (len(text)+2)/3) {
		checkRelayed(t, fmt.Sprintf("message %d", i), m.text, text)
	}
}

// A chunk that is cut off by the end of the connection is no message.
func TestACutOffChunkIsNeverDelivered(t *testing.T) {
	s := newSink(t)
	d := start(t, "relayhost = "+s.nexthop())
	c := d.hello()
	c.do("MAIL FROM:<a@sender.test>", "250")
	c.do("RCPT TO:<b@rcpt.test>", "250")
	c.send([]byte("BDAT 100 LAST\r\nSubject: half"))
	_ = c.c.Close()
	d.log.wait(t, `disconnect from`)
	d.post("a@sender.test", "b@rcpt.test", []byte("Subject: whole\r\n\r\n"))
	if got := s.wait(t, 1); len(got) != 1 || !bytes.Contains(got[0].text, []byte("Subject: whole")) {
		t.Errorf("got %d messages, the first %q", len(got), got[0].text)
	}
}

// Mail of local origin gets the fields that RFC 5322 §3.6 wants, and nothing else is touched.
func TestMailOfLocalOriginIsCompleted(t *testing.T) {
	s := newSink(t)
	d := start(t, "relayhost = "+s.nexthop())
	d.post("a@sender.test", "b@rcpt.test", []byte("Subject: bare\r\n\r\nbody\r\n"))
	text := string(s.wait(t, 1)[0].text)
	for _, want := range []string{"\r\nMessage-Id: <", "\r\nDate: ", "\r\nFrom: a@sender.test\r\n", "\r\nSubject: bare\r\n"} {
		if strings.Count(text, want) != 1 {
			t.Errorf("%q is not there once:\n%s", want, text)
		}
	}
	if !strings.HasSuffix(text, "\r\n\r\nbody\r\n") {
		t.Errorf("the body changed:\n%s", text)
	}
}
