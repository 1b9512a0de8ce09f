package postscreen

import (
	"bufio"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/mtad/mtad/core/status"
)

// session is a dialogue with a client that does not get to the real server, or not yet. It takes no
// mail: each recipient is refused, so that the log has sender and recipient.
type session struct {
	t  *trial
	c  net.Conn
	in *bufio.Reader
	// out are replies that wait; they leave when the client is listened to.
	out []byte
	// refusal answers recipients with code.
	refusal refusal
	code    int

	// todo are the tests that count, ignored those that failed and do not keep the client; reached says that the client came to RCPT, failed that it failed one,
	// lost that it went without QUIT, over that the session ends.
	todo, ignored               [numTests]bool
	reached, failed, lost, over bool

	helo, proto, sender string
	hasSender, secured  bool
	where               string // the last command, for the log
	commands            int
}

// maxCommand is the longest command line, in bytes.
const maxCommand = 2048

func (t *trial) session(r refusal, code int) *session {
	return &session{t: t, c: t.c, in: bufio.NewReaderSize(t.c, maxCommand), refusal: r, code: code, proto: "SMTP", where: "CONNECT"}
}

// serve is the dialogue, to its end.
func (s *session) serve() {
	o := &s.t.l.o
	s.say(220, "", o.Hostname+" ESMTP")
	for !s.over {
		line, ok := s.command()
		if !ok {
			break
		}
		if line != "" {
			s.execute(line)
		}
	}
	_ = s.flush()
	s.t.c = s.c
	_ = s.c.Close()
}

// say puts a reply to those that wait.
func (s *session) say(code int, enhanced, text string) {
	r := status.Reply{Code: code, Enhanced: enhanced, Text: text}
	reply := r.String()
	if f := s.t.l.o.Deep.Footer; f != nil && code >= 400 {
		reply = f(reply, s.attribute)
	}
	lines := strings.Split(reply, "\n")
	for i, line := range lines {
		if i > 0 && r.Enhanced != "" {
			line = strconv.Itoa(code) + " " + r.Enhanced + " " + line
		} else if i > 0 {
			line = strconv.Itoa(code) + " " + line
		}
		if i < len(lines)-1 {
			line = line[:3] + "-" + line[4:]
		}
		s.out = append(append(s.out, status.Clean(line)...), '\r', '\n')
	}
}

// end says a last reply.
func (s *session) end(code int, enhanced, text string) {
	s.say(code, enhanced, text)
	s.over = true
}

func (s *session) flush() error {
	if len(s.out) == 0 {
		return nil
	}
	_ = s.c.SetWriteDeadline(time.Now().Add(writeTime))
	_, err := s.c.Write(s.out)
	s.out = s.out[:0]
	return err
}

// command reads a line; "" is none that has to be executed. ok is false when the session is over.
func (s *session) command() (line string, ok bool) {
	if s.flush() != nil {
		s.lost = true
		return "", false
	}
	if s.t.l.ctx.Err() == nil { // the end of the listener has set its own
		_ = s.c.SetReadDeadline(time.Now().Add(s.t.l.o.Deadline))
	}
	b, err := s.in.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		s.t.l.o.Log.Info("COMMAND LENGTH LIMIT from " + s.t.client + " after " + s.where)
		s.end(521, "5.5.1", "Command too long")
		return "", false
	case isTimeout(err) && s.t.l.ctx.Err() == nil:
		s.t.l.o.Log.Info("COMMAND TIME LIMIT from " + s.t.client + " after " + s.where)
		s.end(421, "4.4.2", s.t.l.o.Hostname+" Error: timeout exceeded")
		return "", false
	case err != nil:
		if s.lost = errors.Is(err, io.EOF) || s.t.l.ctx.Err() == nil; !s.lost {
			s.end(421, "4.3.2", "Service currently unavailable")
		}
		return "", false
	}
	text, crlf := strings.CutSuffix(string(b), "\r\n")
	if !crlf {
		text = strings.TrimSuffix(text, "\n")
		saved := s.where
		s.where = status.Clean(text) // as Postfix names it
		if s.fail(bareNewline, "BARE NEWLINE", "") {
			return "", false
		}
		s.where = saved
	}
	return s.filtered(text)
}

