package master_test

import (
	"net"
	"strings"
	"testing"

	"github.com/mtad/mtad/core/porttest"
)

// binaryHeader is what a proxy says by version 2 of its protocol: a client 198.51.100.7:4711.
const binaryHeader = "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\xc6\x33\x64\x07\xc0\x00\x02\x02\x12\x67\x00\x19"

func TestAProxyTellsWhoTheClientIs(t *testing.T) {
	d := newDaemon(t, "smtpd_upstream_proxy_protocol = haproxy", "smtpd_upstream_proxy_timeout = 2s", "mynetworks = 192.0.2.0/24",
		"postscreen_upstream_proxy_protocol = haproxy", "postscreen_greet_wait = 0s", "postscreen_access_list = inline:{ {198.51.100.8 = reject} }",
		"postscreen_denylist_action = drop", "relayhost = [127.0.0.1]:1")
	second := porttest.Addr(t)
	appendTo(t, d.dir+"/master.cf", second+" inet n - n - 1 postscreen\nsmtpd pass - - n - - smtpd\n")
	d.run()
	for _, server := range []string{d.addr, second} {
		for header, client := range map[string]string{binaryHeader: "198.51.100.7", "PROXY TCP4 198.51.100.9 192.0.2.2 4711 25\r\n": "198.51.100.9",
			"PROXY UNKNOWN\r\n": "127.0.0.1"} {
			c := proxiedClient(t, server, header)
			c.expect("220")
			c.do("EHLO client.test", "250")
			c.do("MAIL FROM:<a@x.test>", "250")
			c.do("RCPT TO:<b@y.test>", "454 4.7.1") // 127.0.0.1 is not in mynetworks either
			c.do("QUIT", "221")
			d.log.wait(t, `NOQUEUE: reject: RCPT from unknown\[`+strings.ReplaceAll(client, ".", `\.`)+`\]: 454 `)
		}
	}
	friend := proxiedClient(t, d.addr, "PROXY TCP4 192.0.2.7 192.0.2.2 4711 25\r\n")
	friend.expect("220")
	friend.do("EHLO client.test", "250")
	friend.do("MAIL FROM:<a@x.test>", "250")
	friend.do("RCPT TO:<b@y.test>", "250")
	proxiedClient(t, second, "PROXY TCP4 198.51.100.8 192.0.2.2 4711 25\r\n").expect("521 5.3.2")
	d.log.wait(t, `postscreen\[\d+\]: CONNECT from \[198\.51\.100\.8\]:4711 to \[192\.0\.2\.2\]:25`)
	for _, server := range []string{d.addr, second} {
		c := proxiedClient(t, server, "EHLO who.needs.a.proxy\r\n")
		if reply, err := c.read(); err == nil {
			t.Errorf("a client without a proxy is served: %s", reply)
		}
	}
	d.log.wait(t, `smtpd\[\d+\]: .*no client told by the proxy.*no PROXY header`)
	d.log.wait(t, `postscreen\[\d+\]: warning: no client told by the proxy \[127\.0\.0\.1\]:\d+: no PROXY header`)
}

// proxiedClient connects as a proxy.
func proxiedClient(t *testing.T, server, header string) *client {
	t.Helper()
	nc, err := net.Dial("tcp", server)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = nc.Close() })
	c := &client{t: t, c: nc, r: newReader(nc)}
	c.send([]byte(header))
	return c
}
