package master_test

import (
	"fmt"
	"net"
	"os"
	"regexp"
	"strings"
	"testing"
)

// Postfix's postscreen and ours have the same sessions with clients under test.
func TestPostscreenBesidePostfix(t *testing.T) {
	need(t, "postfix", "postfix postfix-pcre")
	needRoot(t)
	lines := strings.Split(`postscreen_greet_wait = 1s
postscreen_greet_banner = hello
postscreen_access_list =
postscreen_pipelining_enable = yes
postscreen_non_smtp_command_enable = yes
postscreen_bare_newline_enable = yes
postscreen_bare_newline_action = enforce
postscreen_command_count_limit = 8
postscreen_helo_required = yes
postscreen_disable_vrfy_command = yes
postscreen_forbidden_commands = GET, POST
postscreen_command_filter = pcre:{{/^HELP(.*)/ NOOP}}
postscreen_reject_footer = \c. For assistance, tell $client_address
smtpd_banner = $myhostname ESMTP
mynetworks = 127.0.0.99
myhostname = mx.site.test`, "\n")
	front := func(master string) string {
		text := regexp.MustCompile(`(?m)^(127\.0\.0\.1:\d+\s+inet\s+n\s+-\s+n\s+-\s+)-(\s+)smtpd.*$`).ReplaceAllString(master, "${1}1${2}postscreen")
		return text + "smtpd pass - - n - - smtpd\ndnsblog unix - - n - 0 dnsblog\n"
	}
	edit := func(dir string) {
		text, err := os.ReadFile(dir + "/master.cf")
		if err == nil {
			err = os.WriteFile(dir+"/master.cf", []byte(front(string(text))), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	p := newPostfix(t, "[127.0.0.1]:1", func(p *postfix) {
		setIn(t, p.etc+"/main.cf", strings.Join(lines, "\n")+"\n")
		edit(p.etc)
	})
	d := newDaemon(t)
	setIn(t, d.dir+"/main.cf", strings.Join(lines, "\n")+"\n")
	edit(d.dir)
	d.run()
	for i, says := range []string{
		"HELO c.test|MAIL FROM:<a@x.test>|RCPT TO:<b@y.test>|QUIT",
		"MAIL FROM:<a@x.test>|VRFY x|HELO|HELO c.test|RCPT TO:<b@y.test>|DATA|QUIT",
		"HELO c.test|MAIL FROM:<a@x.test>&RCPT TO:<b@y.test>&DATA|QUIT",
		"HELO c.test|GET / HTTP/1.0",
		"HELO c.test|Subject: x",
		"HELO c.test!|MAIL FROM:<>|RCPT TO:<b@y.test>|RSET|QUIT",
		"NOOP|NOOP|NOOP|NOOP|NOOP|NOOP|NOOP|NOOP|NOOP|NOOP",
		"HELO c.test|HELP|MAIL FROM:<a@x.test>|MAIL FROM:<a@x.test>|DATA|QUIT",
	} {
		t.Run(says, func(t *testing.T) {
			address := fmt.Sprintf("127.0.1.%d", i+1)
			want, got := screened(t, p.addr, p.log, address, says), screened(t, d.addr, d.log, address, says)
			if want != got {
				t.Errorf("Postfix:\n%s\nmtad:\n%s", want, got)
			}
		})
	}
}

var screenedLine = regexp.MustCompile(`(?:NOQUEUE|PREGREET|COMMAND|NON-SMTP|BARE|PASS|DISCONNECT|HANGUP)[^\n]*`)

// screened plays a session and returns the replies, and what was logged of it. Commands after "&" come without
// waiting; "!" at the end of a line is LF alone.
func screened(t *testing.T, server string, log *logbook, address, says string) string {
	t.Helper()
	mark := log.mark()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}, Timeout: patience}
	nc, err := dialer.Dial("tcp", server)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = nc.Close() }()
	c := &client{t: t, c: nc, r: newReader(nc)}
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", c.reply())
	for _, group := range strings.Split(says, "|") {
		commands := strings.Split(group, "&")
		var text strings.Builder
		for _, command := range commands {
			if bare, ok := strings.CutSuffix(command, "!"); ok {
				text.WriteString(bare + "\n")
			} else {
				text.WriteString(command + "\r\n")
			}
		}
		if _, err := nc.Write([]byte(text.String())); err != nil {
			break
		}
		for range commands {
			reply, err := c.read()
			if err != nil {
				fmt.Fprintf(&b, "the end\n")
				break
			}
			fmt.Fprintf(&b, "%s\n", reply)
		}
	}
	_ = nc.Close()
	log.waitAfter(t, mark, `DISCONNECT \[`+regexp.QuoteMeta(address)+`\]`, nil)
	for _, line := range screenedLine.FindAllString(log.String()[mark:], -1) {
		line = regexp.MustCompile(`\]:\d+`).ReplaceAllString(line, "]:PORT")
		b.WriteString("log: " + regexp.MustCompile(`after \d[\d.]*`).ReplaceAllString(line, "after TIME") + "\n")
	}
	return b.String()
}
