package master_test

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mtad/mtad/core/porttest"
)

// policyInPerl answers policy questions as a site's own policy server does: line by line from standard
// input. It says who it runs as, and what it was started with.
const policyInPerl = `use strict;
$| = 1;
my %q;
while (my $line = <STDIN>) {
	chomp $line;
	if ($line =~ /^([^=]+)=(.*)$/) { $q{$1} = $2; next; }
	my $action = "DUNNO";
	$action = "REJECT you are $q{sender}, I am $< of " . (split ' ', $()[0] . " args @ARGV env " . ($ENV{SHOWN} || "") . ($ENV{SECRET} || "") if $q{recipient} =~ /^who@/;
	exit 3 if $q{recipient} =~ /^dies@/;
	if ($q{recipient} =~ /^hangs@/) { sleep 600; }
	print "action=$action\n\n";
	%q = ();
}
`

// newPolicyDaemon is an mtad that asks a policy server in Perl, which it starts itself.
func newPolicyDaemon(t *testing.T, service string, lines ...string) *daemon {
	t.Helper()
	perl := need(t, "perl", "perl-base")
	d := newDaemon(t, append([]string{"default_transport = discard:", "policy_time_limit = 3600", "smtpd_recipient_restrictions = check_policy_service " + strings.Fields(service)[0],
		"export_environment = SHOWN=yes", "import_environment =", "smtpd_policy_service_try_limit = 1", "smtpd_policy_service_timeout = 20s"}, lines...)...)
	d.reachable()
	script := d.write("policy.pl", policyInPerl)
	_, columns, _ := strings.Cut(service, " ")
	d.services(columns + " spawn user=" + programUser(t) + " argv=" + perl + " " + script + " -x $y")
	d.env = []string{"SECRET=secret"}
	return d
}

// rcpt asks what becomes of a recipient, on a session of its own.
func (d *daemon) rcpt(to string) string {
	d.t.Helper()
	c := d.hello()
	c.do("MAIL FROM:<a@sender.test>", "250")
	c.send([]byte("RCPT TO:<" + to + ">\r\n"))
	got := c.reply()
	_ = c.c.Close()
	return got
}

// A policy server of master.cf is started for each connection that comes to its socket or port, as its
// user and with nothing of ours, and answers.
func TestAPolicyServerOfMasterCF(t *testing.T) {
	addr := porttest.Addr(t)
	for name, service := range map[string]string{
		"private socket": "unix:private/policy policy unix - n n - 0",
		"public socket":  "unix:public/policy policy unix n n n - 0",
		"port":           "inet:" + addr + " " + addr + " inet n n n - 0",
	} {
		for _, owner := range []string{"root", "postfix"} {
			t.Run(name+" under "+owner, func(t *testing.T) {
				if owner == "postfix" {
					needOwner(t)
				}
				d := newPolicyDaemon(t, service, "mail_owner = "+owner)
				d.run()
				uid, gid := idsOf(t, programUser(t))
				want := fmt.Sprintf("554 5.7.1 <who@rcpt.test>: Recipient address rejected: you are a@sender.test, I am %d of %d args -x $y env yes", uid, gid)
				if got := d.rcpt("who@rcpt.test"); got != want {
					t.Errorf("got  %q\nwant %q", got, want)
				}
				d.post("a@sender.test", "b@rcpt.test", []byte("Subject: x\r\n\r\n"))
				if owner == "postfix" && strings.Contains(name, "socket") {
					path := filepath.Join(d.dir, "queue", strings.TrimPrefix(strings.Fields(service)[0], "unix:"))
					st, err := os.Stat(path)
					if err != nil || st.Mode().Perm() != 0o666 {
						t.Errorf("the socket has mode %v, %v", st.Mode(), err)
					}
					dir, err := os.Stat(filepath.Dir(path))
					if private := strings.HasPrefix(name, "private"); err != nil || (dir.Mode().Perm()&0o077 == 0) != private {
						t.Errorf("its directory has mode %v, %v", dir.Mode(), err)
					}
				}
				mark := d.log.mark()
				d.rcpt("dies@rcpt.test")
				d.log.waitAfter(t, mark, `/spawn\[\d+\]: warning: command \S*perl exit status 3`, nil)
			})
		}
	}
}

