package master_test

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// needOwner skips a test that cannot have a parent with the rights of root.
func needOwner(t *testing.T) *user.User {
	t.Helper()
	needRoot(t)
	owner, err := user.Lookup("postfix")
	if err != nil {
		miss(t, "needs the user postfix: apt-get install postfix")
	}
	return owner
}

// worker is the process that does the work, as the log names it.
func (d *daemon) worker() int {
	d.t.Helper()
	all := regexp.MustCompile(`\[(\d+)\]: daemon started`).FindAllStringSubmatch(d.log.String(), -1)
	pid, err := strconv.Atoi(all[len(all)-1][1])
	if err != nil {
		d.t.Fatal(err)
	}
	return pid
}

// Started as root, what does the work is mail_owner and nothing else once it serves: all four user
// ids, all four group ids, no other group, no capability, and no way to gain one.
func TestRootIsGivenUpForGood(t *testing.T) {
	owner := needOwner(t)
	s := newSink(t)
	d := newDaemon(t, "mail_owner = postfix", "relayhost = "+s.nexthop())
	d.reachable()
	d.run()
	for field, want := range map[string]string{
		"Uid": strings.Repeat(owner.Uid+" ", 4), "Gid": strings.Repeat(owner.Gid+" ", 4), "Groups": owner.Gid + " ",
		"Name": "mtad ", "CapPrm": "0000000000000000 ", "CapEff": "0000000000000000 ", "CapBnd": "0000000000000000 ", "NoNewPrivs": "1 ",
	} {
		if got := regexp.MustCompile(`\s+`).ReplaceAllString(statusOf(t, d.worker(), field)+" ", " "); got != want {
			t.Errorf("%s is %q, want %q", field, got, want)
		}
	}
	pid, err := os.ReadFile(filepath.Join(d.dir, "queue", "pid", "master.pid"))
	if err != nil || strings.TrimSpace(string(pid)) != strconv.Itoa(d.pid()) {
		t.Errorf("the pid file has %q, %v, not the parent's number %d", pid, err, d.pid())
	}
	d.post("a@sender.test", "b@rcpt.test", []byte("Subject: unprivileged\r\n\r\n"))
	s.wait(t, 1)
	d.kill() // the parent; the worker ends with it
	d.run()  // the queue is its own: it starts again on it
	d.post("a@sender.test", "b@rcpt.test", []byte("Subject: again\r\n\r\n"))
	s.wait(t, 2)
	d.signal(syscall.SIGTERM)
	if code := d.wait(); code != 0 {
		t.Errorf("it ended with %d", code)
	}
}

