package master_test

import (
	"net"
	"regexp"
	"strings"
	"testing"
)

var (
	dialogueLines = regexp.MustCompile(`(?m)^ ?(?:In|Out):.*$`)
	ehloName      = regexp.MustCompile(`EHLO \S+`)
)

// Row O06: postmaster hears of a next hop that does not speak the protocol what Postfix says of it.
func TestPostmasterHearsOfServersWithErrors(t *testing.T) {
	need(t, "postfix", "postfix")
	needRoot(t)
	hop := newHopServer(t, false, "MAIL → 500 5.5.2 what", "RCPT → 503 5.5.1 MAIL first", "DATA → 503 5.5.1 MAIL first").l.Addr().String()
	_, port, _ := net.SplitHostPort(hop)
	lines := func(back *sink) string {
		return "transport_maps = inline:{odd.test=smtp:[127.0.0.1]:" + port + "}\nrelayhost = " + back.nexthop() +
			"\nnotify_classes = protocol\nerror_notice_recipient = errors@back.test\nmyhostname = mx.site.test\nmyorigin = site.test\n"
	}
	theirs, ours := newSink(t), newSink(t)
	p := newPostfix(t, theirs.nexthop(), func(p *postfix) { setIn(t, p.etc+"/main.cf", lines(theirs)) })
	d := start(t, lines(ours))
	front := *d
	front.addr = p.addr
	notice := func(via daemon, s *sink) string {
		via.post("a@sender.test", "b@odd.test", []byte("Subject: x\r\n\r\nbody\r\n"))
		all := s.waitFor(func(all []*received) bool {
			for _, m := range all {
				if strings.Contains(m.to[0], "errors@back.test") {
					return true
				}
			}
			return false
		})
		for _, m := range all {
			if strings.Contains(m.to[0], "errors@back.test") {
				text := string(m.text)
				_, subject, _ := strings.Cut(text, "Subject: ")
				subject, _, _ = strings.Cut(subject, "\r\n")
				_, what, _ := strings.Cut(subject, " ")
				var said []string
				for _, l := range dialogueLines.FindAllString(text, -1) {
					said = append(said, strings.Join(strings.Fields(ehloName.ReplaceAllString(l, "EHLO")), " "))
				}
				dialogue, _, _ := strings.Cut(strings.Join(said, "\n"), "\nOut: RSET") // which Postfix says at the end
				return what + "\n" + dialogue
			}
		}
		return "none"
	}
	if want, got := notice(front, theirs), notice(*d, ours); want != got {
		t.Errorf("Postfix:\n%s\nmtad:\n%s", want, got)
	}
}
