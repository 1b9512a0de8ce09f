package master_test

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mtad/mtad/core/porttest"
)

// mailUser is the uid and gid that mailboxes of these tests belong to.
const mailUser = 23456

// dovecot is a private Dovecot: an LMTP server on a socket and a port, and an IMAP server. Its users are
// called what their mail is for, and have one password.
type dovecot struct {
	dir              string
	lmtp, inet, imap string
	log              *logbook
	submit           string // where it sends what a script rejects
}

// dovecotUsers have a Maildir each, below mail.
var dovecotUsers = []string{"good", "also", "sorted", "full", "rejects", "reader", "box"}

// newDovecot starts one; reads is the directory where mtad keeps the mailboxes of reader (a Maildir) and
// box (an mbox).
func newDovecot(t *testing.T, submit, reads string) *dovecot {
	t.Helper()
	path := need(t, "dovecot", "dovecot-lmtpd dovecot-imapd dovecot-sieve")
	if _, err := os.Stat("/usr/lib/dovecot/modules/lib90_sieve_plugin.so"); err != nil {
		miss(t, "needs Dovecot's Sieve: apt-get install dovecot-sieve")
	}
	needRoot(t)
	dir, err := os.MkdirTemp("", "dovecot") // short: names of sockets are
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	d := &dovecot{dir: dir, lmtp: dir + "/lmtp", inet: porttest.Addr(t), imap: porttest.Addr(t), log: newLogbook(), submit: submit}
	d.configure(t, reads)
	cmd := exec.Command(path, "-F", "-c", dir+"/dovecot.conf")
	cmd.Stdout, cmd.Stderr = d.log, d.log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("the log of Dovecot:\n%s", d.log.tail(40))
		}
	})
	for _, s := range []struct{ network, addr string }{{"unix", d.lmtp}, {"tcp", d.inet}, {"tcp", d.imap}} {
		answers(t, s.network, s.addr)
	}
	return d
}

