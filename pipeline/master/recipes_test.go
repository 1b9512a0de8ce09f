package master_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mtad/mtad/core/porttest"
	"github.com/mtad/mtad/core/smtp/smtptest"
)

// recipe runs a directory of configs/ on loopback: names of other hosts are replaced, and lines come
// last in main.cf. It listens at d.addr, unless it has a master.cf of its own.
func recipe(t *testing.T, name string, replace []string, lines ...string) *daemon {
	t.Helper()
	d := newDaemon(t)
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("../../configs/" + name + "/*")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files of %s: %v", name, err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		d.write(filepath.Base(f), strings.NewReplacer(replace...).Replace(string(text)))
	}
	main, err := os.ReadFile(filepath.Join(d.dir, "main.cf"))
	if err != nil {
		t.Fatal(err)
	}
	d.write("main.cf", string(main)+strings.Join(append([]string{"queue_directory = $config_directory/queue", "data_directory = $config_directory/data",
		"maillog_file = /dev/stderr", "mail_owner = " + me.Username, "inet_interfaces = 127.0.0.1", "inet_protocols = ipv4", "alias_maps =",
		"smtpd_peername_lookup = no", "smtp_dns_support_level = disabled"}, lines...), "\n")+"\n")
	d.run()
	return d
}

// at is a next hop on loopback as transport tables name it.
func (d *daemon) at() string {
	host, port, _ := net.SplitHostPort(d.addr)
	return "[" + host + "]:" + port
}

var note = []byte("From: a@sender.example\r\nSubject: a note\r\n\r\nhello\r\n")

// Rows M01 to M04: the world's mail goes through the gateway to the host inside, and who is not known
// there is refused at the gateway.
func TestRecipeInboundGateway(t *testing.T) {
	inner := startOwnDomain(t, []string{"alice"}, "virtual_mailbox_domains = lab1.example.com", "virtual_mailbox_maps = inline:{alice@lab1.example.com=alice/}")
	gateway := recipe(t, "inbound-gateway", []string{"[mail.lab1.example.com]", inner.at()}, "smtpd_sender_restrictions = reject_non_fqdn_sender")
	world := start(t, "relayhost = "+gateway.at())
	world.post("a@sender.example", "alice@lab1.example.com", note)
	inner.log.wait(t, `to=<alice@lab1.example.com>.*status=sent`)
	if got := inner.maildir("alice"); len(got) != 1 || bytes.Count(got[0], []byte("Received: from ")) != 3 {
		t.Errorf("the mailbox has %q", got)
	}
	stranger := gateway.hello()
	stranger.do("MAIL FROM:<a@sender.example>", "250")
	stranger.do("RCPT TO:<nobody@lab1.example.com>", "550 5.1.1 <nobody@lab1.example.com>: Recipient address rejected: User unknown in relay recipient table")
	stranger.do("RCPT TO:<alice@elsewhere.example>", "554 5.7.1 <alice@elsewhere.example>: Relay access denied")
	stranger.do("RCPT TO:<root>", "554 5.7.1 ")
}

// Rows M05 and M06: a machine of the site hands everything to the way out, which hides its name and
// sends to the world; a stranger may not.
func TestRecipeOutboundGatewayAndSatellite(t *testing.T) {
	world := newSink(t)
	out := recipe(t, "outbound-gateway", nil, "relayhost = "+world.nexthop())
	satellite := recipe(t, "satellite", []string{"[out.example.com]", out.at()})
	satellite.post("alice@satellite.example.com", "b@elsewhere.example", note)
	if m := world.wait(t, 1)[0]; m.from != "<alice@example.com>" || fmt.Sprint(m.to) != "[<b@elsewhere.example>]" {
		t.Errorf("the world got %s, %s", m.from, m.to)
	}
	closed := recipe(t, "outbound-gateway", nil, "relayhost = "+world.nexthop(), "mynetworks = 10.1.0.0/16")
	stranger := closed.hello()
	stranger.do("MAIL FROM:<alice@example.com>", "250")
	stranger.do("RCPT TO:<b@elsewhere.example>", "554 5.7.1 <b@elsewhere.example>: Recipient address rejected: Access denied")
}

