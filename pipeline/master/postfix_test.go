package master_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/mtad/mtad/core/porttest"
)

// postfix is a private Postfix with its own configuration and queue.
type postfix struct {
	addr    string
	log     *logbook
	etc     string
	nexthop string
	// wrap are the words before the command.
	wrap []string
}

// newPostfix starts a Postfix that relays everything to nexthop; change may edit its
// configuration before.
func newPostfix(t *testing.T, nexthop string, change ...func(*postfix)) *postfix {
	t.Helper()
	p := preparePostfix(t, nexthop)
	for _, f := range change {
		f(p)
	}
	p.run(t)
	return p
}

// preparePostfix is newPostfix before it runs.
func preparePostfix(t *testing.T, nexthop string) *postfix {
	t.Helper()
	need(t, "postfix", "postfix")
	needRoot(t)
	dir, err := os.MkdirTemp("", "postfix")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	p := &postfix{addr: porttest.Addr(t), log: newLogbook(), etc: dir + "/etc", nexthop: nexthop}
	p.configure(t, dir)
	return p
}

// run starts it; it ends with the test, whatever state it is in.
func (p *postfix) run(t *testing.T) {
	t.Helper()
	path := need(t, "postfix", "postfix")
	words := append(p.wrap[:len(p.wrap):len(p.wrap)], path, "-c", p.etc, "start-fg")
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Stdout, cmd.Stderr = p.log, p.log
	cmd.WaitDelay = patience // a process of it that hangs keeps the log open
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	gone := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(gone)
		p.log.wake()
	}()
	t.Cleanup(func() {
		p.stop(t, cmd, gone)
		if t.Failed() {
			t.Logf("the log of Postfix:\n%s", p.log.tail(40))
		}
	})
	p.log.waitAfter(t, 0, `daemon started`, gone)
}

// stop waits for Postfix to end, and kills what does not.
func (p *postfix) stop(t *testing.T, master *exec.Cmd, gone <-chan struct{}) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := exec.CommandContext(ctx, master.Args[len(p.wrap)], "-c", p.etc, "stop").Run(); err != nil {
		t.Logf("postfix stop: %v", err)
	}
	select {
	case <-gone:
	case <-ctx.Done():
		t.Error("Postfix does not stop")
		_ = master.Process.Kill()
		<-gone
	}
}

func (p *postfix) configure(t *testing.T, dir string) {
	t.Helper()
	for _, d := range []string{dir, dir + "/etc", dir + "/spool"} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	command(t, "install", "-d", "-o", "postfix", dir+"/data")
	files := map[string]string{"main.cf": fmt.Sprintf(`compatibility_level = 3.6
queue_directory = %[1]s/spool
data_directory = %[1]s/data
myhostname = postfix.peer.test
mydestination =
alias_maps =
alias_database =
local_recipient_maps =
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_peername_lookup = no
relayhost = %[2]s
smtp_dns_support_level = disabled
maillog_file = /dev/stdout
message_drop_headers =
local_header_rewrite_clients =
`, dir, p.nexthop), "dynamicmaps.cf": "", "postfix-files": ""}
	stock, err := os.ReadFile("/usr/share/postfix/master.cf.dist")
	if err != nil {
		miss(t, "needs Postfix's master.cf.dist: apt-get install postfix")
	}
	_, port, _ := net.SplitHostPort(p.addr)
	text := regexp.MustCompile(`(?m)^smtp +inet `).ReplaceAllString(string(stock), "127.0.0.1:"+port+" inet ")
	files["master.cf"] = regexp.MustCompile(`(?m)^([a-z0-9]\S*\s+\S+\s+\S+\s+\S+\s+)\S+`).ReplaceAllString(text, "${1}n") // no chroot
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(p.etc, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func (p *postfix) bracketed() string {
	host, port, _ := net.SplitHostPort(p.addr)
	return "[" + host + "]:" + port
}

// peerMessages are what real peers carry: Postfix changes what is not clean, so these are.
func peerMessages() []specimen {
	var long strings.Builder
	for i := range 3000 {
		fmt.Fprintf(&long, "line %d of a message that is larger than memory keeps\r\n", i)
	}
	head := "Date: Mon, 23 Nov 2026 00:00:00 +0000\r\nFrom: a@sender.test\r\nMessage-Id: <1@sender.test>\r\n"
	return []specimen{
		{"small", []byte(head + "Subject: small\r\n\r\nbody\r\n")},
		{"dots", []byte(head + "Subject: dots\r\n\r\n.\r\n..\r\n.a\r\n")},
		{"8-bit", []byte(head + "Subject: 8-bit\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nGr\xc3\xbc\xc3\x9fe\r\n")},
		{"large", []byte(head + "Subject: large\r\n\r\n" + long.String())},
	}
}

// arrive checks that each message came to the sink under a Received field of both servers.
func arrive(t *testing.T, s *sink, all []specimen) {
	t.Helper()
	got := s.wait(t, len(all))
	for _, m := range all {
		found := false
		for _, g := range got {
			if bytes.HasSuffix(g.text, m.text) {
				head := string(g.text[:len(g.text)-len(m.text)])
				found = strings.Count(head, "\nReceived: ")+1 == 2 && strings.HasPrefix(head, "Received: ") &&
					strings.Contains(head, "by mail.mtad.test (mtad)") && strings.Contains(head, "by postfix.peer.test (Postfix)")
			}
		}
		if !found {
			t.Errorf("%s did not arrive as it was sent", m.name)
		}
	}
}

func TestPostfixIsANextHop(t *testing.T) {
	s := newSink(t)
	p := newPostfix(t, s.nexthop())
	d := start(t, "relayhost = "+p.bracketed(), "local_header_rewrite_clients =")
	for i, m := range peerMessages() {
		d.post("a@sender.test", "r"+strconv.Itoa(i)+"@rcpt.test", m.text)
	}
	arrive(t, s, peerMessages())
	d.log.waitCount(t, `status=sent \(250 2\.0\.0 Ok: (?:\d+ bytes )?queued as `, len(peerMessages()))
}

func TestPostfixIsAClient(t *testing.T) {
	s := newSink(t)
	d := start(t, "relayhost = "+s.nexthop(), "local_header_rewrite_clients =")
	host, port, _ := net.SplitHostPort(d.addr)
	p := newPostfix(t, "["+host+"]:"+port)
	front := *d
	front.addr = p.addr
	for i, m := range peerMessages() {
		front.post("a@sender.test", "r"+strconv.Itoa(i)+"@rcpt.test", m.text)
	}
	arrive(t, s, peerMessages())
	p.log.waitCount(t, `status=sent \(250 2\.0\.0 Ok: (?:\d+ bytes )?queued as `, len(peerMessages()))
}
