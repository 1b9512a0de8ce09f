package master_test

import (
	"bytes"
	"strings"
	"testing"
)

// smtp_discard_ehlo_keyword_address_maps: what a server offers is not used when its address says so.
func TestWhatANextHopOffersIsDiscardedByItsAddress(t *testing.T) {
	s := newSink(t)
	d := start(t, "relayhost = "+s.nexthop(), "smtp_discard_ehlo_keyword_address_maps = inline:{{127.0.0.1=8bitmime, dsn}}", "smtp_discard_ehlo_keywords = size")
	c := d.hello()
	c.do("MAIL FROM:<a@sender.test> BODY=8BITMIME ENVID=abc", "250")
	c.do("RCPT TO:<b@rcpt.test> NOTIFY=NEVER", "250")
	c.do("DATA", "354")
	c.send([]byte("Subject: x\r\n\r\nbody\r\n.\r\n"))
	c.reply()
	m := s.wait(t, 1)[0]
	if strings.Contains(m.from, "BODY") || strings.Contains(m.from, "ENVID") || strings.Contains(m.to[0], "NOTIFY") || !bytes.HasSuffix(m.text, []byte("body\r\n")) {
		t.Errorf("sent %q %q", m.from, m.to)
	}
}

// What a client's lookups cannot be is said at start.
func TestWrongLookupsOfAClientAreErrorsAtStart(t *testing.T) {
	for line, want := range map[string]string{
		"tls_dane_digests = md5\nsmtp_tls_security_level = may": `tls_dane_digests: unknown digest "md5"`,
		"smtp_host_lookup = files":                              `smtp_host_lookup`,
		"smtp_dns_resolver_options = res_everything":            `smtp_dns_resolver_options`,
	} {
		d := newDaemon(t, line, "smtp_dns_support_level = enabled")
		d.launch()
		if code := d.wait(); code == 0 {
			t.Errorf("%s: it runs", line)
		}
		d.log.wait(t, want)
	}
}