// A worker that dies is started again by its parent, which kept the ports.
func TestAWorkerThatDiesIsStartedAgain(t *testing.T) {
	needOwner(t)
	s := newSink(t)
	d := newDaemon(t, "mail_owner = postfix", "relayhost = "+s.nexthop())
	d.reachable()
	d.run()
	mark := d.log.mark()
	if err := syscall.Kill(d.worker(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	d.log.waitAfter(t, mark, `the worker ended: signal killed; it is started again in 1s`, d.gone)
	c := d.hello() // nobody accepts, and nobody is refused
	d.log.waitAfter(t, mark, `daemon started`, d.gone)
	if got := c.mail("a@sender.test", "b@rcpt.test", []byte("Subject: waited\r\n\r\n")); !strings.HasPrefix(got, "250 2.0.0 Ok: queued as ") {
		t.Errorf("who connected meanwhile got %q", got)
	}
	s.wait(t, 1)
}

func TestABadConfigurationEndsParentAndWorkerWithItsCode(t *testing.T) {
	needOwner(t)
	d := newDaemon(t, "mail_owner = postfix")
	d.services("bad unix - n n - 0 spawn argv=/bin/cat") // found by the worker
	d.reachable()
	d.launch()
	if code := d.wait(); code != 1 || !strings.Contains(d.log.String(), "user= is missing") {
		t.Errorf("code %d; the log:\n%s", code, d.log.tail(5))
	}
}

func TestAConfigurationThatMailOwnerCouldChangeIsRefused(t *testing.T) {
	owner := needOwner(t)
	d := newDaemon(t, "mail_owner = postfix")
	d.reachable()
	uid, _ := strconv.Atoi(owner.Uid)
	if err := os.Chown(filepath.Join(d.dir, "main.cf"), uid, 0); err != nil {
		t.Fatal(err)
	}
	d.launch()
	if code := d.wait(); code == 0 || !strings.Contains(d.log.String(), "main.cf belongs to mail_owner") {
		t.Errorf("code %d; the log:\n%s", code, d.log.tail(5))
	}
}

func TestAProgramRunsAsTheUserOfItsService(t *testing.T) {
	needOwner(t)
	d := newProgramDaemon(t, "mail_owner = postfix", "export_environment = MAIL_CONFIG SHOWN=yes")
	show := d.program("show", "#!/bin/sh\nsed 's/^/|/' | tail -n 1\necho \"$(id -u):$(id -g) groups $(id -G) umask $(umask) in $PWD $SHOWN args $*\"\n")
	d.services("prog unix - n n - - pipe user=nobody:games directory=/usr argv=" + show + " -x ${recipient}")
	d.run()
	d.post("x@sender.test", "r@a.test", []byte("Subject: x\r\n\r\nlast\r\n"))
	nobody, err := user.Lookup("nobody")
	if err != nil {
		t.Fatal(err)
	}
	games, err := user.LookupGroup("games")
	if err != nil {
		t.Skip("needs the group games")
	}
	d.log.wait(t, regexp.QuoteMeta(fmt.Sprintf("(delivered via prog service (|last %s:%s groups %s umask 0077 in /usr yes args -x r@a.test))",
		nobody.Uid, games.Gid, games.Gid)))
	d.post("x@sender.test", "r@a.test", []byte("Subject: x\r\n\r\n"+strings.Repeat("a longer line of text\r\n", 10000)))
	d.log.waitCount(t, `status=sent \(delivered via prog service`, 2)
}

func TestAProgramOutOfTimeIsKilledByTheParent(t *testing.T) {
	needOwner(t)
	d := newProgramDaemon(t, "mail_owner = postfix", "prog_time_limit = 1")
	d.services("prog unix - n n - - pipe user=nobody argv=" + d.program("slow", "#!/bin/sh\nsleep 600 &\nwait\n"))
	d.run()
	d.post("x@sender.test", "r@a.test", []byte("Subject: x\r\n\r\n"))
	d.log.wait(t, `status=deferred \(Command time limit exceeded: `)
}

// owned checks owner, group and mode of what was delivered.
func owned(t *testing.T, path string, uid, gid int, mode os.FileMode) {
	t.Helper()
	st, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	sys := st.Sys().(*syscall.Stat_t)
	if int(sys.Uid) != uid || int(sys.Gid) != gid || st.Mode().Perm() != mode {
		t.Errorf("%s belongs to %d:%d with mode %o, want %d:%d %o", filepath.Base(path), sys.Uid, sys.Gid, st.Mode().Perm(), uid, gid, mode)
	}
}

func TestVirtualMailboxesBelongToTheirOwners(t *testing.T) {
	needOwner(t)
	d := newDaemon(t, "mail_owner = postfix", "virtual_mailbox_domains = v.test", "virtual_mailbox_base = $config_directory/vmail",
		"virtual_mailbox_maps = inline:{dir@v.test=dir/,box@v.test=box,other@v.test=other/,low@v.test=low/,owner@v.test=owner/,rest@v.test=rest/}",
		"virtual_uid_maps = inline:{dir@v.test=12345,box@v.test=12345,other@v.test=12346,low@v.test=50,owner@v.test=$owner} static:12347",
		"owner = "+needOwner(t).Uid, "virtual_gid_maps = static:23456")
	d.reachable()
	base := filepath.Join(d.dir, "vmail")
	if err := os.Mkdir(base, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(base, 0o777); err != nil {
		t.Fatal(err)
	}
	d.run()
	for _, to := range []string{"dir@v.test", "dir@v.test", "box@v.test", "box@v.test", "other@v.test", "rest@v.test"} {
		d.post("x@sender.test", to, []byte("Subject: x\r\n\r\nbody\r\n"))
	}
	d.log.waitCount(t, `relay=virtual, .*status=sent \(delivered to (?:maildir|mailbox)\)`, 6)
	owned(t, filepath.Join(base, "dir"), 12345, 23456, 0o700)
	owned(t, filepath.Join(base, "other", "new"), 12346, 23456, 0o700)
	owned(t, filepath.Join(base, "rest", "new"), 12347, 23456, 0o700)
	owned(t, filepath.Join(base, "box"), 12345, 23456, 0o600)
	mails, err := filepath.Glob(filepath.Join(base, "dir", "new", "*"))
	if err != nil || len(mails) != 2 {
		t.Fatalf("%d messages in the Maildir, %v", len(mails), err)
	}
	owned(t, mails[0], 12345, 23456, 0o600)
	box, err := os.ReadFile(filepath.Join(base, "box"))
	if err != nil || strings.Count(string(box), "\nDelivered-To: box@v.test\n") != 2 {
		t.Errorf("the mbox has %q, %v", box, err)
	}
	d.post("x@sender.test", "low@v.test owner@v.test", []byte("Subject: x\r\n\r\n"))
	d.log.waitCount(t, `dsn=4\.3\.5, status=deferred \(mail system configuration error\)`, 2)
}

func TestLocalMailboxesBelongToTheirUsers(t *testing.T) {
	needOwner(t)
	d := newDaemon(t, "mail_owner = postfix", "mydestination = l.test", "mail_spool_directory = $config_directory/spool")
	d.reachable()
	spool := filepath.Join(d.dir, "spool")
	mail, err := user.LookupGroup("mail")
	if err != nil {
		t.Skip("needs the group mail")
	}
	gid, _ := strconv.Atoi(mail.Gid)
	// As Debian has it: the group may make files, and they become the group's.
	if err := os.Mkdir(spool, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(spool, 0, gid); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(spool, 0o2775|os.ModeSetgid); err != nil {
		t.Fatal(err)
	}
	daemonUser, err := user.Lookup("daemon")
	if err != nil {
		t.Skip("needs the account daemon")
	}
	uid, _ := strconv.Atoi(daemonUser.Uid)
	d.run()
	d.post("x@sender.test", "daemon@l.test", []byte("Subject: x\r\n\r\nbody\r\n"))
	d.log.wait(t, `to=<daemon@l\.test>, relay=local, .*status=sent \(delivered to mailbox\)`)
	owned(t, filepath.Join(spool, "daemon"), uid, gid, 0o600)
	d.post("x@sender.test", "root@l.test", []byte("Subject: x\r\n\r\n"))
	d.log.wait(t, `to=<root@l\.test>, relay=local, .*status=sent \(delivered to mailbox\)`)
	nobody, _ := idsOf(t, "nobody") // default_privs: nothing is done as root
	owned(t, filepath.Join(spool, "root"), nobody, gid, 0o600)
}

// A command whose worker dies in the middle of a message must not take what it got for all of it: the
// parent holds the other end of its standard input, and kills it.
func TestACommandNeverTakesHalfAMessageForAWholeOne(t *testing.T) {
	needOwner(t)
	d := newProgramDaemon(t, "mail_owner = postfix")
	dir := filepath.Join(d.dir, "out")
	if err := os.Mkdir(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	d.services("prog unix - n n - - pipe user=nobody argv=" + d.program("slow", `#!/bin/sh
cd "${0%/*}/out"
if [ ! -e first ]; then
  head -c 10 >/dev/null
  touch first
  while [ ! -e go ]; do sleep 0.1; done
fi
wc -c >>sizes
`))
	d.run()
	mark := d.log.mark()
	d.post("x@sender.test", "r@a.test", []byte("Subject: x\r\n\r\n"+strings.Repeat("a line of the message\r\n", 50000)))
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for _, err := os.Stat(filepath.Join(dir, "first")); err != nil; _, err = os.Stat(filepath.Join(dir, "first")) {
		select {
		case <-d.gone:
			t.Fatal("mtad ended")
		case <-tick.C:
		}
	}
	if err := syscall.Kill(d.worker(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	d.log.waitAfter(t, mark, `the worker ended`, d.gone)
	d.write("out/go", "")
	d.log.waitAfter(t, mark, `status=sent \(delivered via prog service`, d.gone)
	text, err := os.ReadFile(filepath.Join(dir, "sizes"))
	sizes := strings.Fields(string(text))
	if err != nil || len(sizes) != 1 {
		t.Fatalf("messages of the sizes %q were taken, %v", sizes, err)
	}
	if n, _ := strconv.Atoi(sizes[0]); n < 50000*len("a line of the message\n") {
		t.Errorf("a message of %d bytes was taken for a whole one", n)
	}
}