// answers waits until somebody listens.
func answers(t *testing.T, network, addr string) {
	t.Helper()
	for end := time.Now().Add(patience); ; {
		c, err := net.Dial(network, addr)
		if err == nil {
			_ = c.Close()
			return
		}
		if time.Now().After(end) {
			t.Fatalf("nobody listens: %v", err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// configure writes the configuration: users, their scripts, and the server's own.
func (d *dovecot) configure(t *testing.T, reads string) {
	t.Helper()
	port := func(addr string) string { _, p, _ := net.SplitHostPort(addr); return p }
	var users strings.Builder
	for _, u := range dovecotUsers {
		fmt.Fprintf(&users, "%s:{PLAIN}secret:%d:%d::%s/home/%s::", u, mailUser, mailUser, d.dir, u)
		switch u {
		case "full":
			users.WriteString("userdb_quota_rule=*:bytes=100")
		case "reader":
			users.WriteString("userdb_mail=maildir:" + reads + "/reader")
		case "box":
			users.WriteString("userdb_mail=mbox:" + d.dir + "/folders:INBOX=" + reads + "/box")
		}
		users.WriteString("\n")
	}
	files := map[string]string{
		"users":               users.String(),
		"sieve/sorted.sieve":  "require [\"fileinto\", \"mailbox\"];\nfileinto :create \"Lists\";\n",
		"sieve/rejects.sieve": "require \"reject\";\nreject \"not for me\";\n",
		"dovecot.conf": fmt.Sprintf(`base_dir = %[1]s/run
state_dir = %[1]s/state
log_path = /dev/stderr
protocols = imap lmtp
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
auth_mechanisms = plain
auth_username_format = %%Ln
mail_location = maildir:%[1]s/mail/%%n
mail_home = %[1]s/home/%%n
mbox_write_locks = dotlock fcntl
mbox_read_locks = fcntl
first_valid_uid = 1000
submission_host = %[4]s
passdb {
  driver = passwd-file
  args = %[1]s/users
}
userdb {
  driver = passwd-file
  args = %[1]s/users
}
service lmtp {
  unix_listener %[1]s/lmtp {
    mode = 0666
  }
  inet_listener lmtp {
    address = 127.0.0.1
    port = %[2]s
  }
}
service imap-login {
  inet_listener imap {
    address = 127.0.0.1
    port = %[3]s
  }
  inet_listener imaps {
    port = 0
  }
}
protocol lmtp {
  mail_plugins = quota sieve
}
plugin {
  quota = maildir:User quota
  quota_grace = 0
  sieve = file:%[1]s/sieve/%%n.sieve
}
`, d.dir, port(d.inet), port(d.imap), d.submit)}
	for _, name := range []string{"", "sieve", "home", "mail", "folders", "state"} {
		path := filepath.Join(d.dir, name)
		if err := os.MkdirAll(path, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(d.dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"home", "mail", "folders", "sieve"} {
		if err := os.Chown(filepath.Join(d.dir, name), mailUser, mailUser); err != nil {
			t.Fatal(err)
		}
	}
}

// imapClient speaks the few commands of IMAP that reading takes (RFC 3501).
type imapClient struct {
	t *testing.T
	c net.Conn
	r *bufio.Reader
	n int
}

// open logs a user in and selects a mailbox.
func (d *dovecot) open(t *testing.T, user, mailbox string) *imapClient {
	t.Helper()
	c, err := net.Dial("tcp", d.imap)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(patience))
	i := &imapClient{t: t, c: c, r: bufio.NewReader(c)}
	if _, err := i.r.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	i.do("LOGIN " + user + " secret")
	i.do("SELECT " + mailbox)
	return i
}

// do gives a command and returns what it answers, literals included; it must succeed.
func (i *imapClient) do(command string) (lines, literals []string) {
	i.t.Helper()
	i.n++
	tag := "a" + strconv.Itoa(i.n)
	if _, err := fmt.Fprintf(i.c, "%s %s\r\n", tag, command); err != nil {
		i.t.Fatal(err)
	}
	for {
		line, err := i.r.ReadString('\n')
		if err != nil {
			i.t.Fatalf("%s: %v", command, err)
		}
		line = strings.TrimRight(line, "\r\n")
		if rest, ok := strings.CutPrefix(line, tag+" "); ok {
			if !strings.HasPrefix(rest, "OK") {
				i.t.Fatalf("%s: %s", command, rest)
			}
			return lines, literals
		}
		lines = append(lines, line)
		if open := strings.LastIndexByte(line, '{'); open >= 0 && strings.HasSuffix(line, "}") {
			n, err := strconv.Atoi(line[open+1 : len(line)-1])
			b := make([]byte, max(n, 0))
			for got := 0; err == nil && got < n; {
				var k int
				k, err = i.r.Read(b[got:])
				got += k
			}
			if err != nil {
				i.t.Fatalf("%s: literal: %v", command, err)
			}
			literals = append(literals, string(b))
		}
	}
}

// texts returns all messages of a mailbox as IMAP shows them.
func (d *dovecot) texts(t *testing.T, user, mailbox string) []string {
	t.Helper()
	_, all := d.open(t, user, mailbox).do("FETCH 1:* (BODY.PEEK[])")
	return all
}

// TestDovecotTakesMailByLMTP: each recipient of one transaction has a fate of its own.
func TestDovecotTakesMailByLMTP(t *testing.T) {
	for _, way := range []string{"unix", "inet"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			back := newSink(t)
			m := newDaemon(t, "relay_domains = inside.test", "relayhost = "+back.nexthop(), "lmtp_destination_recipient_limit = 50")
			d := newDovecot(t, m.addr, t.TempDir())
			to := "lmtp:unix:" + d.lmtp
			if way == "inet" {
				to = "lmtp:inet:" + d.inet
			}
			change := "relay_transport = " + to
			m.configure("relay_domains = inside.test", "relayhost = "+back.nexthop(), change)
			m.run()
			m.post("a@sender.test", "good@inside.test also@inside.test sorted@inside.test full@inside.test nobody@inside.test rejects@inside.test",
				[]byte("From: a@sender.test\r\nMessage-Id: <1@sender.test>\r\nSubject: six\r\n\r\n"+strings.Repeat("a line of the body\r\n", 20)))
			for user, want := range map[string]string{
				"good":    `dsn=2\.0\.0, status=sent \(250 2\.0\.0 <good@inside\.test> \S+ Saved\)`,
				"also":    `dsn=2\.0\.0, status=sent`,
				"sorted":  `dsn=2\.0\.0, status=sent`,
				"rejects": `dsn=2\.0\.0, status=sent`, // and Dovecot tells the sender
				"full":    `dsn=5\.2\.2, status=bounced \(host .* said: 552 5\.2\.2 <full@inside\.test> Quota exceeded .*\(in reply to end of DATA command\)\)`,
				"nobody":  `dsn=5\.1\.1, status=bounced \(host .* said: 550 5\.1\.1 <nobody@inside\.test> User doesn't exist: .*\(in reply to RCPT TO command\)\)`,
			} {
				m.log.wait(t, `lmtp\[\d+\]: \S+: to=<`+user+`@inside\.test>, relay=[^,]+, .*`+want)
			}
			for user, mailbox := range map[string]string{"good": "INBOX", "also": "INBOX", "sorted": "Lists"} {
				texts := d.texts(t, user, mailbox)
				if len(texts) != 1 || !strings.Contains(texts[0], "Subject: six\r\n") || !strings.HasSuffix(texts[0], "\r\n\r\n"+strings.Repeat("a line of the body\r\n", 20)) {
					t.Errorf("%s has %q", user, texts)
				}
			}
			var said []string
			for _, r := range back.wait(t, 2) {
				said = append(said, string(r.text))
			}
			slices.SortFunc(said, func(a, b string) int { return strings.Index(a, "not for me") - strings.Index(b, "not for me") })
			if !strings.Contains(said[0], "Final-Recipient: rfc822; full@inside.test") || !strings.Contains(said[0], "Final-Recipient: rfc822; nobody@inside.test") ||
				!strings.Contains(said[1], "not for me") {
				t.Errorf("the sender was told %q", said)
			}
			if n := strings.Count(m.log.String(), ", nrcpt=6 (queue active)"); n != 1 {
				t.Errorf("%d transactions", n)
			}
		})
	}
}

// hosting is an mtad that delivers to virtual mailboxes in a directory of mailUser.
func hosting(t *testing.T, lines ...string) (m *daemon, base string) {
	t.Helper()
	needOwner(t)
	m = newDaemon(t, append([]string{"mail_owner = postfix", "virtual_mailbox_domains = v.test", "virtual_mailbox_base = $config_directory/vmail",
		"virtual_mailbox_maps = inline:{reader@v.test=reader/,box@v.test=box}", fmt.Sprintf("virtual_uid_maps = static:%d", mailUser),
		fmt.Sprintf("virtual_gid_maps = static:%d", mailUser)}, lines...)...)
	m.reachable()
	base = filepath.Join(m.dir, "vmail")
	if err := os.Mkdir(base, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(base, mailUser, mailUser); err != nil {
		t.Fatal(err)
	}
	return m, base
}

// TestDovecotReadsWhatVirtualWrote, through IMAP.
func TestDovecotReadsWhatVirtualWrote(t *testing.T) {
	need(t, "dovecot", "dovecot-lmtpd dovecot-imapd dovecot-sieve")
	m, base := hosting(t)
	d := newDovecot(t, m.addr, base)
	m.run()
	for _, s := range peerMessages() {
		m.post("a@sender.test", "reader@v.test", s.text)
		m.post("a@sender.test", "box@v.test", s.text)
	}
	m.post("a@sender.test", "box@v.test", []byte("Subject: from\r\n\r\nFrom here on\r\n"))
	m.log.waitCount(t, `relay=virtual, .*status=sent`, 2*len(peerMessages())+1)
	for user, want := range map[string]int{"reader": len(peerMessages()), "box": len(peerMessages()) + 1} {
		texts := d.texts(t, user, "INBOX")
		if len(texts) != want {
			t.Errorf("%s has %d messages, want %d", user, len(texts), want)
		}
		for _, s := range peerMessages() {
			whole := func(text string) bool {
				return strings.HasPrefix(text, "Return-Path: <a@sender.test>\r\n") && strings.HasSuffix(text, string(s.text)) &&
					strings.Contains(text, "Delivered-To: "+user+"@v.test\r\n")
			}
			if !slices.ContainsFunc(texts, whole) {
				t.Errorf("%s has no message %q as it was sent", user, s.name)
			}
		}
	}
}

// TestDovecotAndVirtualAgreeAboutLocks: both write one mbox at the same time, and nothing is lost or mixed.
func TestDovecotAndVirtualAgreeAboutLocks(t *testing.T) {
	need(t, "dovecot", "dovecot-lmtpd dovecot-imapd dovecot-sieve")
	const each = 30
	for _, locks := range []string{"fcntl, dotlock", "fcntl"} {
		t.Run(locks, func(t *testing.T) {
			m, base := hosting(t, "virtual_mailbox_lock = "+locks, "relay_domains = inside.test")
			d := newDovecot(t, m.addr, base)
			m.services("dovecot unix - - n - - lmtp")
			main, err := os.ReadFile(filepath.Join(m.dir, "main.cf"))
			if err != nil {
				t.Fatal(err)
			}
			m.write("main.cf", string(main)+"relay_transport = dovecot:unix:"+d.lmtp+"\n")
			m.run()
			var posting sync.WaitGroup
			for _, to := range []string{"box@v.test", "box@inside.test"} {
				posting.Go(func() {
					for n := range each {
						body := strings.Repeat(fmt.Sprintf("%s %d\r\n", to, n), 300)
						m.post("a@sender.test", to, fmt.Appendf(nil, "Subject: %s-%d\r\n\r\n%s", to, n, body))
					}
				})
			}
			posting.Wait()
			m.log.waitCount(t, `to=<box@(?:v|inside)\.test>, .*status=sent`, 2*each)
			texts := d.texts(t, "box", "INBOX")
			if len(texts) != 2*each {
				t.Errorf("%d messages, want %d", len(texts), 2*each)
			}
			for _, to := range []string{"box@v.test", "box@inside.test"} {
				for n := range each {
					end := fmt.Sprintf("\r\n\r\n%s", strings.Repeat(fmt.Sprintf("%s %d\r\n", to, n), 300))
					if !slices.ContainsFunc(texts, func(s string) bool { return strings.HasSuffix(s, end) }) {
						t.Errorf("message %d for %s is not whole", n, to)
					}
				}
			}
		})
	}
}
