package master_test

import (
	"crypto/tls"
	"net"
	"strings"
	"testing"
	"time"
)

// secured is a session with TLS, after EHLO.
func (d *daemon) secured(o *tls.Config) (*client, error) {
	d.t.Helper()
	c := d.hello()
	c.do("STARTTLS", "220")
	return c, c.secure(o)
}

// secure puts TLS on a connection and says EHLO.
func (c *client) secure(o *tls.Config) error {
	c.t.Helper()
	secret := tls.Client(c.c, o)
	_ = secret.SetDeadline(time.Now().Add(patience))
	if err := secret.Handshake(); err != nil {
		return err
	}
	c.c, c.r = secret, newReader(secret)
	c.send([]byte("EHLO client.test\r\n"))
	return nil
}

func TestTheNameAskedForChoosesTheCertificate(t *testing.T) {
	b := certs(t)
	d := newDaemon(t, "smtpd_tls_security_level = may", "smtpd_tls_loglevel = 1", "smtpd_tls_chain_files = $config_directory/server.pem",
		"tls_server_sni_maps = texthash:$config_directory/names, inline:{ {broken.test = rubbish}, {lost.test = /nowhere/key.pem} }")
	b.write(t, d.dir)
	key, chain, _ := strings.Cut(string(b.pem(t, "other")), "-----BEGIN CERT")
	d.write("other.key", key)
	d.write("other.crt", "-----BEGIN CERT"+chain)
	d.write("names", b.expand(t, "one.test "+d.dir+"/other.key "+d.dir+"/other.crt\n.two.test "+d.dir+"/other.pem\nthree.test %PEM:good%\n"))
	d.run()
	for name, want := range map[string]string{"one.test": "other.test", "ONE.test": "other.test", "x.two.test": "other.test",
		"three.test": "good.test", "": "server.test"} {
		o := b.config("")
		o.ServerName = name
		c, err := d.secured(o)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		c.expect("250")
		if got := c.c.(*tls.Conn).ConnectionState().PeerCertificates[0].Subject.CommonName; got != want {
			t.Errorf("%q was shown %s, want %s", name, got, want)
		}
	}
	d.log.wait(t, `Anonymous TLS connection established from unknown\[127\.0\.0\.1\] to x\.two\.test: TLSv1\.3 with cipher`)
	for _, name := range []string{"broken.test", "lost.test"} { // what cannot be read is no "not found"
		o := b.config("")
		o.ServerName = name
		if _, err := d.secured(o); err == nil {
			t.Errorf("%s has TLS", name)
		}
		d.log.wait(t, `tls_server_sni_maps: `+name)
	}
	d.log.wait(t, `SSL_accept error from unknown\[127\.0\.0\.1\]: (?s:.*?)lost connection after STARTTLS from unknown\[127\.0\.0\.1\]`)
}

func TestTLSThatFailsBeforeTheGreetingIsLogged(t *testing.T) {
	d := newDaemon(t, "smtpd_tls_wrappermode = yes", "smtpd_tls_chain_files = $config_directory/server.pem")
	certs(t).write(t, d.dir)
	d.run()
	c := d.connect()
	c.send([]byte("EHLO client.test\r\n"))
	d.log.wait(t, `connect from unknown\[127\.0\.0\.1\]\n(?s:.*?)SSL_accept error from unknown\[127\.0\.0\.1\]: (?s:.*?)`+
		`lost connection after CONNECT from unknown\[127\.0\.0\.1\]\n(?s:.*?)disconnect from unknown\[127\.0\.0\.1\]`)
}

