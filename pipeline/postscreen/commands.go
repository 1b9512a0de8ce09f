package postscreen

import (
	"slices"
	"strconv"
	"strings"

	"github.com/mtad/mtad/core/smtp/grammar"
	"github.com/mtad/mtad/core/status"
)

// execute answers a command line.
func (s *session) execute(line string) {
	word, argument, _ := strings.Cut(strings.TrimSpace(line), " ")
	word, argument = strings.ToUpper(word), strings.TrimSpace(argument)
	d := &s.t.l.o.Deep
	if header := strings.HasSuffix(word, ":"); header || d.IsForbidden != nil && d.IsForbidden(word) {
		if s.fail(forbidden, "NON-SMTP COMMAND", line) {
			return
		}
	}
	// No command may be followed by another before its reply: PIPELINING is not offered (RFC 2920 §3.1).
	if s.in.Buffered() > 0 && word != "QUIT" {
		ahead, _ := s.in.Peek(s.in.Buffered())
		saved := s.where
		s.where = word
		if s.fail(pipelining, "COMMAND PIPELINING", string(ahead)) {
			return
		}
		s.where = saved
	}
	if d.RequireTLS && !s.secured && !slices.Contains([]string{"HELO", "EHLO", "STARTTLS", "NOOP", "QUIT"}, word) {
		s.say(530, "5.7.0", "Must issue a STARTTLS command first")
		return
	}
	s.where = known(word)
	s.dispatch(word, argument)
}

// known is a command as the log names it.
func known(word string) string {
	if grammar.VerbOf([]byte(word)) == grammar.Unknown {
		return "UNKNOWN"
	}
	return word
}

func (s *session) dispatch(word, argument string) {
	switch word {
	case "HELO", "EHLO":
		s.hello(word, argument)
	case "MAIL":
		s.mail(argument)
	case "RCPT":
		s.rcpt(argument)
	case "DATA":
		s.data()
	case "STARTTLS":
		s.startTLS(argument)
	case "RSET":
		s.hasSender, s.sender = false, ""
		s.say(250, "2.0.0", "Ok")
	case "NOOP":
		s.say(250, "2.0.0", "Ok")
	case "VRFY":
		s.verify(argument)
	case "QUIT":
		s.end(221, "2.0.0", "Bye")
	case "BDAT": // which was not offered: what follows cannot be told from commands
		s.end(521, "5.5.1", "Error: command not implemented")
	case "AUTH", "ETRN", "EXPN", "HELP", "XCLIENT", "XFORWARD":
		s.say(502, "5.5.1", "Error: command not implemented")
	default:
		s.say(500, "5.5.2", "Error: command not recognized")
	}
}

// hello is HELO and EHLO.
func (s *session) hello(word, argument string) {
	if argument == "" {
		s.say(501, "", "Syntax: "+word+" hostname")
		return
	}
	s.helo, s.hasSender, s.sender = status.Clean(argument), false, ""
	o := &s.t.l.o
	if word == "HELO" {
		s.proto = "SMTP"
		s.say(250, "", o.Hostname)
		return
	}
	s.proto = "ESMTP"
	lines := []string{o.Hostname}
	for _, line := range s.extensions() {
		keyword, _, _ := strings.Cut(line, " ")
		if !s.discards(keyword) {
			lines = append(lines, line)
		}
	}
	for i, line := range lines {
		sep := "-"
		if i == len(lines)-1 {
			sep = " "
		}
		s.out = append(s.out, "250"+sep+line+"\r\n"...)
	}
}

func (s *session) extensions() []string {
	d := &s.t.l.o.Deep
	size := "SIZE"
	if d.SizeLimit > 0 {
		size += " " + strconv.FormatInt(d.SizeLimit, 10)
	}
	lines := []string{size}
	if !d.NoVRFY {
		lines = append(lines, "VRFY")
	}
	lines = append(lines, "ETRN")
	if d.TLS != nil && !s.secured {
		lines = append(lines, "STARTTLS")
	}
	return append(lines, "ENHANCEDSTATUSCODES", "8BITMIME", "DSN", "SMTPUTF8")
}

// discards reports whether a keyword is not offered to the client.
func (s *session) discards(keyword string) bool {
	f := s.t.l.o.Deep.Discard
	return f != nil && slices.ContainsFunc(f(s.t.addr), func(w string) bool { return strings.EqualFold(w, keyword) })
}

func (s *session) mail(argument string) {
	switch {
	case s.helo == "" && s.t.l.o.Deep.HeloRequired:
		s.say(503, "5.5.1", "Error: send HELO/EHLO first")
	case s.hasSender:
		s.say(503, "5.5.1", "Error: nested MAIL command")
	default:
		path, ok := address(argument, "FROM:")
		if !ok {
			s.say(501, "5.5.4", "Syntax: MAIL FROM:<address>")
			return
		}
		s.sender, s.hasSender = path, true
		s.say(250, "2.1.0", "Ok")
	}
}

// rcpt refuses a recipient. Whoever came so far without failing has passed.
func (s *session) rcpt(argument string) {
	s.reached = true
	if !s.hasSender {
		s.say(503, "5.5.1", "Error: need MAIL command")
		return
	}
	path, ok := address(argument, "TO:")
	if !ok {
		s.say(501, "5.5.4", "Syntax: RCPT TO:<address>")
		return
	}
	r := status.Reply{Code: s.code, Enhanced: s.refusal.enhanced, Text: s.refusal.text}
	s.t.l.o.Log.Info("NOQUEUE: reject: RCPT from " + s.t.client + ": " + r.String() +
		"; from=<" + status.Clean(s.sender) + ">, to=<" + status.Clean(path) + ">, proto=" + s.proto + ", helo=<" + s.helo + ">")
	s.say(r.Code, r.Enhanced, r.Text)
}

// data ends the session: who sends a message now does not listen.
func (s *session) data() {
	if s.hasSender {
		s.end(554, "5.5.1", "Error: no valid recipients")
		return
	}
	s.end(503, "5.5.1", "Error: need RCPT command")
}

func (s *session) startTLS(argument string) {
	config := s.t.l.o.Deep.TLS
	switch {
	case argument != "":
		s.say(501, "5.5.4", "Syntax: STARTTLS")
	case s.secured:
		s.say(554, "5.5.1", "Error: TLS already active")
	case config == nil:
		s.say(502, "5.5.1", "Error: command not implemented")
	default:
		s.say(220, "2.0.0", "Ready to start TLS")
		s.secure(config)
	}
}

func (s *session) verify(argument string) {
	switch {
	case s.t.l.o.Deep.NoVRFY:
		s.say(502, "5.5.1", "VRFY command is disabled")
	case argument == "":
		s.say(501, "5.5.4", "Syntax: VRFY address")
	default:
		s.say(252, "2.0.0", argument)
	}
}

// address reads "FROM:<address> parameters".
func address(argument, keyword string) (string, bool) {
	rest, ok := grammar.AfterKeyword(argument, keyword)
	if !ok {
		return "", false
	}
	rest = strings.TrimSpace(rest)
	if inside, ok := strings.CutPrefix(rest, "<"); ok {
		path, _, closed := strings.Cut(inside, ">")
		return path, closed
	}
	path, _, _ := strings.Cut(rest, " ")
	return path, path != ""
}