// filtered replaces a command line, and counts it.
func (s *session) filtered(text string) (line string, ok bool) {
	o := &s.t.l.o
	if f := o.Deep.Filter; f != nil {
		replaced, found, err := f(text)
		if err != nil {
			o.Log.Warning("postscreen_command_filter: " + err.Error())
			s.end(421, "4.3.0", o.Hostname+" Error: command filter: try again later")
			return "", false
		}
		if found {
			text = replaced
		}
	}
	if s.commands++; o.Deep.Commands > 0 && s.commands > o.Deep.Commands {
		o.Log.Info("COMMAND COUNT LIMIT from " + s.t.client + " after " + s.where)
		s.end(421, "", o.Hostname+" Service unavailable - try again later")
		return "", false
	}
	if strings.TrimSpace(text) == "" {
		s.say(500, "5.5.2", "Error: bad syntax")
		return "", true
	}
	return text, true
}

// fail notes that the client failed a test, if it counts. It reports whether the session is over for
// that. What is wrong in itself, but not tested, is let pass.
func (s *session) fail(test int, what, text string) (over bool) {
	if !s.todo[test] {
		return false
	}
	s.todo[test] = false // once is enough
	line := what + " from " + s.t.client + " after " + s.where
	if text != "" {
		line += ": " + escaped([]byte(text))
	}
	s.t.l.o.Log.Info(line)
	switch s.t.l.o.Deep.tests()[test].Action {
	case Drop:
		s.failed = true
		if test == forbidden {
			s.end(521, "5.7.0", "Error: I can break rules, too. Goodbye.")
		} else {
			s.end(521, "5.5.1", "Protocol error")
		}
		return true
	case Enforce:
		if s.failed = true; s.code != 550 {
			s.refusal, s.code = refusal{Enforce, "5.5.1", "Protocol error"}, 550
		}
	case Ignore:
		s.ignored[test] = true
	}
	return false
}

// secure puts TLS on the connection (RFC 3207); false: the session is over.
func (s *session) secure(config *tls.Config) bool {
	if s.flush() != nil || s.in.Buffered() > 0 { // what came in the clear behind STARTTLS could be somebody else's
		s.over, s.lost = true, true
		return false
	}
	secret := tls.Server(s.c, config)
	_ = secret.SetDeadline(time.Now().Add(s.t.l.o.Deadline))
	if err := secret.HandshakeContext(s.t.l.ctx); err != nil {
		s.over, s.lost = true, true
		return false
	}
	s.c, s.in = secret, bufio.NewReaderSize(secret, maxCommand)
	s.secured, s.helo, s.proto, s.hasSender = true, "", "SMTP", false
	return true
}

// attribute is a name that the footer of a refusal may refer to.
func (s *session) attribute(name string) string {
	switch name {
	case "client":
		return "unknown[" + s.t.addr.String() + "]"
	case "client_address":
		return s.t.addr.String()
	case "client_name", "reverse_client_name":
		return "unknown"
	case "client_port":
		return portText(addrPort(s.c.RemoteAddr()).Port())
	case "helo_name":
		return s.helo
	case "localtime":
		return s.t.l.o.Clock().Format("Jan 02 15:04:05")
	case "sender":
		if s.hasSender && s.sender == "" {
			return "<>"
		}
		return s.sender
	case "server_name":
		return s.t.l.o.Hostname
	case "server_address":
		return addrPort(s.c.LocalAddr()).Addr().String()
	case "server_port":
		return portText(addrPort(s.c.LocalAddr()).Port())
	case "mail_name":
		return "mtad"
	}
	return ""
}
