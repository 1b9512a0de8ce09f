package master_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// ownDomain lets a daemon deliver mail for example.test into Maildirs below its folder.
func (d *daemon) ownDomain(users ...string) {
	var table strings.Builder
	for _, u := range users {
		fmt.Fprintf(&table, "%s@example.test %s/\n", u, u)
	}
	d.write("mailboxes", table.String())
}

// ownDomainLines is the main.cf of ownDomain.
var ownDomainLines = []string{
	"virtual_mailbox_domains = example.test",
	"virtual_mailbox_base = $config_directory/mail",
	"virtual_mailbox_maps = texthash:$config_directory/mailboxes",
	"virtual_uid_maps = static:1000", "virtual_gid_maps = static:1000",
}

// startOwnDomain starts a daemon that has mailboxes for users.
func startOwnDomain(t testing.TB, users []string, lines ...string) *daemon {
	t.Helper()
	d := newDaemon(t, append(ownDomainLines, lines...)...)
	d.ownDomain(users...)
	d.run()
	return d
}

func TestAStrangerCannotRelayAndAClientOfOursCan(t *testing.T) {
	for _, c := range []struct{ name, networks, want string }{
		{"a stranger", "10.9.8.0/24", "454 4.7.1 "},
		{"a client of mynetworks", "127.0.0.1/32", "250 2.1.5 Ok"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := start(t, "mynetworks = "+c.networks, "relay_domains = ours.test", "relayhost = [127.0.0.1]:9")
			cl := d.hello()
			cl.do("MAIL FROM:<a@sender.test>", "250")
			cl.do("RCPT TO:<b@elsewhere.test>", c.want)
			cl.do("RCPT TO:<b@ours.test>", "250 2.1.5 Ok")
			// A route in the local part leads elsewhere, by way of a site that we relay to.
			cl.do("RCPT TO:<b%elsewhere.test@ours.test>", c.want)
			cl.do("RCPT TO:<elsewhere.test!b@ours.test>", c.want)
			cl.do("RCPT TO:<\"b@elsewhere.test\"@ours.test>", c.want)
		})
	}
}

// Postfix's dict_open makes a surrogate of a table that is not there.
func TestATableThatIsNotThereDefersWhatAsksIt(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "access")
	lines := append([]string{"smtpd_recipient_restrictions = check_sender_access texthash:" + missing + ", reject_unauth_destination",
		"header_checks = regexp:" + missing + ".checks"}, ownDomainLines...)
	d := newDaemon(t, lines...)
	d.ownDomain("alice")
	d.run()
	d.log.wait(t, "error: table texthash:.*no such file or directory; what asks it is deferred until it can be opened")
	c := d.hello()
	c.do("MAIL FROM:<a@sender.test>", "250")
	c.do("RCPT TO:<alice@example.test>", "451 4.3.5 ")
	for _, file := range []string{missing, missing + ".checks"} {
		if err := os.WriteFile(file, []byte("/no/ DUNNO\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	d.signal(syscall.SIGHUP)
	d.log.wait(t, "reload -- version")
	c = d.hello()
	c.do("MAIL FROM:<a@sender.test>", "250")
	c.do("RCPT TO:<alice@example.test>", "250")
	c.do("QUIT", "221")
	d.post("a@sender.test", "alice@example.test", []byte("Subject: x\r\n\r\nx\r\n"))
}

func TestAServerWithoutRulesDefersRecipientsAndStopsNobodyElse(t *testing.T) {
	d := startOwnDomain(t, []string{"alice"}, "smtpd_relay_restrictions = permit_mynetworks")
	d.log.wait(t, "error: .*specify at least one of: reject_unauth_destination.*; until then every recipient is deferred")
	c := d.hello()
	c.do("MAIL FROM:<a@sender.test>", "250")
	c.do("RCPT TO:<alice@example.test>", "450 4.3.2 <alice@example.test>: Recipient address rejected: Try again later")
}

func TestWhoIsKnownIsAcceptedAndOthersAreNot(t *testing.T) {
	d := startOwnDomain(t, []string{"alice", "postmaster"}, "mynetworks = 10.9.8.0/24", "smtpd_relay_restrictions = reject_unauth_destination",
		"mydestination = mail.mtad.test", "local_recipient_maps = inline:{postmaster=x}", "local_transport = discard")
	c := d.hello()
	c.do("MAIL FROM:<a@sender.test>", "250 2.1.0 Ok")
	c.do("RCPT TO:<nobody@example.test>", "550 5.1.1 <nobody@example.test>: Recipient address rejected: User unknown in virtual mailbox table")
	c.do("RCPT TO:<alice@example.test>", "250 2.1.5 Ok")
	c.do("RCPT TO:<ALICE@EXAMPLE.TEST>", "250 2.1.5 Ok")
	c.do("RCPT TO:<postmaster@example.test>", "250 2.1.5 Ok")
	c.do("RCPT TO:<Postmaster>", "250 2.1.5 Ok")
	c.do("RCPT TO:<nobody@mail.mtad.test>", "550 5.1.1 <nobody@mail.mtad.test>: Recipient address rejected: User unknown in local recipient table")
	c.do("RCPT TO:<b@elsewhere.test>", "554 5.7.1 <b@elsewhere.test>: Relay access denied")
	d.log.wait(t, `NOQUEUE: reject: RCPT from unknown\[127\.0\.0\.1\]: 550 5\.1\.1 <nobody@example\.test>: Recipient address rejected: User unknown in virtual mailbox table; from=<a@sender\.test> to=<nobody@example\.test> proto=ESMTP helo=<client\.test>`)
}

func TestSizeAndRecipientLimits(t *testing.T) {
	s := newSink(t)
	d := start(t, "relayhost = "+s.nexthop(), "message_size_limit = 5000", "smtpd_recipient_limit = 3", "smtpd_recipient_overshoot_limit = 2")
	c := d.dial()
	if got := c.do("EHLO client.test", "250"); !strings.Contains(got, "250-SIZE 5000\r\n") {
		t.Errorf("EHLO's reply does not name the limit: %q", got)
	}
	c.do("MAIL FROM:<a@sender.test> SIZE=5001", "552 5.3.4")
	c.do("MAIL FROM:<a@sender.test> SIZE=5000", "250")
	for i := range 3 {
		c.do(fmt.Sprintf("RCPT TO:<r%d@rcpt.test>", i), "250")
	}
	c.do("RCPT TO:<r3@rcpt.test>", "452 4.5.3")
	c.do("DATA", "354")
	c.send(stuffed(bytes.Repeat([]byte("0123456789012345678901234567890123456789012345678\r\n"), 200)))
	c.expect("552 5.3.4")
	if got := c.mail("a@sender.test", "r0@rcpt.test r1@rcpt.test r2@rcpt.test", []byte("Subject: small\r\n\r\n")); !strings.HasPrefix(got, "250 2.0.0") {
		t.Errorf("a small message got %q", got)
	}
	if got := s.wait(t, 1); len(got) != 1 || len(got[0].to) != 3 {
		t.Errorf("the sink got %d messages, the first to %v", len(got), got[0].to)
	}
}