// Rows M08 and M09: the same name in two domains is the same mailbox.
func TestRecipeSharedDomain(t *testing.T) {
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	d := recipe(t, "shared-domain", []string{"/var/mail/", "$config_directory/mail/"})
	d.post("a@sender.example", me.Username+"@abc.example", note)
	d.post("a@sender.example", me.Username+"@xyz.example", note)
	d.log.waitCount(t, `relay=local.*status=sent`, 2)
	if got := d.maildir(me.Username); len(got) != 2 {
		t.Errorf("the mailbox has %d messages", len(got))
	}
	c := d.hello()
	c.do("MAIL FROM:<a@sender.example>", "250")
	c.do("RCPT TO:<no-such-user@xyz.example>", "550 5.1.1 <no-such-user@xyz.example>: Recipient address rejected: User unknown in local recipient table")
}

// Row M10: the same name in two domains is two people.
func TestRecipeVirtualAliasHosting(t *testing.T) {
	accounts, elsewhere := newLMTPSink(t), newSink(t)
	d := recipe(t, "virtual-alias-hosting", nil, "local_recipient_maps = inline:{andy=x, jack=x}", "relayhost = "+elsewhere.nexthop(),
		"local_transport = lmtp:unix:"+accounts.addr)
	d.post("a@sender.example", "ceo@abc.example", note)
	d.post("a@sender.example", "CEO@xyz.example", note)
	d.post("a@sender.example", "sales@abc.example", note)
	var to []string
	for _, m := range accounts.wait(t, 3) {
		to = append(to, m.to...)
	}
	if all := fmt.Sprint(to); strings.Count(all, "andy@mail.example.com") != 2 || strings.Count(all, "jack@mail.example.com") != 1 {
		t.Errorf("the accounts got %s", all)
	}
	if m := elsewhere.wait(t, 1)[0]; fmt.Sprint(m.to) != "[<mary@elsewhere.example>]" {
		t.Errorf("elsewhere got %s", m.to)
	}
	c := d.hello()
	c.do("MAIL FROM:<a@sender.example>", "250")
	c.do("RCPT TO:<andy@abc.example>", "550 5.1.1 <andy@abc.example>: Recipient address rejected: User unknown in virtual alias table")
}

// Rows M12 to M14: an mbox and a Maildir below one directory, and nobody else.
func TestRecipeVirtualMailboxHosting(t *testing.T) {
	d := recipe(t, "virtual-mailbox-hosting", []string{"/var/vmail", "$config_directory/mail"})
	d.post("a@sender.example", "CEO@abc.example", note)
	d.post("a@sender.example", "postmaster@xyz.example", note)
	d.log.waitCount(t, `relay=virtual.*status=sent`, 2)
	mbox, err := os.ReadFile(filepath.Join(d.dir, "mail/abc.example/ceo"))
	if err != nil || !bytes.HasPrefix(mbox, []byte("From a@sender.example ")) {
		t.Errorf("the mbox has %q, %v", mbox, err)
	}
	if got := d.maildir("xyz.example/ceo"); len(got) != 1 {
		t.Errorf("the Maildir has %d messages", len(got))
	}
	c := d.hello()
	c.do("MAIL FROM:<a@sender.example>", "250")
	c.do("RCPT TO:<nobody@xyz.example>", "550 5.1.1 <nobody@xyz.example>: Recipient address rejected: User unknown in virtual mailbox table")
}

