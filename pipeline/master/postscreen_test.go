package master_test

import (
	"os"
	"strings"
	"testing"
)

// As sites have it: postscreen on the port, smtpd behind it with parameters of its own.
func TestPostscreenKeepsRobotsFromSmtpd(t *testing.T) {
	s := newSink(t)
	d := newDaemon(t, "relayhost = "+s.nexthop(), "postscreen_greet_wait = 1s", "postscreen_greet_action = enforce",
		"postscreen_access_list = cidr:{{127.0.0.2/32 reject}}", "postscreen_denylist_action = drop")
	text, err := os.ReadFile(d.dir + "/master.cf")
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.Replace(string(text), "smtpd\n", "postscreen\nsmtpd pass - - n - - smtpd -o smtpd_banner=behind\n", 1)
	if err := os.WriteFile(d.dir+"/master.cf", []byte(changed), 0o644); err != nil {
		t.Fatal(err)
	}
	d.run()
	d.post("a@x.test", "b@elsewhere.test", []byte("Subject: patient\r\n\r\n"))
	if m := s.wait(t, 1)[0]; !strings.Contains(string(m.text), "Subject: patient") {
		t.Errorf("%s", m.text)
	}
	d.log.wait(t, `postfix/postscreen\[\d+\]: CONNECT from \[127\.0\.0\.1\]:\d+ to \[127\.0\.0\.1\]:\d+`)
	d.log.wait(t, `postfix/postscreen\[\d+\]: PASS NEW \[127\.0\.0\.1\]:\d+`)
	if got := d.connect().reply(); got != "220 behind" {
		t.Errorf("greeted with %q", got)
	}
	d.log.wait(t, `PASS OLD \[127\.0\.0\.1\]:\d+`)
}
