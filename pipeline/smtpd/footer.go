package smtpd

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/mtad/mtad/core/maillog"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/pipeline/access"
)

// filterCommand replaces a command line as smtpd_command_filter says.
func (s *session) filterCommand(line []byte) ([]byte, error) {
	text := strings.TrimLeft(string(line), " \t")
	replaced, found, err := s.h.o.CommandFilter(text)
	switch {
	case err != nil:
		return nil, fmt.Errorf("smtpd_command_filter: %w", err)
	case !found:
		return line, nil
	}
	if len(text) > 5 && strings.EqualFold(text[:5], "AUTH ") { // it may hold a password
		text = "AUTH …"
	}
	s.h.o.Log.Info(status.Clean(maillog.ClientName(&s.origin) + ": replacing client command " + strconv.Quote(text) + " with " + strconv.Quote(replaced)))
	return []byte(replaced), nil
}

// replaced is what smtpd_reject_filter_maps makes of a negative reply. What it makes must be one, too: a
// client that is refused must hear so.
func (s *session) replaced(r status.Reply) status.Reply {
	text, ok := s.h.o.Replace(r.String())
	if !ok {
		return r
	}
	n, ok := negativeReply(text)
	if !ok {
		s.h.o.Log.Warning(status.Clean("smtpd_reject_filter_maps: " + text + ": needs a reply of 4NN or 5NN and a text"))
		return r
	}
	return n
}

// negativeReply reads "550 5.7.1 text"; ok is false for anything else but a refusal.
func negativeReply(text string) (r status.Reply, ok bool) {
	code, rest, _ := strings.Cut(strings.TrimSpace(text), " ")
	n, err := strconv.Atoi(code)
	if err != nil || len(code) != 3 || n/100 != 4 && n/100 != 5 {
		return r, false
	}
	r = status.Reply{Code: n, Text: rest}
	if enhanced, rest := status.SplitEnhanced(n, rest); enhanced != "" {
		r.Enhanced, r.Text = enhanced, rest
	}
	return r, true
}

// addFooter adds the template of smtpd_reject_footer to a negative reply: in lines of its own, or
// behind the text when it begins with "\\c"; "\\n" begins a line.
func (s *session) addFooter(r status.Reply) status.Reply {
	template := s.h.o.Footer(r.String())
	if template == "" {
		return r
	}
	r.Text += access.Footer(template, func(name string) string { return access.Filter(s.attribute(name), s.h.o.Policy.Codes.Expansion) })
	return r
}

// attribute is a name that smtpd_reject_footer may refer to.
func (s *session) attribute(name string) string {
	o := &s.origin
	switch name {
	case "client":
		return maillog.ClientName(o)
	case "client_address":
		return o.Client.Addr().String()
	case "client_name":
		return o.ClientName
	case "client_port":
		return strconv.Itoa(int(o.Client.Port()))
	case "reverse_client_name":
		return o.ReverseName
	case "helo_name":
		return o.Helo
	case "localtime":
		return s.h.o.Clock().Format("Jan 02 15:04:05")
	case "server_name":
		return s.h.o.Hostname
	case "server_address":
		return s.origin.Server.Addr().String()
	case "server_port":
		return strconv.Itoa(int(s.origin.Server.Port()))
	case "sender":
		if s.inMail && s.env.Sender == "" {
			return "<>"
		}
		return s.env.Sender
	case "mail_name":
		return "mtad"
	}
	return ""
}
