package master_test

import (
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/mtad/mtad/core/sasl/dovecot/dovecottest"
)

// fail2ban's stock postfix-sasl filter looks for this.
const fail2banSASL = `warning: [-._\w]+\[127\.0\.0\.1\]: SASL (?i:LOGIN|PLAIN|(?:CRAM|DIGEST)-MD5) authentication failed:`

// Row H02: who logs in may relay, by whatever mechanism of Dovecot's; nobody else may.
func TestRealDovecotSaysWhoMaySend(t *testing.T) {
	swaks := need(t, "swaks", "swaks")
	s := newSink(t)
	d := start(t, "relayhost = "+s.nexthop(), "mynetworks = 192.0.2.0/24", "smtpd_error_sleep_time = 0",
		"smtpd_sasl_auth_enable = yes", "smtpd_sasl_type = dovecot", "smtpd_sasl_path = "+dovecottest.Start(t, "alice@example.com:{PLAIN}secret"),
		"smtpd_sasl_authenticated_header = yes", "smtpd_relay_restrictions = permit_sasl_authenticated, reject_unauth_destination")
	host, port, _ := net.SplitHostPort(d.addr)
	try := func(args ...string) string {
		return commandOutput(swaks, append([]string{"--server", host, "--port", port, "--helo", "client.test",
			"--from", "alice@example.com", "--to", "b@rcpt.test"}, args...)...)
	}
	for i, mechanism := range []string{"PLAIN", "LOGIN"} {
		out := try("--auth", mechanism, "--auth-user", "alice@example.com", "--auth-password", "secret")
		if !strings.Contains(out, "235 2.7.0 Authentication successful") || !strings.Contains(out, "250 2.0.0 Ok: queued as") {
			t.Errorf("%s:\n%s", mechanism, out)
		}
		d.log.waitCount(t, `: client=\S+, sasl_method=`+mechanism+`, sasl_username=alice@example\.com`, 1)
		if text := string(s.wait(t, i+1)[i].text); !strings.Contains(text, "(Authenticated sender: alice@example.com)") || !strings.Contains(text, "with ESMTPA id ") {
			t.Errorf("%s: it left as\n%s", mechanism, text)
		}
	}
	if out := try("--auth", "PLAIN", "--auth-user", "alice@example.com", "--auth-password", "wrong"); !strings.Contains(out, "535 5.7.8 Error: authentication failed: ") {
		t.Errorf("a wrong password:\n%s", out)
	}
	d.log.wait(t, fail2banSASL)
	if out := try(); !strings.Contains(out, "554 5.7.1 <b@rcpt.test>: Relay access denied") {
		t.Errorf("without a password:\n%s", out)
	}
}

func TestWithoutTheServerOfPasswordsNobodyIsCalledWrong(t *testing.T) {
	d := start(t, "smtpd_sasl_auth_enable = yes", "smtpd_sasl_type = dovecot")
	c := d.connect()
	c.expect("220 ")
	if got := c.do("EHLO client.test", "250"); strings.Contains(got, "AUTH") {
		t.Errorf("AUTH is offered: %s", got)
	}
	d.log.wait(t, `warning: no SASL authentication mechanisms: `)
	c.do("AUTH PLAIN AGEAYg==", "454 4.7.0 Temporary authentication failure: ")
}

