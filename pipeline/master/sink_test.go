package master_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/mtad/mtad/core/porttest"
)

// received is one message at a sink: the envelope as commands gave it, and the text without
// dot-stuffing, every other byte as it came.
type received struct {
	from string // the argument of MAIL
	to   []string
	text []byte
}

// sink is a next hop: an SMTP or LMTP server that keeps what it gets. It knows one end of data,
// CRLF.CRLF, and hides nothing of what else comes.
type sink struct {
	addr string
	lmtp bool
	// keywords are its EHLO lines.
	keywords []string
	// answer may override the reply to a command line ("RCPT TO:<…>"), and to the end of data
	// ("."; in LMTP ". RCPT TO:<…>" for each recipient); "" is the usual one.
	answer func(command string) string
	// keep may say that a message need not be kept; nil keeps all. Called by one goroutine at
	// a time.
	keep func(*received) bool

	l    net.Listener
	done sync.WaitGroup

	mu    sync.Mutex
	more  *sync.Cond
	all   []*received
	conns map[net.Conn]bool
}

// newSink starts an SMTP sink on a free port.
func newSink(t testing.TB, change ...func(*sink)) *sink {
	t.Helper()
	return listenSink(t, "tcp", porttest.Addr(t), change...)
}

// newLMTPSink starts an LMTP sink on a socket in the file system.
func newLMTPSink(t testing.TB, change ...func(*sink)) *sink {
	t.Helper()
	path := filepath.Join(t.TempDir(), "lmtp")
	return listenSink(t, "unix", path, append(change, func(s *sink) { s.lmtp = true })...)
}

func listenSink(t testing.TB, network, addr string, change ...func(*sink)) *sink {
	t.Helper()
	l, err := net.Listen(network, addr)
	for range 10 { // somebody who does not reserve ports was faster
		if network != "tcp" || !errors.Is(err, syscall.EADDRINUSE) {
			break
		}
		addr = porttest.Addr(t)
		l, err = net.Listen(network, addr)
	}
	if err != nil {
		t.Fatal(err)
	}
	s := &sink{addr: addr, l: l, keywords: []string{"PIPELINING", "8BITMIME", "SMTPUTF8", "DSN"}, conns: map[net.Conn]bool{}}
	s.more = sync.NewCond(&s.mu)
	for _, f := range change {
		f(s)
	}
	s.done.Go(s.accept)
	t.Cleanup(func() {
		_ = l.Close()
		s.mu.Lock()
		for c := range s.conns {
			_ = c.Close()
		}
		s.mu.Unlock()
		s.done.Wait()
	})
	return s
}

// nexthop is the sink as relayhost names it.
func (s *sink) nexthop() string {
	host, port, _ := net.SplitHostPort(s.addr)
	return "[" + host + "]:" + port
}

func (s *sink) accept() {
	for {
		c, err := s.l.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.conns[c] = true
		s.mu.Unlock()
		s.done.Go(func() {
			s.serve(c)
			_ = c.Close()
			s.mu.Lock()
			delete(s.conns, c)
			s.mu.Unlock()
		})
	}
}

func (s *sink) reply(w *bufio.Writer, command, usual string) string {
	text := usual
	if s.answer != nil {
		if a := s.answer(command); a != "" {
			text = a
		}
	}
	_, _ = w.WriteString(text + "\r\n")
	return text
}

// serve plays the server's side of a connection.
func (s *sink) serve(c net.Conn) {
	r, w := bufio.NewReaderSize(c, 64<<10), bufio.NewWriter(c)
	s.reply(w, "CONNECT", "220 sink.test ESMTP")
	var m *received
	for {
		if r.Buffered() == 0 && w.Flush() != nil {
			return
		}
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimRight(line, "\r\n")
		switch verb, _, _ := strings.Cut(strings.ToUpper(line), " "); verb {
		case "EHLO", "LHLO":
			s.reply(w, line, strings.Join(append([]string{"250-sink.test"}, prefixed("250-", s.keywords)...), "\r\n")+"\r\n250 HELP")
		case "MAIL":
			if s.reply(w, line, "250 2.1.0 Ok")[0] == '2' {
				m = &received{from: line[len("MAIL FROM:"):]}
			}
		case "RCPT":
			if s.reply(w, line, "250 2.1.5 Ok")[0] == '2' {
				m.to = append(m.to, line[len("RCPT TO:"):])
			}
		case "DATA":
			if m == nil || len(m.to) == 0 {
				_, _ = w.WriteString("554 5.5.1 no valid recipients\r\n")
				continue
			}
			if s.reply(w, line, "354 go on")[0] != '3' || w.Flush() != nil {
				continue
			}
			if m.text, err = readText(r); err != nil {
				return
			}
			s.finish(w, m)
			m = nil
		case "QUIT":
			s.reply(w, line, "221 2.0.0 Bye")
			_ = w.Flush()
			return
		case "RSET":
			m = nil
			s.reply(w, line, "250 2.0.0 Ok")
		default:
			s.reply(w, line, "502 5.5.2 "+verb+"?")
		}
	}
}

// finish answers the end of data, and keeps the message when it accepts it for anyone.
func (s *sink) finish(w *bufio.Writer, m *received) {
	kept := *m
	if s.lmtp {
		kept.to = nil
		for _, to := range m.to {
			if s.reply(w, ". RCPT TO:"+to, "250 2.0.0 Ok")[0] == '2' {
				kept.to = append(kept.to, to)
			}
		}
	} else if s.reply(w, ".", "250 2.0.0 Ok")[0] != '2' {
		return
	}
	if len(kept.to) == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.keep == nil || s.keep(&kept) {
		s.all = append(s.all, &kept)
	}
	s.more.Broadcast()
}

func prefixed(prefix string, all []string) []string {
	out := slices.Clone(all)
	for i := range out {
		out[i] = prefix + out[i]
	}
	return out
}

// readText reads to CRLF.CRLF and takes the dot-stuffing away (RFC 5321 §4.5.2).
func readText(r *bufio.Reader) ([]byte, error) {
	var text bytes.Buffer
	begins := true // what comes stands behind CRLF
	for {
		part, err := r.ReadSlice('\n')
		if err != nil && err != bufio.ErrBufferFull {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
		if begins && bytes.Equal(part, []byte(".\r\n")) {
			return text.Bytes(), nil
		}
		if begins && part[0] == '.' {
			part = part[1:]
		}
		text.Write(part)
		begins = bytes.HasSuffix(text.Bytes(), []byte("\r\n"))
	}
}

// messages is what has come so far.
func (s *sink) messages() []*received {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.all)
}

// wait returns the messages as soon as there are n, or what came in vain.
func (s *sink) wait(t testing.TB, n int) []*received {
	t.Helper()
	if got := s.waitFor(func(all []*received) bool { return len(all) >= n }); got != nil {
		return got
	}
	t.Fatalf("the sink got %d messages, want %d", len(s.messages()), n)
	return nil
}

// waitFor returns the messages as soon as enough says so, nil when it never does.
func (s *sink) waitFor(enough func([]*received) bool) []*received {
	deadline := time.Now().Add(patience) // before late is made: it has come when late wakes
	late := time.AfterFunc(patience, func() { s.mu.Lock(); defer s.mu.Unlock(); s.more.Broadcast() })
	defer late.Stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	for !enough(s.all) {
		if !time.Now().Before(deadline) {
			return nil
		}
		s.more.Wait()
	}
	return slices.Clone(s.all)
}
