package master_test

import (
	"bytes"
	"os"
	"syscall"
	"testing"
)

// mailer installs the guest that has the hooks about addresses and queued mail.
func (d *daemon) mailer() {
	d.t.Helper()
	code, err := os.ReadFile("../../plugins/wasm/testdata/mailer.wasm")
	if err != nil {
		d.t.Fatal(err)
	}
	d.write("mailer.wasm", string(code))
	d.write("mtad.toml", "[[plugin]]\nname = \"mailer\"\nwasm = \"mailer.wasm\"\nallow = [\"deliver\"]\ntime = \"5s\"\n")
}

// One message meets every hook between the door and the end of its life: its body comes in chunks,
// its recipients are rewritten, found in a table that is a plugin, routed to a transport that is
// one, delivered or bounced there, and all of that is told as events.
func TestAPluginIsRewriterRouterTableTransportAndObserver(t *testing.T) {
	s := newSink(t)
	d := newDaemon(t, "relayhost = "+s.nexthop(), "virtual_alias_maps = wasm:mailer", "virtual_alias_domains = alias.test")
	d.mailer()
	d.run()
	text := append([]byte("Subject: x\r\n\r\n"), bytes.Repeat([]byte("0123456789abcd\r\n"), 10_000)...)
	d.post("sender@sender.test", "someone+detail@plugin.test", text)
	d.log.wait(t, `plugin mailer: the whole body came in chunks`)
	d.log.wait(t, `plugin mailer: rewrite envelope_recipient <someone\+detail@plugin.test> to <someone@plugin.test>`)
	d.log.wait(t, `plugin mailer: route <someone@plugin.test> to mailer:here`)
	d.log.wait(t, `to=<someone@plugin.test>, .*relay=mailer, .*dsn=2.0.0, status=sent \(.*kept by the plugin\)`)
	for _, event := range []string{"queued \\w+  ", "sent \\w+ someone@plugin.test 2.0.0", "removed \\w+  "} {
		d.log.wait(t, `plugin mailer: event `+event)
	}
	d.post("sender@sender.test", "alias@alias.test", []byte("Subject: y\r\n\r\n"))
	d.log.wait(t, `to=<real@plugin.test>, orig_to=<alias@alias.test>, relay=mailer, .*status=sent`)
	d.post("sender@sender.test", "nobody@plugin.test", []byte("Subject: z\r\n\r\n"))
	d.log.wait(t, `to=<nobody@plugin.test>, .*relay=mailer, .*dsn=5.1.1, status=bounced \(.*nobody is nobody\)`)
	d.log.wait(t, `plugin mailer: event bounced \w+ nobody@plugin.test 5.1.1`)
	s.wait(t, 1) // the notice goes the usual way
}

// What a plugin counts in its store is still known after a restart.
func TestAPluginsStoreSurvivesARestart(t *testing.T) {
	s := newSink(t)
	d := newDaemon(t, "relayhost = "+s.nexthop())
	code, err := os.ReadFile("../../plugins/wasm/testdata/limiter.wasm")
	if err != nil {
		t.Fatal(err)
	}
	d.write("limiter.wasm", string(code))
	d.write("mtad.toml", "[[plugin]]\nname = \"limiter\"\nwasm = \"limiter.wasm\"\nallow = [\"kv\"]\ntime = \"5s\"\n")
	d.run()
	c := d.hello()
	c.do("MAIL FROM:<a@sender.test>", "250")
	for range 10 {
		c.do("RCPT TO:<b@rcpt.test>", "250")
	}
	c.do("RCPT TO:<b@rcpt.test>", "451 4.7.1")
	c.do("QUIT", "221")
	d.signal(syscall.SIGTERM)
	d.wait()
	d.run()
	c = d.hello()
	c.do("MAIL FROM:<a@sender.test>", "250")
	c.do("RCPT TO:<b@rcpt.test>", "451 4.7.1")
	c.do("RSET", "250")
	c.do("MAIL FROM:<other@sender.test>", "250")
	c.do("RCPT TO:<b@rcpt.test>", "250")
}
