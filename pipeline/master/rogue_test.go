package master_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/mtad/mtad/core/conf"
	"github.com/mtad/mtad/core/privsep"
	"github.com/mtad/mtad/pipeline/deliver"
	"github.com/mtad/mtad/pipeline/master"
)

// rogueFile makes the worker of a daemon a rogue: the file names what it shall try to reach.
const rogueFile = "rogue"

// rogue is a worker that somebody took over: it has all that a worker has, the channel to the parent
// included, and tries what it must not be able to do. What it could do it says.
func rogue(c *conf.Config, target string) (int, error) {
	parent, err := privsep.Inherited()
	if err != nil {
		return 1, err
	}
	if err := master.Confine(c, parent, master.Options{Stderr: os.Stderr}); err != nil {
		return 1, err
	}
	say := func(what string, err error) {
		var refused *privsep.Refused
		if word := "could"; err == nil {
			fmt.Fprintf(os.Stderr, "rogue: %s: %s\n", what, word)
		} else if errors.As(err, &refused) {
			fmt.Fprintf(os.Stderr, "rogue: %s: refused\n", what)
		} else {
			fmt.Fprintf(os.Stderr, "rogue: %s: failed (%v)\n", what, err)
		}
	}
	rogueAlone(say, target)
	rogueAsks(say, parent, target)
	fmt.Fprintln(os.Stderr, "rogue: done")
	return 0, nil
}

// rogueAlone tries what needs no parent.
func rogueAlone(say func(string, error), target string) {
	say("become root", syscall.Setuid(0))
	_, err := os.ReadFile(filepath.Join(target, "key.pem"))
	say("read a key", err)
	_, err = os.ReadFile(filepath.Join(target, "secret"))
	say("read outside", err)
	say("write outside", os.WriteFile(filepath.Join(target, "written"), nil, 0o600))
	say("write /tmp", os.WriteFile(filepath.Join(os.TempDir(), fmt.Sprintf("rogue-%d", os.Getpid())), nil, 0o600))
	say("write the configuration", os.WriteFile(filepath.Join(filepath.Dir(target), "main.cf"), nil, 0o600))
	parentMemory := fmt.Sprintf("/proc/%d/mem", os.Getppid())
	f, err := os.OpenFile(parentMemory, os.O_RDWR, 0)
	say("open the parent's memory", err)
	f.Close()
	say("kill the parent", syscall.Kill(os.Getppid(), syscall.SIGKILL))
}

// rogueAsks tries what the parent could do.
func rogueAsks(say func(string, error), parent *privsep.Client, target string) {
	run := func(c privsep.Command) error {
		r, w, err := os.Pipe()
		if err != nil {
			return err
		}
		defer r.Close()
		defer w.Close()
		c.Limit = patience
		running, err := parent.Run(&c, r, w, nil)
		if err == nil {
			_, err = running.Wait()
		}
		return err
	}
	me := os.Getuid()
	shell := []string{"/bin/sh", "-c", "touch " + target + "/touched"}
	say("run another command of a service", run(privsep.Command{Kind: uint8(deliver.ByService), Service: "prog", Argv: shell}))
	say("run a service that is not there", run(privsep.Command{Kind: uint8(deliver.ByService), Service: "nothing", Argv: shell}))
	say("run a service of root", run(privsep.Command{Kind: uint8(deliver.ByService), Service: "asroot", Argv: []string{"/bin/true"}}))
	say("run an alias command", run(privsep.Command{Kind: uint8(deliver.ByAlias), Account: "daemon", UID: 1, GID: 1, Argv: shell}))
	say("run a command of no kind", run(privsep.Command{Kind: 99, Account: "daemon", UID: 1, GID: 1, Argv: shell}))
	say("run the service", run(privsep.Command{Kind: uint8(deliver.ByService), Service: "prog", Argv: []string{"/bin/true", "x"}}))
	deliverer := func(place privsep.Place, account string, uid, gid int, dir string) error {
		f, err := parent.Deliverer(place, account, uid, gid, dir)
		if err == nil {
			_, _ = f.Write([]byte{0, 0, 0, 1, 0}) // it ends of this
			_, _ = io.Copy(io.Discard, f)
			f.Close()
		}
		return err
	}
	base := filepath.Join(filepath.Dir(target), "vmail")
	say("deliver as root", deliverer(privsep.Virtual, "", 0, 0, base))
	say("deliver as mail_owner", deliverer(privsep.Virtual, "", me, 12345, base))
	say("deliver in the group of mail_owner", deliverer(privsep.Virtual, "", 12345, os.Getgid(), base))
	say("deliver as a low uid", deliverer(privsep.Virtual, "", 99, 12345, base))
	say("deliver elsewhere", deliverer(privsep.Virtual, "", 12345, 12345, "/etc"))
	say("deliver as the account of root", deliverer(privsep.Spool, "root", 0, 0, filepath.Join(filepath.Dir(target), "spool")))
	say("deliver as an account with another uid", deliverer(privsep.Spool, "daemon", 2, 2, filepath.Join(filepath.Dir(target), "spool")))
	say("deliver where it belongs", deliverer(privsep.Virtual, "", 12345, 12345, base))
	_, err := parent.Listen("smtp", "tcp", "127.0.0.1:81")
	say("bind a port of nobody", err)
	_, err = parent.KeyPair("/etc/shadow", "/etc/shadow")
	say("have a file read as a key", err)
	pair, err := parent.KeyPair(filepath.Join(target, "cert.pem"), filepath.Join(target, "key.pem"))
	say("use the key", err)
	if err == nil && strings.Contains(fmt.Sprintf("%#v", pair), "PRIVATE") {
		say("see the key", nil)
	}
}

