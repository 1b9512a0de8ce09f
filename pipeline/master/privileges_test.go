package master_test

import (
	"os"
	"os/user"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Started as root, mtad is mail_owner and nothing else once it serves: all four user ids, all four
// group ids, no other group, no capability.
func TestRootIsGivenUpForGood(t *testing.T) {
	needRoot(t)
	owner, err := user.Lookup("postfix")
	if err != nil {
		miss(t, "needs the user postfix: apt-get install postfix")
	}
	s := newSink(t)
	d := newDaemon(t, "mail_owner = postfix", "relayhost = "+s.nexthop())
	for dir := d.dir; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	d.run()
	for field, want := range map[string]string{
		"Uid": strings.Repeat(owner.Uid+" ", 4), "Gid": strings.Repeat(owner.Gid+" ", 4), "Groups": owner.Gid + " ",
		"CapPrm": "0000000000000000 ", "CapEff": "0000000000000000 ",
	} {
		if got := regexp.MustCompile(`\s+`).ReplaceAllString(d.status(field)+" ", " "); got != want {
			t.Errorf("%s is %q, want %q", field, got, want)
		}
	}
	d.post("a@sender.test", "b@rcpt.test", []byte("Subject: unprivileged\r\n\r\n"))
	s.wait(t, 1)
	d.kill()
	d.run() // the queue is its own: it starts again on it
	d.post("a@sender.test", "b@rcpt.test", []byte("Subject: again\r\n\r\n"))
	s.wait(t, 2)
}
