package master_test

import (
	"strings"
	"testing"
)

func TestRefusalsAreReplaced(t *testing.T) {
	d := newDaemon(t, "mynetworks = 192.0.2.1", "mydestination = x.test", "smtpd_reject_filter_maps = pcre:$config_directory/replies", "smtpd_reject_footer = \\c -- help",
		"smtpd_recipient_restrictions = check_recipient_access inline:{ {odd@x.test = REJECT odd}, {wrong@x.test = REJECT wrong}, {later@x.test = DEFER not now} }, reject_unauth_destination",
		"smtpd_client_restrictions = check_client_access inline:{ {192.0.2.1 = REJECT} }")
	d.write("replies", `/^454 4\.7\.1 (.*Relay access denied.*)/ 550 5.7.26 no relaying: $1
/odd/ 450 4.3.2 come back
/wrong/ 250 2.0.0 welcome
/command not recognized/ 599 what?
`)
	d.run()
	c := d.hello()
	c.do("MAIL FROM:<a@x.test>", "250")
	c.do("RCPT TO:<u@far.test>", "550 5.7.26 no relaying: <u@far.test>: Relay access denied -- help")
	c.do("RCPT TO:<odd@x.test>", "450 4.3.2 come back -- help")
	c.do("RCPT TO:<wrong@x.test>", "554 5.7.1 <wrong@x.test>: Recipient address rejected: wrong -- help")
	c.do("RCPT TO:<later@x.test>", "450 4.7.1 <later@x.test>: Recipient address rejected: not now -- help")
	c.do("NOSUCH", "599 what? -- help")
	d.log.wait(t, `warning: smtpd_reject_filter_maps: 250 2\.0\.0 welcome: needs a reply of 4NN or 5NN`)
	d.log.wait(t, `NOQUEUE: reject: RCPT from unknown\[127\.0\.0\.1\]: 454 4\.7\.1 <u@far\.test>: Relay access denied`)
}

func TestClientsAreHiddenInReceived(t *testing.T) {
	s := newSink(t)
	d := start(t, "relayhost = "+s.nexthop(), "smtpd_hide_client_session = yes")
	d.post("a@x.test", "b@y.test", []byte("Subject: x\r\n\r\nbody\r\n"))
	text := string(s.wait(t, 1)[0].text)
	if !strings.HasPrefix(text, "Received: by mail.mtad.test (mtad) with ESMTP id ") || strings.Contains(text, "127.0.0.1") {
		t.Errorf("got\n%s", text)
	}
}