func TestClientsAreCounted(t *testing.T) {
	d := newDaemon(t, "smtpd_client_message_rate_limit = 2", "smtpd_client_recipient_rate_limit = 3", "smtpd_client_new_tls_session_rate_limit = 1",
		"smtpd_client_connection_count_limit = 4", "smtpd_client_event_limit_exceptions = 127.0.0.2", "anvil_rate_time_unit = 1h",
		"smtpd_tls_security_level = may", "smtpd_tls_chain_files = $config_directory/server.pem", "relayhost = [127.0.0.1]:1")
	certs(t).write(t, d.dir)
	d.run()
	c := d.hello()
	for _, want := range []string{"250", "250", "450 4.7.1 Error: too much mail from 127.0.0.1"} {
		c.do("MAIL FROM:<a@x.test>", want)
		if want == "250" {
			c.do("RCPT TO:<b@y.test>", "250")
			c.do("RSET", "250")
		}
	}
	d.log.wait(t, `warning: Message delivery request rate limit exceeded: 3 from unknown\[127\.0\.0\.1\] for service smtpd`)
	if _, err := d.secured(certs(t).config("")); err != nil {
		t.Fatal(err)
	}
	second, err := d.secured(certs(t).config(""))
	if err != nil {
		t.Fatal(err)
	}
	second.expect("421 4.7.0 mail.mtad.test Error: too many new TLS sessions from unknown[127.0.0.1]")
	d.log.wait(t, `warning: New TLS session rate limit exceeded: 2 from unknown\[127\.0\.0\.1\] for service smtpd`)
	d.hello().do("STARTTLS", "454 4.7.0 Error: too many new TLS sessions from unknown[127.0.0.1]")
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
	for range 5 {
		free, err := dialer.Dial("tcp", d.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer free.Close()
		k := &client{t: t, c: free, r: newReader(free)}
		k.expect("220")
		k.do("EHLO client.test", "250")
		k.do("STARTTLS", "220")
		if err := k.secure(certs(t).config("")); err != nil {
			t.Fatal(err)
		}
		k.expect("250")
		for range 3 {
			k.do("MAIL FROM:<a@x.test>", "250")
			for range 2 {
				k.do("RCPT TO:<b@y.test>", "250")
			}
			k.do("RSET", "250")
		}
	}
}

func TestRecipientsOfAClientAreCounted(t *testing.T) {
	d := start(t, "smtpd_client_recipient_rate_limit = 2", "smtpd_client_event_limit_exceptions =", "anvil_rate_time_unit = 1h", "relayhost = [127.0.0.1]:1")
	c := d.hello()
	c.do("MAIL FROM:<a@x.test>", "250")
	c.do("RCPT TO:<b@y.test>", "250")
	c.do("RCPT TO:<c@y.test>", "250")
	c.do("RCPT TO:<d@y.test>", "450 4.7.1 Error: too many recipients from 127.0.0.1")
	d.log.wait(t, `warning: Recipient address rate limit exceeded: 3 from unknown\[127\.0\.0\.1\] for service smtpd`)
}

// Postfix's smtpd goes on without TLS, and where TLS is demanded it takes no mail.
func TestACertificateThatIsNotThereStopsNoStart(t *testing.T) {
	for _, c := range []struct{ name, level, mail string }{
		{"where TLS may be used", "may", "250 2.1.0 Ok"},
		{"where it must be", "encrypt", "530 5.7.0 Must issue a STARTTLS command first"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := start(t, "smtpd_tls_security_level = "+c.level, "smtpd_tls_chain_files = /nosuch/chain.pem", "smtpd_tls_CAfile = /nosuch/ca.pem",
				"smtp_tls_security_level = may", "smtp_tls_CAfile = /nosuch/ca.pem", "smtp_tls_cert_file = /nosuch/cert.pem")
			d.log.wait(t, "error: smtpd_tls_chain_files: .*no such file or directory; mtad goes on without it")
			cl := d.hello()
			cl.do("MAIL FROM:<a@sender.test>", c.mail)
			if c.level == "may" {
				cl.do("STARTTLS", "502")
			} else if _, err := d.secured(&tls.Config{InsecureSkipVerify: true}); err == nil {
				t.Error("there is TLS")
			}
		})
	}
}
