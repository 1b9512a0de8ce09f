package master_test

import (
	"bytes"
	"os"
	"regexp"
	"strings"
	"testing"
)

// What leaves with plugins in shadow mode is what leaves without them, byte for byte: a built-in that
// edits, a module that routes, rewrites and delivers, and one that fails at every hook.
func TestShadowPluginsLeaveDeliveredMailAsItIs(t *testing.T) {
	text := append([]byte("From: a@sender.test\r\nSubject: as it was\r\nMessage-Id: <1@sender.test>\r\nDate: Mon, 23 Nov 2026 00:00:00 +0000\r\n\r\n"), bytes.Repeat([]byte("0123456789abcd\r\n"), 10_000)...)
	own := regexp.MustCompile(`(?s)^Received: .*?\r\n(From:)`)
	deliver := func(toml string) (got *received, log *daemon) {
		s := newSink(t)
		d := newDaemon(t, "relayhost = "+s.nexthop())
		for _, name := range []string{"mailer", "hostile"} {
			code, err := os.ReadFile("../../plugins/wasm/testdata/" + name + ".wasm")
			if err != nil {
				t.Fatal(err)
			}
			d.write(name+".wasm", string(code))
		}
		d.write("mtad.toml", toml)
		d.run()
		d.post("a@sender.test", "someone+detail@plugin.test", text)
		return s.wait(t, 1)[0], d
	}
	plain, _ := deliver("")
	shadow, d := deliver(`[[plugin]]
name = "tag"
builtin = "subject_tag"
allow = ["edit"]
mode = "shadow"
config = { tag = "[SHADOW]" }
[[plugin]]
name = "mailer"
wasm = "mailer.wasm"
allow = ["deliver"]
time = "10s"
mode = "shadow"
[[plugin]]
name = "hostile"
wasm = "hostile.wasm"
on_error = "reject"
mode = "shadow"
`)
	d.log.wait(t, `plugin mailer \(shadow\): rewrite would found someone@plugin\.test`)
	d.log.wait(t, `plugin mailer \(shadow\): route would found mailer:here`)
	d.log.wait(t, `warning: .*plugin hostile: headers failed`)
	a, b := own.ReplaceAllString(string(plain.text), "$1"), own.ReplaceAllString(string(shadow.text), "$1")
	if a != b || !strings.Contains(a, "Subject: as it was\r\n") || plain.from != shadow.from || strings.Join(plain.to, " ") != strings.Join(shadow.to, " ") {
		t.Errorf("with shadow plugins %s to %v:\n%.300q\nwithout %s to %v:\n%.300q", shadow.from, shadow.to, b, plain.from, plain.to, a)
	}
}
