package master_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// hostile installs the guest that misbehaves at each hook.
func (d *daemon) hostile(hook, onError, limit string) {
	d.t.Helper()
	code, err := os.ReadFile("../../plugins/wasm/testdata/hostile.wasm")
	if err != nil {
		d.t.Fatal(err)
	}
	d.write("hostile.wasm", string(code))
	d.write("mtad.toml", fmt.Sprintf("[[plugin]]\nname = \"hostile\"\nwasm = \"hostile.wasm\"\nhooks = [%q]\non_error = %q\ntime = %q\nmemory = \"4MiB\"\n", hook, onError, limit))
}

// stages plays a transaction and returns the first reply that is no success, with its stage.
func (d *daemon) stages() (stage, reply string) {
	d.t.Helper()
	c := d.connect()
	if first := c.reply(); !strings.HasPrefix(first, "220") {
		return "connect", first
	}
	for _, s := range [][2]string{{"helo", "EHLO client.test"}, {"mail", "MAIL FROM:<a@sender.test>"}, {"rcpt", "RCPT TO:<b@rcpt.test>"},
		{"data", "DATA"}, {"eom", "Subject: on trial\r\n\r\n."}} {
		c.send([]byte(s[1] + "\r\n"))
		if reply = c.reply(); reply[0] > '3' {
			return s[0], reply
		}
	}
	return "", reply
}

func TestAHostileFilterMeetsItsPolicyAndHarmsNoOther(t *testing.T) {
	for _, c := range []struct{ does, hook, cause string }{
		{"loops for ever", "connect", "time limit exceeded"},
		{"traps", "helo", "unreachable"},
		{"calls itself without end", "rcpt", "at deep"},
		{"answers garbage", "headers", "verdict"},
	} {
		for _, p := range []struct{ policy, stage, reply string }{
			{"tempfail", c.hook, "4"}, {"reject", c.hook, "55"}, {"continue", "", "250 2.0.0 Ok: queued as "},
		} {
			t.Run("a filter that "+c.does+" with on_error = "+p.policy, func(t *testing.T) {
				s := newSink(t)
				d := newDaemon(t, "relayhost = "+s.nexthop())
				d.hostile(c.hook, p.policy, "20ms")
				d.run()
				stage, reply := d.stages()
				if stage == "eom" && c.hook == "headers" {
					stage = "headers" // what it said about the header answers the end of data
				}
				if stage != p.stage || !strings.HasPrefix(reply, p.reply) {
					t.Errorf("got %q at stage %q, want %s… at %q", reply, stage, p.reply, p.stage)
				}
				d.log.wait(t, `warning: .*plugin hostile: `+c.hook+` failed: .*`+c.cause)
				if p.policy == "continue" {
					s.wait(t, 1)
				}
			})
		}
	}
}

// Memory that a guest asks for beyond its limit is refused to it; mtad's own does not grow with it.
func TestAFilterThatGrowsMemoryStopsAtItsLimit(t *testing.T) {
	s := newSink(t)
	d := newDaemon(t, "relayhost = "+s.nexthop())
	d.hostile("mail", "reject", "10s")
	d.run()
	d.post("a@sender.test", "b@rcpt.test", []byte("Subject: first\r\n\r\n"))
	before := d.rss()
	for range 10 { // sessions: many transactions without mail are junk (smtpd_junk_command_limit)
		c := d.hello()
		for range 40 {
			c.do("MAIL FROM:<a@sender.test>", "250")
			c.do("RSET", "250")
		}
	}
	// Kept memory would be 1,600 MiB; the race detector alone takes some tens.
	if grown := d.rss() - before; grown > 256<<20 {
		t.Errorf("400 calls that grow memory to 4 MiB each cost mtad %d MiB", grown>>20)
	}
}

// While one client's mail meets a filter that loops, mail that does not meet the filter goes on:
// here, after the breaker opened, and of the service that has no filter's hook.
func TestOtherMailFlowsWhileAFilterLoops(t *testing.T) {
	s := newSink(t)
	d := newDaemon(t, "relayhost = "+s.nexthop())
	d.hostile("abort", "tempfail", "20ms") // storms of host calls whenever a transaction is given up
	d.run()
	trouble := make(chan error, 1)
	go func() {
		c := d.connect()
		for _, line := range []string{"", "EHLO trouble.test\r\n"} {
			if !c.tryData([]byte(line), "2") {
				trouble <- fmt.Errorf("no success after %q", line)
				return
			}
		}
		for range 20 {
			if !c.try("MAIL FROM:<x@trouble.test>", "250") || !c.try("RSET", "250") {
				trouble <- fmt.Errorf("the session that meets the filter broke")
				return
			}
		}
		trouble <- nil
	}()
	for i := range 50 {
		d.post("a@sender.test", "b@rcpt.test", fmt.Appendf(nil, "Subject: %d\r\n\r\n", i))
	}
	s.wait(t, 50)
	if err := <-trouble; err != nil {
		t.Error(err)
	}
	d.log.wait(t, `plugin hostile: abort failed: (time limit exceeded|too many host calls)`)
}