// Row M07, and what item -o of several smtpd services is for: users send on 587 after STARTTLS and on
// 465, each by rules of its own, once they have said their password; port 25 relays for nobody. The
// password is "secret"; a file of hashes stands for Dovecot.
func TestRecipeSubmissionServer(t *testing.T) {
	world := newSink(t)
	cert, pool := smtptest.Certificate(t)
	submission, submissions := porttest.Addr(t), porttest.Addr(t)
	listen := porttest.Addr(t)
	d := recipe(t, "submission-server", []string{"smtp         inet", listen + " inet", "submission   inet", submission + " inet", "submissions  inet", submissions + " inet",
		"$config_directory/chain.pem", "$config_directory/../chain.pem"}, "smtpd_tls_chain_files = "+chainFile(t, cert),
		"relayhost = "+world.nexthop(), "smtpd_recipient_restrictions =", "smtpd_sasl_type = passwd", "smtpd_sasl_path = inline:{ alice=$$5$$abcdefgh$$gruCpC7VkOTspMQTTSAR8mtlO9Upms.fwqE5y16JVM. }")
	const login = "AUTH PLAIN AGFsaWNlAHNlY3JldA=="
	trust := &tls.Config{RootCAs: pool, ServerName: "localhost"}

	d.addr = listen
	c := d.hello()
	c.do("MAIL FROM:<alice@example.com>", "250")
	c.do("RCPT TO:<b@elsewhere.example>", "554 5.7.1 <b@elsewhere.example>: Relay access denied")
	c.do("RCPT TO:<alice@example.com>", "250")
	c.do("RSET", "250")
	c.do(login, "503 5.5.1 Error: authentication not enabled")

	d.addr = submission
	plain := d.connect()
	plain.expect("220 mail.example.com ESMTP submission")
	if got := plain.do("EHLO client.test", "250"); strings.Contains(got, "AUTH") {
		t.Errorf("a password is asked for without TLS: %s", got)
	}
	plain.do("MAIL FROM:<alice@example.com>", "530 5.7.0 ")
	plain.do("STARTTLS", "220")
	secret := tls.Client(plain.c, trust)
	c = &client{t: t, c: secret, r: newReader(secret)}
	if got := c.do("EHLO client.test", "250"); !strings.Contains(got, "AUTH PLAIN LOGIN") {
		t.Errorf("offered: %s", got)
	}
	c.do("MAIL FROM:<alice@example.com>", "250")
	c.do("RCPT TO:<b@elsewhere.example>", "554 5.7.1 ")
	c.do("RSET", "250")
	c.do(login, "235 2.7.0 Authentication successful")
	if got := c.mail("alice@example.com", "b@elsewhere.example", note); !strings.HasPrefix(got, "250 2.0.0 Ok: queued as") {
		t.Error(got)
	}

	raw, err := net.Dial("tcp", submissions)
	if err != nil {
		t.Fatal(err)
	}
	wrapped := tls.Client(raw, trust)
	t.Cleanup(func() { _ = wrapped.Close() })
	c = &client{t: t, c: wrapped, r: newReader(wrapped)}
	c.expect("220 mail.example.com ESMTP")
	c.do("EHLO client.test", "250")
	c.do("MAIL FROM:<alice@example.com>", "250")
	c.do("RCPT TO:<c@elsewhere.example>", "554 5.7.1 ")
	c.do("RSET", "250")
	c.do(login, "235 2.7.0 Authentication successful")
	c.do("MAIL FROM:<alice@example.com>", "250")
	c.do("RCPT TO:<c@elsewhere.example>", "250")
	if m := world.wait(t, 1)[0]; fmt.Sprint(m.to) != "[<b@elsewhere.example>]" {
		t.Errorf("the world got %s", m.to)
	}
	d.log.wait(t, `postfix/submission/smtpd.*: client=.*, sasl_method=PLAIN, sasl_username=alice`)
}

// chainFile writes a key and its certificate into one file.
func chainFile(t *testing.T, cert tls.Certificate) string {
	t.Helper()
	key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	text := append(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}),
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Certificate[0]})...)
	path := filepath.Join(t.TempDir(), "chain.pem")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