// A worker that was taken over has the rights of mail_owner, less than its files, and a parent that
// does for it what the configuration says and nothing else.
func TestAWorkerThatWasTakenOverGainsNothing(t *testing.T) {
	needOwner(t)
	d := newDaemon(t, "mail_owner = postfix", "virtual_mailbox_base = $config_directory/vmail", "mail_spool_directory = $config_directory/spool",
		"allow_mail_to_commands =", "smtpd_tls_security_level = may", "smtpd_tls_cert_file = $config_directory/target/cert.pem",
		"smtpd_tls_key_file = $config_directory/target/key.pem")
	d.services("prog unix - n n - - pipe user=nobody argv=/bin/true ${recipient}", "asroot unix - n n - - pipe user=root argv=/bin/true")
	d.reachable()
	target := filepath.Join(d.dir, "target")
	cert, key := selfSigned(t)
	d.write("target/cert.pem", string(cert))
	for name, text := range map[string]string{"target/key.pem": string(key), "target/secret": "s"} {
		if err := os.Chmod(d.write(name, text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, dir := range []string{"vmail", "spool"} {
		if err := os.Mkdir(filepath.Join(d.dir, dir), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	d.write(rogueFile, target)
	d.launch()
	d.log.wait(t, "rogue: done")
	text := d.log.String()
	for what, want := range map[string]string{
		"become root": "failed", "read a key": "failed", "read outside": "failed", "write outside": "failed", "write /tmp": "failed",
		"write the configuration": "failed", "open the parent's memory": "failed", "kill the parent": "failed",
		"run another command of a service": "refused", "run a service that is not there": "refused", "run a service of root": "refused",
		"run an alias command": "refused", "run a command of no kind": "refused", "run the service": "could",
		"deliver as root": "refused", "deliver as mail_owner": "refused", "deliver in the group of mail_owner": "refused",
		"deliver as a low uid": "refused", "deliver elsewhere": "refused", "deliver as the account of root": "refused",
		"deliver as an account with another uid": "refused", "deliver where it belongs": "could",
		"bind a port of nobody": "refused", "have a file read as a key": "refused", "use the key": "could",
	} {
		if !strings.Contains(text, "rogue: "+what+": "+want) {
			t.Errorf("%s: it should have been: %s", what, want)
		}
	}
	if strings.Contains(text, "see the key") {
		t.Error("the key came over")
	}
	if _, err := os.Stat(filepath.Join(target, "touched")); err == nil {
		t.Error("the command ran")
	}
	if t.Failed() {
		t.Log(text)
	}
}
