package master_test

import (
	"net"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// The stock filters of fail2ban find in our log what they are made for, and nothing in it of clients that did
// nothing wrong.
func TestFail2banReadsOurLog(t *testing.T) {
	tool := need(t, "fail2ban-regex", "fail2ban")
	const filter = "/etc/fail2ban/filter.d/postfix.conf"
	if _, err := os.Stat(filter); err != nil {
		miss(t, "needs fail2ban's filter postfix.conf: apt-get install fail2ban")
	}
	s := newSink(t)
	d := start(t, "relayhost = "+s.nexthop(), "mynetworks = 127.0.0.1/32", "mydestination = here.test", "local_recipient_maps = inline:{ {u = x} }",
		"smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination", "smtpd_hard_error_limit = 3", "smtpd_error_sleep_time = 0",
		"smtpd_client_restrictions = check_client_access inline:{ {127.0.0.11 = REJECT}, {127.0.0.12 = 554 5.7.1 Service unavailable; Client host [127.0.0.12] blocked using list.test} }",
		"smtpd_helo_restrictions = reject_non_fqdn_helo_hostname", "smtpd_sender_restrictions = reject_non_fqdn_sender, check_sender_access inline:{ {bad.test = 450 4.1.8 Domain not found} }",
		"smtpd_recipient_restrictions = reject_non_fqdn_recipient", "smtpd_data_restrictions = check_client_access inline:{ {127.0.0.18 = REJECT} }",
		"smtpd_recipient_limit = 100")
	d.post("a@good.test", "u@far.test", []byte("Subject: mail of a good client\r\n\r\n"))
	for _, c := range []struct{ client, says string }{
		{"127.0.0.10", "EHLO a.test|MAIL FROM:<a@x.test>|RCPT TO:<u@far.test>|QUIT"},                     // relay denied
		{"127.0.0.11", "EHLO a.test|MAIL FROM:<a@x.test>|RCPT TO:<u@here.test>|QUIT"},                    // the client
		{"127.0.0.12", "EHLO a.test|MAIL FROM:<a@x.test>|RCPT TO:<u@here.test>|QUIT"},                    // a list
		{"127.0.0.13", "EHLO nodots|MAIL FROM:<a@x.test>|RCPT TO:<u@here.test>|QUIT"},                    // HELO
		{"127.0.0.15", "EHLO a.test|MAIL FROM:<a@x.test>|RCPT TO:<nobody@here.test>|QUIT"},               // no such user
		{"127.0.0.16", "EHLO a.test|MAIL FROM:<a@bad.test>|RCPT TO:<u@here.test>|QUIT"},                  // no such domain
		{"127.0.0.18", "EHLO a.test|MAIL FROM:<a@x.test>|RCPT TO:<u@here.test>|DATA|QUIT"},               // DATA
		{"127.0.0.19", "EHLO a.test\r\nMAIL FROM:<a@x.test>"},                                            // pipelining
		{"127.0.0.20", "EHLO a.test|ONE|TWO|THREE"},                                                      // errors
		{"127.0.0.21", "EHLO a.test"},                                                                    // gone
		{"127.0.0.22", "EHLO a.test|MAIL FROM:<a@x.test>|RCPT TO:<u@nodots>|RCPT TO:<u@here.test>|QUIT"}, // the recipient
	} {
		mark := d.log.mark()
		talk(t, d.addr, c.client, strings.Split(c.says, "|"))
		d.log.waitAfter(t, mark, `disconnect from unknown\[`+regexp.QuoteMeta(c.client)+`\]`, nil)
	}
	log := d.write("maillog", d.log.String())
	normal, everything := banned(t, tool, log, filter+"[mode=more]"), banned(t, tool, log, filter+"[mode=aggressive]")
	for _, client := range []string{"10", "11", "12", "13", "15", "16", "18", "19", "20", "22"} {
		if !normal["127.0.0."+client] {
			t.Errorf("127.0.0.%s is not found", client)
		}
	}
	if !everything["127.0.0.21"] || normal["127.0.0.21"] {
		t.Errorf("who goes without a word is found in aggressive mode alone: %v, %v", everything["127.0.0.21"], normal["127.0.0.21"])
	}
	if everything["127.0.0.1"] {
		t.Error("a client that did nothing wrong is found")
	}
	if t.Failed() {
		t.Logf("the log:\n%s", d.log.String())
	}
}

// talk says lines from an address, each after the reply to the one before, and goes.
func talk(t *testing.T, server, address string, lines []string) {
	t.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}, Timeout: patience}
	nc, err := dialer.Dial("tcp", server)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = nc.Close() }()
	c := &client{t: t, c: nc, r: newReader(nc)}
	for _, line := range lines {
		if _, err := c.read(); err != nil {
			return
		}
		if _, err := nc.Write([]byte(line + "\r\n")); err != nil {
			return
		}
	}
	_, _ = c.read() // the last one, or the end
}

// banned runs a filter over a log and returns the addresses that it finds.
func banned(t *testing.T, tool, log, filter string) map[string]bool {
	t.Helper()
	out, err := exec.Command(tool, "-o", "ip", log, filter).CombinedOutput()
	if err != nil {
		t.Fatalf("%v:\n%s", err, out)
	}
	found := map[string]bool{}
	for _, address := range strings.Fields(string(out)) {
		found[address] = true
	}
	return found
}
