package master_test

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// programUser is who programs run as under a daemon of these tests.
func programUser(t *testing.T) string {
	t.Helper()
	if os.Getuid() == 0 {
		return "nobody"
	}
	u, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	return u.Username
}

// reachable lets programs of other users come to the daemon's folder.
func (d *daemon) reachable() {
	d.t.Helper()
	for dir := d.dir; dir != filepath.Clean(os.TempDir()) && dir != "/"; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			d.t.Fatal(err)
		}
	}
}

// program writes an executable file and returns its path.
func (d *daemon) program(name, text string) string {
	d.t.Helper()
	path := d.write(name, text)
	if err := os.Chmod(path, 0o755); err != nil {
		d.t.Fatal(err)
	}
	return path
}

// services adds lines to master.cf.
func (d *daemon) services(lines ...string) {
	d.t.Helper()
	old, err := os.ReadFile(filepath.Join(d.dir, "master.cf"))
	if err != nil {
		d.t.Fatal(err)
	}
	d.write("master.cf", string(old)+strings.Join(lines, "\n")+"\n")
}

// newProgramDaemon is a daemon whose mail goes to the transport prog; owner must be neither who
// programs run as, nor an account that root must become.
func newProgramDaemon(t *testing.T, lines ...string) *daemon {
	t.Helper()
	if os.Getuid() != 0 {
		lines = append(lines, "mail_owner = root") // not used, and not the tester
	}
	d := newDaemon(t, append([]string{"default_transport = prog", "prog_destination_recipient_limit = 1", "recipient_delimiter = +"}, lines...)...)
	d.reachable()
	return d
}

func TestMailIsDeliveredToAProgramOfMasterCF(t *testing.T) {
	d := newProgramDaemon(t)
	show := d.program("show", "#!/bin/sh\nprintf '[%s]' \"$@\"; sed -n '/^Received/q;p' | tr '\\n' '|'\n")
	d.services("prog unix - n n - - pipe\n  flags=DORXhu user=" + programUser(t) + " argv=" + show + " -d { ${user} x } ${sender} ${recipient}")
	d.run()
	d.post("A@sender.test", "User+Ext@Rcpt.test", []byte("Subject: x\r\n\r\nbody\r\n"))
	d.log.wait(t, regexp.QuoteMeta(`to=<User+Ext@Rcpt.test>, relay=prog, `)+`.*dsn=2\.0\.0, status=sent `+
		regexp.QuoteMeta(`(delivered via prog service ([-d][user x][A@sender.test][user+ext@rcpt.test]`+
			`Return-Path: <A@sender.test>|X-Original-To: User+Ext@Rcpt.test|Delivered-To: User+Ext@Rcpt.test|`))
}

func TestServicesThatCannotBeUsedDeferMailAndSayWhy(t *testing.T) {
	d := newProgramDaemon(t, "transport_maps = inline:{a.test=syntax:, b.test=root:, c.test=single:}")
	d.services("syntax unix - n n - - pipe flags=Z user=nobody argv=/bin/cat",
		"root unix - n n - - pipe user=root argv=/bin/cat",
		"single unix - n n - - pipe flags=D user="+programUser(t)+" argv=/bin/cat ${recipient}")
	d.run()
	d.log.wait(t, `warning: mail to the service syntax/unix will be deferred: flags=Z: 'Z' is none of BDFORXhqu\.>`)
	d.log.wait(t, `warning: mail to the service root/unix will be deferred: user=root has root privileges`)
	d.post("x@sender.test", "r@a.test r@b.test r@c.test s@c.test", []byte("Subject: x\r\n\r\n"))
	d.log.waitCount(t, `dsn=4\.3\.5, status=deferred \(mail system configuration error\)`, 4)
	d.log.wait(t, "warning: pipe flag `D' requires single_destination_recipient_limit = 1")
}

// fates are those of pipe/testdata/fate whose end Postfix and mtad see alike. What is not alike, and
// why, says the agent's RATIONALE.md: a command out of time, codes of class 2 and codes alone.
func fates() []string {
	all := strings.Fields("noread0 noread67 out0 out1 out67 out75 out78 dsn4 dsn5 dsn5one dsn4one dsnzero dsnspace dsncolon sig sigterm bin")
	for _, code := range []int{0, 1, 2, 63, 64, 65, 66, 67, 68, 69, 70, 71, 72, 73, 74, 75, 76, 77, 78, 79, 126, 127, 255} {
		all = append(all, fmt.Sprintf("exit%d", code))
	}
	return all
}

// Every way in which a program can end comes to the same code, word and text in both logs.
func TestProgramsEndAsWithPostfix(t *testing.T) {
	p := preparePostfix(t, "[127.0.0.1]:9")
	d := newProgramDaemon(t, "mail_owner = root")
	script, err := os.ReadFile("../deliver/pipe/testdata/fate")
	if err != nil {
		t.Fatal(err)
	}
	service := "prog unix - n n - - pipe user=nobody argv=" + d.program("fate", string(script)) + " ${user}"
	d.services(service)
	d.run()
	p.runWith(t, service, "default_transport = prog", "relayhost =", "prog_destination_recipient_limit = 1")
	front := *d
	front.addr = p.addr
	for _, fate := range fates() {
		d.post("a@sender.test", fate+"@rcpt.test", []byte("Subject: x\r\n\r\n"))
		front.post("a@sender.test", fate+"@rcpt.test", []byte("Subject: x\r\n\r\n"))
	}
	for _, fate := range fates() {
		line := `to=<` + fate + `@rcpt\.test>, relay=prog, .*dsn=([0-9.]+), status=(\w+ \(.*)\)\n`
		got, want := d.log.wait(t, line), p.log.wait(t, line)
		if got[1] != want[1] || got[2] != strings.TrimRight(want[2], " ") {
			t.Errorf("%s: mtad says %s, %s\nPostfix says %s, %s", fate, got[1], got[2], want[1], want[2])
		}
	}
}

// runWith adds a service and parameters to a prepared Postfix, and starts it.
func (p *postfix) runWith(t *testing.T, service string, lines ...string) {
	t.Helper()
	for name, text := range map[string]string{"master.cf": service, "main.cf": strings.Join(lines, "\n")} {
		f, err := os.OpenFile(filepath.Join(p.etc, name), os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteString(text + "\n"); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	p.run(t)
}
