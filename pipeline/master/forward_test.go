package master_test

import (
	"strings"
	"testing"
)

// What a filter says of a message's first client is in the log of what comes back from it.
func TestAFilterSaysWhereMailCameFrom(t *testing.T) {
	s := newSink(t)
	d := start(t, "relayhost = "+s.nexthop(), "smtpd_authorized_xforward_hosts = 127.0.0.0/8")
	c := d.dial()
	if got := c.do("EHLO filter.test", "250"); !strings.Contains(got, "250-XFORWARD NAME ADDR PROTO HELO SOURCE PORT IDENT") {
		t.Errorf("not announced: %s", got)
	}
	c.do("XFORWARD", "501 5.5.4 ")
	c.do("XFORWARD NAME", "501 5.5.4 ")
	c.do("XFORWARD ADDR=nowhere", "501 5.5.4 Error: bad ADDR attribute value: nowhere")
	c.do("XFORWARD COLOUR=red", "501 5.5.4 Error: bad COLOUR attribute")
	c.do("XFORWARD NAME=spike.example.test ADDR=IPV6:2001:db8::9 PORT=[UNAVAILABLE]", "250 2.0.0 Ok")
	c.do("XFORWARD PROTO=ESMTP HELO=spike+20x IDENT=4FFFFF SOURCE=REMOTE", "250 2.0.0 Ok")
	if got := c.mail("a@sender.test", "b@far.test", []byte("Subject: x\r\n\r\n")); !strings.HasPrefix(got, "250 2.0.0 Ok: queued as ") {
		t.Fatal(got)
	}
	d.log.wait(t, `: client=unknown\[127\.0\.0\.1\], orig_queue_id=4FFFFF, orig_client=spike\.example\.test\[2001:db8::9\]`)
	mark := d.log.mark()
	c.do("MAIL FROM:<a@sender.test>", "250") // it was for one message
	c.do("XFORWARD NAME=other.test", "503 5.5.1 ")
	c.do("RCPT TO:<b@far.test>", "250")
	d.log.waitAfter(t, mark, `(?m): client=unknown\[127\.0\.0\.1\]$`, nil)
	s.wait(t, 1)
}

func TestNobodyElseSaysWhereMailCameFrom(t *testing.T) {
	d := start(t)
	c := d.dial()
	if got := c.do("EHLO client.test", "250"); strings.Contains(got, "XFORWARD") {
		t.Errorf("announced: %s", got)
	}
	c.do("XFORWARD NAME=spike.example.test", "554 5.7.0 Error: insufficient authorization")
}

// smtpd_authorized_xforward_hosts takes names, where the client's is looked up.
func TestAFilterIsKnownByItsName(t *testing.T) {
	d := start(t, "smtpd_peername_lookup = yes", "smtpd_authorized_xforward_hosts = localhost")
	c := d.dial()
	if got := c.do("EHLO client.test", "250"); !strings.Contains(got, "XFORWARD") {
		t.Errorf("not announced: %s", got)
	}
	c.do("XFORWARD NAME=spike.example.test", "250 2.0.0 Ok")
}