func idsOf(t *testing.T, name string) (uid, gid int) {
	t.Helper()
	fields := strings.Fields(command(t, "id", "-u", name) + " " + command(t, "id", "-g", name))
	if _, err := fmt.Sscan(strings.Join(fields, " "), &uid, &gid); err != nil {
		t.Fatal(err)
	}
	return uid, gid
}

// echo is a service that says the number of its process and then what it is told.
func echoService(d *daemon, name string, limit int, user string) string {
	return fmt.Sprintf("%s n n - %d spawn user=%s argv=%s", name, limit, user, d.program("echo", "#!/bin/sh\necho $$\nexec cat\n"))
}

// dialled connects to a service and reads its first line.
func dialled(t *testing.T, network, addr string) (net.Conn, string) {
	t.Helper()
	c, err := net.Dial(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(patience))
	line, err := newReader(c).ReadString('\n')
	if err != nil {
		t.Fatalf("the command said nothing: %v", err)
	}
	return c, strings.TrimSpace(line)
}

// maxproc commands run at a time; one connection more waits until one of them has ended.
func TestOneCommandMoreThanMaxprocWaits(t *testing.T) {
	for _, owner := range []string{"root", "postfix"} {
		t.Run(owner, func(t *testing.T) {
			if owner == "postfix" {
				needOwner(t)
			}
			d := newDaemon(t, "mail_owner = "+owner)
			d.reachable()
			d.services(echoService(d, "echo unix n", 2, programUser(t)))
			d.run()
			path := filepath.Join(d.dir, "queue", "public", "echo")
			first, one := dialled(t, "unix", path)
			_, two := dialled(t, "unix", path)
			third, err := net.Dial("unix", path)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = third.Close() }()
			_ = third.SetReadDeadline(time.Now().Add(300 * time.Millisecond)) // it cannot come, however long one waits
			if line, err := newReader(third).ReadString('\n'); err == nil {
				t.Fatalf("a third command runs: %q", line)
			}
			_ = first.Close()
			_ = third.SetReadDeadline(time.Now().Add(patience))
			three, err := newReader(third).ReadString('\n')
			if three = strings.TrimSpace(three); err != nil || three == one || three == two {
				t.Errorf("it is %q after %q and %q, %v", three, one, two, err)
			}
		})
	}
}

func TestACommandOutOfTimeIsEnded(t *testing.T) {
	for _, owner := range []string{"root", "postfix"} {
		t.Run(owner, func(t *testing.T) {
			if owner == "postfix" {
				needOwner(t)
			}
			d := newDaemon(t, "mail_owner = "+owner, "echo_time_limit = 1s")
			d.reachable()
			d.services(echoService(d, "echo unix n", 0, programUser(t)))
			d.run()
			c, _ := dialled(t, "unix", filepath.Join(d.dir, "queue", "public", "echo"))
			if rest, err := io.ReadAll(c); err != nil || len(rest) > 0 {
				t.Errorf("it said %q, %v", rest, err)
			}
			d.log.wait(t, `warning: \S+/echo: command time limit exceeded`)
		})
	}
}

// Whose command may not run is warned of at start; its clients see the connection end, and the rest of
// the mail system works.
func TestCommandsOfRootAndMailOwnerAreRefused(t *testing.T) {
	needOwner(t)
	d := newDaemon(t, "mail_owner = postfix", "default_transport = discard:")
	d.reachable()
	d.services(echoService(d, "root unix n", 0, "root"), echoService(d, "owner unix n", 0, "postfix"), echoService(d, "group unix n", 0, "nobody:postfix"))
	d.run()
	for name, why := range map[string]string{"root": "has root privileges", "owner": "is the mail system owner postfix", "group": "is in the group of the mail system owner"} {
		d.log.wait(t, `warning: clients of the service `+name+`/unix will be turned away: .*`+why)
		c, err := net.Dial("unix", filepath.Join(d.dir, "queue", "public", name))
		if err != nil {
			t.Fatal(err)
		}
		_ = c.SetDeadline(time.Now().Add(patience))
		if said, _ := io.ReadAll(c); len(said) > 0 {
			t.Errorf("%s: the command said %q", name, said)
		}
		_ = c.Close()
	}
	d.post("a@sender.test", "b@rcpt.test", []byte("Subject: x\r\n\r\n"))
	d.log.wait(t, `relay=none, .*status=sent`)
}

