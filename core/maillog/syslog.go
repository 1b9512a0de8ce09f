package maillog

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"sync"
	"time"
)

// SyslogSocket is where the syslog daemon of this machine listens, journald's included.
const SyslogSocket = "/dev/log"

// IsSocket says whether path is a socket, so that a log there goes to a daemon (NewSyslog) instead of
// into a file.
func IsSocket(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.Mode().Type() == fs.ModeSocket
}

// syslogPatience is how long a line waits for a syslog daemon that does not read. What it does not take
// is lost: a log must not stop mail.
const syslogPatience = 100 * time.Millisecond

// Syslog sends lines of a Log to a syslog daemon, as Postfix does without maillog_file: RFC 3164 §4.1
// over the socket of this machine (/dev/log). The Log must have no Host: the daemon knows it. Safe for
// concurrent use.
type Syslog struct {
	path     string
	facility int

	mu   sync.Mutex // guards all below
	conn net.Conn   // nil while there is none
	buf  []byte
}

// NewSyslog connects to the socket at path. facility is a name of postconf(5) syslog_facility.
func NewSyslog(path, facility string) (*Syslog, error) {
	code, ok := facilities()[facility]
	if !ok {
		return nil, fmt.Errorf("syslog_facility: %q is none", facility)
	}
	s := &Syslog{path: path, facility: code}
	return s, s.dial()
}

// facilities are the codes of RFC 3164 §4.1.1.
func facilities() map[string]int {
	all := map[string]int{"kern": 0, "user": 1, "mail": 2, "daemon": 3, "auth": 4, "security": 4, "syslog": 5, "lpr": 6, "news": 7, "uucp": 8, "cron": 9,
		"authpriv": 10, "ftp": 11}
	for n := range 8 {
		all[fmt.Sprintf("local%d", n)] = 16 + n
	}
	return all
}

// The severities that the log has.
const (
	critical = 2
	failure  = 3
	warning  = 4
	info     = 6
)

// severity is that of the word with which Postfix begins what is not mail's usual course.
func severity(line []byte) int {
	_, text, _ := bytes.Cut(line, []byte("]: "))
	switch word, _, _ := bytes.Cut(text, []byte(":")); string(word) {
	case "warning":
		return warning
	case "error":
		return failure
	case "fatal", "panic":
		return critical
	}
	return info
}

// Write sends each line of b. An error says that some were not taken.
func (s *Syslog) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var failed error
	for line := range bytes.Lines(b) {
		line = bytes.TrimSuffix(line, []byte("\n"))
		if err := s.send(line); err != nil {
			failed = errors.Join(failed, err)
			break // the daemon is away or does not read: no line of this block waits again
		}
	}
	return len(b), failed
}

// send sends a line, once more if the daemon was started anew.
func (s *Syslog) send(line []byte) error {
	s.buf = append(fmt.Appendf(s.buf[:0], "<%d>", s.facility<<3|severity(line)), line...)
	if s.conn != nil && s.write() == nil {
		return nil
	}
	if err := s.dial(); err != nil {
		return err
	}
	return s.write()
}

func (s *Syslog) write() error {
	if err := s.conn.SetWriteDeadline(time.Now().Add(syslogPatience)); err != nil {
		return err
	}
	_, err := s.conn.Write(s.buf)
	return err
}

// dial connects.
func (s *Syslog) dial() error {
	if s.conn != nil {
		s.conn.Close()
		s.conn = nil
	}
	conn, err := net.DialTimeout("unixgram", s.path, syslogPatience)
	if err != nil {
		return err
	}
	s.conn = conn
	return nil
}

// Close closes the connection.
func (s *Syslog) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn == nil {
		return nil
	}
	return s.conn.Close()
}
