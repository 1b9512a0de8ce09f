package source

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"
)

// digits is the width of the number in a Message-Id.
const digits = 10

// refusal is a reply of class 4 or 5.
type refusal struct{ reply string }

// Error returns the reply.
func (r *refusal) Error() string { return r.reply }

// session sends one message after the other.
type session struct {
	o *Options
	// envelope are MAIL, RCPT and DATA; text is the message with the final dot, in which the
	// number stands at numberAt.
	mail, rcpt, envelope []byte
	text                 []byte
	numberAt             int
	r                    *bufio.Reader

	mu   sync.Mutex
	conn net.Conn // nil when there is none
}

func newSession(o *Options) *session {
	s := &session{o: o, r: bufio.NewReaderSize(nil, 4<<10)}
	s.mail = []byte("MAIL FROM:<" + o.From + ">\r\n")
	s.rcpt = []byte("RCPT TO:<" + o.Rcpt + ">\r\n")
	s.envelope = append(append(append([]byte(nil), s.mail...), s.rcpt...), "DATA\r\n"...)
	s.text = append(s.text, "Message-Id: <"+o.Tag+"."...)
	s.numberAt = len(s.text)
	s.text = append(s.text, strings.Repeat("0", digits)+"@source.invalid>\r\nFrom: <"+o.From+">\r\nTo: <"+o.Rcpt+
		">\r\nDate: Mon, 23 Nov 2026 12:00:00 +0000\r\nSubject: load\r\n\r\n"...)
	s.text = append(fill(s.text, o.Size), ".\r\n"...)
	return s
}

// fill appends lines of up to 78 characters until b has size bytes.
func fill(b []byte, size int) []byte {
	for left := size - len(b); left > 0; left = size - len(b) {
		n := min(left, 80)
		if left-n == 1 { // a line cannot be one byte long
			n--
		}
		b = append(append(b, strings.Repeat("X", max(n-2, 0))...), "\r\n"...)
	}
	return b
}

// send sends message number i.
func (s *session) send(ctx context.Context, i int64) (err error) {
	defer func() {
		if err != nil {
			s.hangUp()
		}
	}()
	if s.conn == nil {
		if err := s.connect(ctx); err != nil {
			return err
		}
	}
	for k := digits - 1; k >= 0; k-- {
		s.text[s.numberAt+k] = byte('0' + i%10)
		i /= 10
	}
	if err := s.transaction(); err != nil {
		return err
	}
	if s.o.Reuse {
		return nil
	}
	// The message is accepted, whatever becomes of the farewell.
	if s.write([]byte("QUIT\r\n")) == nil {
		_ = s.replies(1, '2')
	}
	s.hangUp()
	return nil
}

func (s *session) transaction() error {
	if s.o.Pipeline {
		if err := s.write(s.envelope); err != nil {
			return err
		}
		if err := s.replies(2, '2'); err != nil {
			return err
		}
		if err := s.replies(1, '3'); err != nil {
			return err
		}
	} else {
		for _, step := range []struct {
			command []byte
			class   byte
		}{{s.mail, '2'}, {s.rcpt, '2'}, {[]byte("DATA\r\n"), '3'}} {
			if err := s.write(step.command); err != nil {
				return err
			}
			if err := s.replies(1, step.class); err != nil {
				return err
			}
		}
	}
	if err := s.write(s.text); err != nil {
		return err
	}
	return s.replies(1, '2')
}

func (s *session) connect(ctx context.Context) error {
	d := net.Dialer{Timeout: s.o.Timeout}
	conn, err := d.DialContext(ctx, s.o.Network, s.o.Addr)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.conn = conn
	s.mu.Unlock()
	s.r.Reset(conn)
	if err := s.deadline(); err != nil {
		return err
	}
	if err := s.replies(1, '2'); err != nil {
		return err
	}
	if err := s.write([]byte("EHLO source.invalid\r\n")); err != nil {
		return err
	}
	return s.replies(1, '2')
}

// write sends one step. Its deadline is for the reply too.
func (s *session) write(p []byte) error {
	if err := s.deadline(); err != nil {
		return err
	}
	_, err := s.conn.Write(p)
	return err
}

func (s *session) deadline() error { return s.conn.SetDeadline(time.Now().Add(s.o.Timeout)) }

// replies reads n replies, which must be of a class.
func (s *session) replies(n int, class byte) error {
	for n > 0 {
		line, err := s.r.ReadSlice('\n')
		if err != nil {
			return err
		}
		switch {
		case len(line) < 4, line[0] != class && line[0] != '4' && line[0] != '5':
			return fmt.Errorf("not the reply that is due: %.80q", line)
		case line[0] != class:
			return &refusal{strings.TrimSpace(string(line))}
		}
		if line[3] != '-' {
			n--
		}
	}
	return nil
}

// hangUp closes the connection, if there is one.
func (s *session) hangUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != nil {
		s.conn.Close()
		s.conn = nil
	}
}

// interrupt ends what the session waits for.
func (s *session) interrupt() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != nil {
		_ = s.conn.SetDeadline(time.Unix(1, 0)) // it fails only on a closed connection
	}
}