// A reload takes services of spawn away and brings new ones; what is connected goes on. The order to end
// ends the commands.
func TestAReloadChangesWhatIsSpawned(t *testing.T) {
	needOwner(t)
	d := newDaemon(t, "mail_owner = postfix")
	d.reachable()
	before := d.read("master.cf")
	d.services(echoService(d, "one unix n", 0, "nobody"))
	d.run()
	public := filepath.Join(d.dir, "queue", "public")
	c, _ := dialled(t, "unix", public+"/one")
	d.write("master.cf", before)
	d.services(echoService(d, "two unix n", 0, "nobody"))
	mark := d.log.mark()
	d.signal(syscall.SIGHUP)
	d.log.waitAfter(t, mark, `reload -- version`, d.gone)
	if _, err := net.Dial("unix", public+"/one"); err == nil {
		t.Error("the service that is gone still answers")
	}
	if _, err := io.WriteString(c, "still here\n"); err != nil {
		t.Error(err)
	}
	if line, err := newReader(c).ReadString('\n'); line != "still here\n" {
		t.Errorf("the old command says %q, %v", line, err)
	}
	other, pid := dialled(t, "unix", public+"/two")
	d.signal(syscall.SIGTERM)
	if code := d.wait(); code != 0 {
		t.Errorf("it ended with %d", code)
	}
	for _, conn := range []net.Conn{c, other} {
		if rest, err := io.ReadAll(conn); err != nil || len(rest) > 0 {
			t.Errorf("after the end there is %q, %v", rest, err)
		}
	}
	if _, err := os.Stat("/proc/" + pid); err == nil {
		t.Errorf("the command %s still runs", pid)
	}
}

func TestSpawnServicesThatCannotBeAreErrorsAtStart(t *testing.T) {
	for service, want := range map[string]string{
		"p unix - n n - 0 spawn argv=/bin/cat":                    `service p/unix: user= is missing`,
		"p unix - n n - 0 spawn user=nobody":                      `service p/unix: argv= is missing`,
		"p unix - n n - 0 spawn user=nobody flags=D argv=/bin/x":  `service p/unix: flags= is no attribute of spawn`,
		"p unix - n n - 0 spawn user=nobody: argv=/bin/cat":       `service p/unix: user=nobody:: a user or user:group expected`,
		"../p unix - n n - 0 spawn user=nobody argv=/bin/cat":     `service name "../p"`,
		"fifo fifo n n n - 0 spawn user=nobody argv=/bin/cat":     `service fifo/fifo: spawn listens at types inet and unix only`,
		"p unix - n n - 0 spawn user=nobody argv=":                `service p/unix: argv= names no command`,
		"p unix - n n - 0 spawn user=nobody nonsense argv=/bin/x": `service p/unix: "nonsense" is no attribute`,
	} {
		d := newDaemon(t)
		d.services(service)
		d.launch()
		if code := d.wait(); code == 0 || !regexp.MustCompile(want).MatchString(d.log.String()) {
			t.Errorf("%s: code %d, the log:\n%s", service, code, d.log.tail(5))
		}
	}
}

// What a transport or a spawned command has to say is logged under the name that its service gives it.
func TestServicesLogUnderTheirNames(t *testing.T) {
	d := newProgramDaemon(t, "mail_owner = root")
	d.services("prog unix - n n - - pipe -o syslog_name=postfix/ours user="+programUser(t)+" argv=/bin/true",
		"ends unix n n n - 0 spawn -o syslog_name=postfix/theirs user="+programUser(t)+" argv=/bin/false")
	d.run()
	d.post("a@sender.test", "r@rcpt.test", []byte("Subject: x\r\n\r\n"))
	d.log.wait(t, ` postfix/ours/pipe\[\d+\]: \S+: to=<r@rcpt\.test>, relay=prog, .*status=sent`)
	c, err := net.Dial("unix", filepath.Join(d.dir, "queue", "public", "ends"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	d.log.wait(t, ` postfix/theirs/spawn\[\d+\]: warning: command /bin/false exit status 1`)
}
