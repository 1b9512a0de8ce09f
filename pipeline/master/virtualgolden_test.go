package master_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// virtualCase is mail to a virtual mailbox, whose end Postfix and mtad see alike.
type virtualCase struct {
	to string
	// box is the value of virtual_mailbox_maps for it, "" for none; file is where its mail shall be.
	box, file string
	times     int    // once when 0
	head      string // fields of the message
	words     bool   // the texts are equal too
	// waits says that mtad defers what Postfix returns, keeps that mtad delivers what Postfix defers:
	// it makes the directories that are missing.
	waits, keeps bool
}

func virtualCases() []virtualCase {
	return []virtualCase{
		{to: "box@v.test", box: "box", file: "box", words: true},
		{to: "dir@v.test", box: "dir/", file: "dir/new/*", words: true},
		{to: "Mixed.Case@V.test", box: "mixed", file: "mixed", words: true},
		{to: "deep@v.test", box: "some/where/deep/", file: "some/where/deep/new/*", words: true},
		{to: "deepbox@v.test", box: "no/where/box", file: "no/where/box", keeps: true},
		{to: "dots@v.test", box: "a/./b/", file: "a/b/new/*", words: true},
		{to: "absolute@v.test", box: "/absolute/", file: "absolute/new/*", words: true},
		{to: "box+ext@v.test", file: "box", words: true},
		{to: "own+ext@v.test", box: "ownext/", file: "ownext/new/*", words: true},
		{to: "anybody@w.test", file: "anybody/new/*", words: true}, // @w.test
		{to: "nobody@v.test", words: true},
		{to: "nouid@v.test", box: "nouid/", words: true},
		{to: "lowuid@v.test", box: "lowuid/", words: true},
		{to: "baduid@v.test", box: "baduid/", words: true},
		{to: "nogid@v.test", box: "nogid/", words: true},
		{to: "badgid@v.test", box: "badgid/", words: true},
		{to: "rootgid@v.test", box: "rootgid/", waits: true},
		{to: "fullbox@v.test", box: "fullbox", times: 3},
		{to: "link@v.test", box: "link", waits: true},
		{to: "isdir@v.test", box: "isdir", waits: true},
		{to: "denied@v.test", box: "denied/x", waits: true},
		{to: "denieddir@v.test", box: "denied/x/", waits: true},
		{to: "looped@v.test", box: "looped", file: "looped", head: "Delivered-To: looped@v.test\r\n", words: true},
	}
}

func virtualFolder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "vmail")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	for _, sub := range []string{"", "isdir", "denied"} {
		path := filepath.Join(dir, sub)
		if err := os.MkdirAll(path, 0o755); err != nil {
			t.Fatal(err)
		}
		mode, owner := os.FileMode(0o755), mailUser
		if sub == "denied" {
			mode, owner = 0o700, 0
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(path, owner, owner); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("box", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	return dir
}

// What becomes of mail to virtual mailboxes, and where it is, is what becomes of it with Postfix.
func TestVirtualMailEndsAsWithPostfix(t *testing.T) {
	needOwner(t)
	p := preparePostfix(t, "[127.0.0.1]:9")
	theirs, ours := virtualFolder(t), virtualFolder(t)
	var boxes strings.Builder
	for _, c := range virtualCases() {
		if c.box != "" {
			fmt.Fprintf(&boxes, "{%s=%s},", strings.ToLower(c.to), c.box)
		}
	}
	lines := func(dir string) []string {
		return []string{"virtual_mailbox_domains = v.test, w.test", "virtual_mailbox_base = " + dir, "virtual_mailbox_maps = inline:{" + boxes.String() + "{@w.test=anybody/}}",
			"virtual_uid_maps = inline:{{nouid@v.test=},{lowuid@v.test=50},{baduid@v.test=x}} " + fmt.Sprintf("inline:{{@v.test=%d},{@w.test=%[1]d}}", mailUser),
			"virtual_gid_maps = inline:{{nogid@v.test=},{badgid@v.test=-1},{rootgid@v.test=0}} " + fmt.Sprintf("static:%d", mailUser),
			"recipient_delimiter = +", "message_size_limit = 1500", "virtual_mailbox_limit = 2000", "virtual_mailbox_lock = fcntl", "smtpd_reject_unlisted_recipient = no", "local_recipient_maps ="}
	}
	d := newDaemon(t, append(lines(ours), "mail_owner = postfix", "local_header_rewrite_clients =")...)
	d.reachable()
	d.run()
	p.runWith(t, "", lines(theirs)...)
	front := *d
	front.addr = p.addr
	for _, c := range virtualCases() {
		for range max(c.times, 1) {
			for _, server := range []*daemon{d, &front} {
				server.post("a@sender.test", c.to, []byte(c.head+"Subject: x\r\n\r\n"+strings.Repeat(strings.Repeat("z", 60)+"\r\n", 9)))
			}
		}
	}
	ends := func(l *logbook, c virtualCase, dir string) []string {
		line := `(?i)to=<` + regexp.QuoteMeta(c.to) + `>, relay=(\w+), .*dsn=([0-9.]+), status=(\w+) (\(.*\))\n`
		l.waitCount(t, line, max(c.times, 1))
		var all []string
		for _, m := range regexp.MustCompile(line).FindAllStringSubmatch(l.String(), -1) {
			end := fmt.Sprintf("relay=%s, dsn=%s, status=%s", m[1], m[2], m[3])
			if c.words {
				end += " " + strings.ReplaceAll(m[4], dir, "%D")
			}
			all = append(all, end)
		}
		slices.Sort(all)
		return all
	}
	for _, c := range virtualCases() {
		got, want := ends(d.log, c, ours), ends(p.log, c, theirs)
		for i := range want {
			if c.waits {
				want[i] = strings.NewReplacer("dsn=5.", "dsn=4.", "status=bounced", "status=deferred").Replace(want[i])
			}
			if c.keeps {
				want[i] = strings.NewReplacer("dsn=4.2.0", "dsn=2.0.0", "status=deferred", "status=sent").Replace(want[i])
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: mtad says\n%q\nPostfix says\n%q", c.to, got, want)
		}
		if c.file == "" {
			continue
		}
		mine, _ := filepath.Glob(filepath.Join(ours, c.file))
		his, _ := filepath.Glob(filepath.Join(theirs, c.file))
		if len(mine) != 1 || len(his) != 1 && !c.keeps {
			t.Errorf("%s: mtad has %q, Postfix %q", c.to, mine, his)
			continue
		}
		owned(t, mine[0], mailUser, mailUser, 0o600)
		if !c.keeps {
			owned(t, his[0], mailUser, mailUser, 0o600)
			if a, b := withoutReceived(t, mine[0]), withoutReceived(t, his[0]); a != b {
				t.Errorf("%s: mtad wrote\n%.600q\nPostfix\n%.600q", c.to, a, b)
			}
		}
	}
}

// withoutReceived is a mailbox without what each server says of itself and of the time.
func withoutReceived(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	s := regexp.MustCompile(`(?m)^Received: .*\n(?:[ \t].*\n)*`).ReplaceAllString(string(text), "")
	return regexp.MustCompile(`(?m)^(From \S+  )[A-Z].*$`).ReplaceAllString(s, "${1}DATE")
}
