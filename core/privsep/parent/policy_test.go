package parent

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/mtad/mtad/core/conf"
	"github.com/mtad/mtad/core/conf/conftest"
	"github.com/mtad/mtad/core/privsep"
	"github.com/mtad/mtad/core/tlskeys"
)

// policyOf is the policy of a configuration, made as if nobody were mail_owner. Its directory is this
// test's, so it must not be nobody who runs it.
func policyOf(t *testing.T, mainCF, masterCF string) *Policy {
	t.Helper()
	if u, err := user.Current(); err != nil || u.Username == "nobody" {
		t.Skip("needs another user than nobody")
	}
	if _, err := user.Lookup("nobody"); err != nil {
		t.Skip("needs the account nobody")
	}
	dir := conftest.Dir(t, map[string]string{"main.cf": "mail_owner = nobody\nsetgid_group = tty\n" + mainCF, "master.cf": masterCF})
	p, err := NewPolicy(conftest.LoadDir(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

const services = `smtp inet n - n - - smtpd
127.0.0.1:2525 inet n - n - - smtpd
local unix - n n - - local
prog unix - n n - - pipe flags=R user=daemon:bin directory=/var argv=/bin/prog -a ${user} -b
bare unix - n n - - pipe user=daemon argv=/bin/prog
root unix - n n - - pipe user=root argv=/bin/prog
owner unix - n n - - pipe user=nobody argv=/bin/prog
group unix - n n - - pipe user=daemon:root argv=/bin/prog
tty unix - n n - - pipe user=daemon:tty argv=/bin/prog
policy unix - n n - 0 spawn user=daemon argv=/bin/policy --x
`

// outcome is "" for what is allowed.
func outcome(err error) string {
	var refused *privsep.Refused
	switch {
	case err == nil:
		return ""
	case errors.As(err, &refused):
		return refused.Text
	}
	return "failed: " + err.Error()
}

func check(t *testing.T, what string, err error, want string) {
	t.Helper()
	got := outcome(err)
	if (got == "") != (want == "") || !strings.Contains(got, want) {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}

func TestPortsAreThoseOfTheServices(t *testing.T) {
	p := policyOf(t, "admin_address = 127.0.0.1:9100", services)
	for _, c := range []struct{ service, network, address, want string }{
		{"smtp", "tcp", ":25", ""}, {"smtp", "tcp", "192.0.2.1:25", ""}, {"127.0.0.1:2525", "tcp", "127.0.0.1:2525", ""},
		{"admin", "tcp", "127.0.0.1:9100", ""},
		{"smtp", "tcp", ":26", "no service"}, {"smtp", "udp", ":25", "no address"}, {"smtp", "unix", "/x", "no address"},
		{"127.0.0.1:2525", "tcp", "0.0.0.0:2525", "no service"}, {"other", "tcp", ":25", "no service"},
	} {
		check(t, c.service+" "+c.address, p.listen(c.service, c.network, c.address), c.want)
	}
}

func TestCommandsAreThoseOfTheServices(t *testing.T) {
	p := policyOf(t, "export_environment = MAIL_CONFIG", services)
	for _, c := range []struct {
		service string
		argv    []string
		want    string
	}{
		{"prog", []string{"/bin/prog", "-a", "jo", "-b"}, ""}, {"bare", []string{"/bin/prog"}, ""}, {"policy/unix", []string{"/bin/policy", "--x"}, ""},
		{"policy/unix", []string{"/bin/policy", "--x", "--y"}, "another command"}, {"policy/unix", []string{"/bin/policy"}, "another command"}, {"policy", []string{"/bin/policy"}, "no command of the service"},
		{"prog", []string{"/bin/prog"}, "another command"}, {"prog", []string{"/bin/sh", "-a"}, "another command"},
		{"prog", []string{"/bin/prog", "-c", "x"}, "another command"}, {"none", []string{"/bin/prog"}, "no command of the service"},
		{"local", []string{"/bin/prog"}, "no command of the service"}, {"root", []string{"/bin/prog"}, "root privileges"},
		{"owner", []string{"/bin/prog"}, "mail system owner"}, {"group", []string{"/bin/prog"}, "root privileges"}, {"tty", []string{"/bin/prog"}, "submission group"},
	} {
		cmd, err := p.command(&request{kind: byService, service: c.service, argv: c.argv, env: []string{"LD_PRELOAD=/x"}, uid: 0, gid: 0, directory: "/root"})
		check(t, c.service+" "+strings.Join(c.argv, " "), err, c.want)
		if err != nil {
			continue
		}
		for _, pair := range cmd.Env {
			if strings.HasPrefix(pair, "LD_PRELOAD") {
				t.Errorf("%s has the worker's environment: %q", c.service, cmd.Env)
			}
		}
		if cmd.Rights.UID == 0 || len(cmd.Rights.Groups) != 1 || cmd.Directory == "/root" {
			t.Errorf("%s runs as %+v in %s", c.service, cmd.Rights, cmd.Directory)
		}
	}
}

func TestLocalCommandsRunWhereTheConfigurationAsksForThem(t *testing.T) {
	for _, c := range []struct {
		main, master string
		kind         int64
		account      string
		env          string
		want         string
	}{
		{"", services, byAlias, "daemon", "A=b", ""}, {"", services, byForward, "daemon", "A=b", ""},
		{"", services, byInclude, "daemon", "A=b", "no command of this kind"}, {"allow_mail_to_commands =", services, byAlias, "daemon", "A=b", "no command of this kind"},
		{"", services, byMailboxCommand, "daemon", "A=b", "no command of this kind"}, {"mailbox_command = /bin/x", services, byMailboxCommand, "daemon", "A=b", ""},
		{"", services, 0, "daemon", "A=b", "no command of this kind"}, {"", services, 99, "daemon", "A=b", "no command of this kind"},
		{"", strings.ReplaceAll(services, "- local\n", "- error\n"), byAlias, "daemon", "A=b", "no local service"},
		{"", services, byAlias, "root", "A=b", "root privileges"}, {"", services, byAlias, "nobody", "A=b", "mail system owner"},
		{"", services, byAlias, "no-such-user-of-mtad", "A=b", "unknown user"}, {"", services, byAlias, "daemon", "A", "no environment variable"},
	} {
		p := policyOf(t, c.main, c.master)
		uid, gid := 1, 1
		if u, err := user.Lookup(c.account); err == nil {
			uid, _ = strconv.Atoi(u.Uid)
			gid, _ = strconv.Atoi(u.Gid)
		}
		_, err := p.command(&request{kind: c.kind, account: c.account, uid: uid, gid: gid, argv: []string{"/bin/sh", "-c", "x"}, env: []string{c.env}})
		check(t, c.main+" "+c.account, err, c.want)
	}
	_, err := policyOf(t, "", services).command(&request{kind: byAlias, account: "daemon", uid: 54321, gid: 1, argv: []string{"/bin/sh"}})
	check(t, "an account with another uid", err, "is not uid 54321")
}

func TestDeliverersWriteWhereMailGoes(t *testing.T) {
	spool := t.TempDir()
	p := policyOf(t, "virtual_mailbox_base = /srv/mail/\nmail_spool_directory = "+spool+"/\nvirtual_minimum_uid = 500\nallow_mail_to_files =", services)
	d, err := user.Lookup("daemon")
	if err != nil {
		t.Skip("needs the account daemon")
	}
	uid, _ := strconv.Atoi(d.Uid)
	gid, _ := strconv.Atoi(d.Gid)
	for _, c := range []struct {
		place    privsep.Place
		account  string
		uid, gid int
		dir      string
		want     string
	}{
		{privsep.Virtual, "", 500, 500, "/srv/mail", ""}, {privsep.Virtual, "", 499, 500, "/srv/mail", "virtual_minimum_uid"},
		{privsep.Virtual, "", 500, 0, "/srv/mail", "root privileges"}, {privsep.Virtual, "", p.ownerUID, 500, "/srv/mail", "mail system owner"},
		{privsep.Virtual, "", 500, p.ownerGID, "/srv/mail", "group of the mail system owner"}, {privsep.Virtual, "", 500, p.submissionGID, "/srv/mail", "submission group"},
		{privsep.Virtual, "", 500, 500, "/srv/mail/x", "not virtual_mailbox_base"}, {privsep.Virtual, "", 500, 500, "/srv/mail/../..", "no clean"},
		{privsep.Virtual, "", 1 << 40, 500, "/srv/mail", "none"}, {privsep.Virtual, "", -1, -1, "/srv/mail", "virtual_minimum_uid"},
		{privsep.Spool, "daemon", uid, gid, spool, ""}, {privsep.Spool, "daemon", uid, gid, "/etc", "not where mail"},
		{privsep.Spool, "root", 0, 0, spool, "root privileges"}, {privsep.Spool, "", uid, gid, spool, "unknown user"},
		{privsep.Home, "daemon", uid, gid, d.HomeDir, ""}, {privsep.Home, "daemon", uid, gid, "/home", "not where mail"},
		{privsep.AnyFile, "daemon", uid, gid, "/srv", "not where mail"}, {99, "daemon", uid, gid, d.HomeDir, "not where mail"},
	} {
		_, err := p.deliverer(c.place, c.account, c.uid, c.gid, c.dir)
		check(t, c.account+" "+c.dir, err, c.want)
	}
	if _, err := policyOf(t, "allow_mail_to_files =", services).deliverer(privsep.Included, "daemon", uid, gid, "/srv"); err != nil {
		t.Error(err) // an :include: file is read whatever may be written
	}
	if _, err := policyOf(t, "allow_mail_to_files = alias", services).deliverer(privsep.AnyFile, "daemon", uid, gid, "/srv"); err != nil {
		t.Errorf("a file of an alias: %v", err)
	}
}

// Keys are those that the configuration names, whatever file the worker would like to see.
func TestKeysAreThoseOfTheConfiguration(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"cert", "key", "other"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("no PEM, but secret"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p := policyOf(t, "smtpd_tls_cert_file = "+dir+"/cert\nsmtpd_tls_key_file = "+dir+"/key", services)
	g := &Parent{}
	_, err := g.keyPair(p, dir+"/cert", dir+"/other")
	check(t, "another key", err, "the configuration has no certificate")
	_, err = g.keyPair(p, dir+"/cert", dir+"/key")
	check(t, "a file that is no key", err, "are no certificate and its key")
	if strings.Contains(err.Error(), "secret") {
		t.Errorf("the file is quoted: %v", err)
	}
	for _, m := range []*privsep.Message{
		{Integers: []int64{5, -1}, Texts: []string{dir + "/other", "", strings.Repeat("x", 32)}},
		{Integers: []int64{5, -1}, Texts: []string{dir + "/key", "", strings.Repeat("x", 32)}},
	} {
		if _, err := g.sign(p, m); outcome(err) == "" {
			t.Errorf("signed with %s", m.Texts[0])
		}
	}
}

// TLS 1.0 and 1.1 sign MD5 and SHA-1 in one.
func TestDigestsOfOldProtocolsAreSigned(t *testing.T) {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	p, digest := policyOf(t, "smtpd_tls_cert_file = "+file, services), strings.Repeat("x", 36)
	signature, err := (&Parent{}).sign(p, &privsep.Message{Integers: []int64{int64(crypto.MD5SHA1), -1}, Texts: []string{file, tlskeys.Print(private.Public()), digest}})
	if err != nil {
		t.Fatal(err)
	}
	if err := rsa.VerifyPKCS1v15(&private.PublicKey, crypto.MD5SHA1, []byte(digest), []byte(signature)); err != nil {
		t.Error(err)
	}
}

func TestAConfigurationThatOthersMayWriteIsRefused(t *testing.T) {
	p := policyOf(t, "", services)
	c := p.c
	if err := os.Chmod(filepath.Join(c.Dir(), "master.cf"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := NewPolicy(c); err == nil || !strings.Contains(err.Error(), "master.cf may be written by anybody") {
		t.Errorf("got %v", err)
	}
	g := &Parent{o: Options{Load: func() (*conf.Config, error) { return c, nil }}}
	g.policy.Store(p)
	if err := g.reload(); outcome(err) == "" || g.policy.Load() != p {
		t.Errorf("a reload took it: %v", err)
	}
}

// An answer carries so many certificates and no more: what is over is refused, and the channel stays.
func TestMoreCertificatesThanAnAnswerCarriesAreRefused(t *testing.T) {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "chain")
	text := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(private)})
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	p := policyOf(t, "smtpd_tls_chain_files = "+file, services)
	for n, want := range map[int]string{62: "", 63: "too many certificates"} {
		if err := os.WriteFile(file, append(text, bytes.Repeat(cert, n)...), 0o600); err != nil {
			t.Fatal(err)
		}
		texts, err := (&Parent{}).keyChains(p, []string{file})
		check(t, fmt.Sprint(n, " certificates"), err, want)
		m := &privsep.Message{Op: privsep.Answer, Integers: []int64{0, 0}, Texts: texts}
		if _, err := m.Append(nil); err != nil {
			t.Error(err)
		}
	}
}