func TestAuthIsOfferedWhereItMayBe(t *testing.T) {
	socket := dovecottest.Start(t, "alice:{PLAIN}secret")
	d := start(t, "smtpd_sasl_auth_enable = yes", "smtpd_sasl_type = dovecot", "smtpd_sasl_path = unix:"+socket,
		"smtpd_sasl_security_options = noanonymous, noplaintext", "broken_sasl_auth_clients = yes",
		"smtpd_sasl_mechanism_filter = !scram-sha-256, static:rest", "smtpd_client_auth_rate_limit = 3", "smtpd_client_event_limit_exceptions =", "smtpd_error_sleep_time = 0")
	offer := func(d *daemon) string {
		c := d.connect()
		c.expect("220 ")
		return strings.Join(regexp.MustCompile(`AUTH.*`).FindAllString(c.do("EHLO client.test", "250"), -1), "|")
	}
	if got := strings.ReplaceAll(offer(d), "\r", ""); got != "AUTH CRAM-MD5|AUTH=CRAM-MD5" {
		t.Errorf("offered: %q", got)
	}
	c := d.connect()
	c.expect("220 ")
	c.do("EHLO client.test", "250")
	c.do("AUTH PLAIN AGEAYg==", "535 5.7.8 Error: authentication failed: Invalid authentication mechanism")
	c.do("AUTH CRAM-MD5", "334 ")
	c.do("*", "501 5.7.0 Authentication aborted")
	d.log.wait(t, `warning: \S+\[127\.0\.0\.1\]: SASL CRAM-MD5 authentication aborted`)
	c.do("AUTH CRAM-MD5", "334 ")
	c.do("!", "501 5.5.2 ")
	c.do("AUTH CRAM-MD5", "450 4.7.1 Error: too many AUTH commands from 127.0.0.1")
	d.log.wait(t, `warning: AUTH command rate limit exceeded: 4 from \S+\[127\.0\.0\.1\] for service smtpd`)

	d.configure("smtpd_sasl_auth_enable = yes", "smtpd_sasl_type = dovecot", "smtpd_sasl_path = "+socket, "smtpd_sasl_exceptions_networks = !192.0.2.1, 127.0.0.0/8")
	mark := d.log.mark()
	d.signal(syscall.SIGHUP)
	d.log.waitAfter(t, mark, `reload(ed)?`, d.gone)
	if got := offer(d); got != "" {
		t.Errorf("a client without AUTH is offered %q", got)
	}
	d.configure("smtpd_sasl_auth_enable = yes", "smtpd_sasl_type = dovecot", "smtpd_sasl_path = "+socket, "smtpd_tls_auth_only = yes")
	mark = d.log.mark()
	d.signal(syscall.SIGHUP)
	d.log.waitAfter(t, mark, `reload(ed)?`, d.gone)
	if got := offer(d); got != "" {
		t.Errorf("without TLS is offered %q", got)
	}
	c = d.connect()
	c.expect("220 ")
	c.do("EHLO client.test", "250")
	c.do("AUTH PLAIN AGEAYg==", "538 5.7.0 Encryption required for requested authentication mechanism")
}

// A site without Dovecot: users and hashes of passwords in a file, or saslauthd. The hash is of
// "secret", by openssl passwd.
func TestASiteWithoutDovecotHasPasswordsToo(t *testing.T) {
	s := newSink(t)
	d := newDaemon(t, "relayhost = "+s.nexthop(), "mynetworks = 192.0.2.0/24", "smtpd_error_sleep_time = 0", "smtpd_sasl_local_domain = example.com",
		"smtpd_sasl_auth_enable = yes", "smtpd_sasl_type = passwd", "smtpd_sasl_path = $config_directory/passwords",
		"smtpd_relay_restrictions = permit_sasl_authenticated, reject_unauth_destination", "cyrus_sasl_config_path = $config_directory/sasl")
	d.write("passwords", "alice@example.com $5$abcdefgh$gruCpC7VkOTspMQTTSAR8mtlO9Upms.fwqE5y16JVM.\n")
	d.write("sasl/smtpd.conf", "pwcheck_method: saslauthd\nmech_list: PLAIN LOGIN CRAM-MD5\nsaslauthd_path: "+filepath.Join(d.dir, "mux")+"\n")
	d.run()
	c := d.connect()
	c.expect("220 ")
	if got := c.do("EHLO client.test", "250"); !strings.Contains(got, "AUTH PLAIN LOGIN") {
		t.Errorf("offered: %s", got)
	}
	c.do("AUTH PLAIN AGFsaWNlAHdyb25n", "535 5.7.8 Error: authentication failed: authentication failure")
	c.do("AUTH SCRAM-SHA-256 biws", "535 5.7.8 Error: authentication failed: Invalid authentication mechanism")
	c.do("AUTH PLAIN AGFsaWNlAHNlY3JldA==", "235 2.7.0 Authentication successful")
	c.do("MAIL FROM:<alice@example.com>", "250")
	c.do("RCPT TO:<b@rcpt.test>", "250")
	d.log.wait(t, fail2banSASL)

	main, err := os.ReadFile(filepath.Join(d.dir, "main.cf"))
	if err != nil {
		t.Fatal(err)
	}
	d.write("main.cf", string(main)+"smtpd_sasl_type = cyrus\nsmtpd_sasl_path = smtpd\n")
	mark := d.log.mark()
	d.signal(syscall.SIGHUP)
	d.log.waitAfter(t, mark, `smtpd\.conf: mech_list: CRAM-MD5: saslauthd can check passwords for PLAIN and LOGIN only`, d.gone)
	d.log.waitAfter(t, mark, `reload(ed)?`, d.gone)
	c = d.connect()
	c.expect("220 ")
	if got := c.do("EHLO client.test", "250"); !strings.Contains(got, "AUTH PLAIN LOGIN") {
		t.Errorf("offered: %s", got)
	}
	c.do("AUTH LOGIN YWxpY2U=", "334 UGFzc3dvcmQ6")
	c.do("c2VjcmV0", "454 4.7.0 Temporary authentication failure: generic failure")
	d.log.wait(t, `warning: SASL: cannot ask saslauthd at `)
}
