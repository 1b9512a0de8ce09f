package master_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mtad/mtad/plugins/sdk"
)

// pluginWord is the first argument with which the test binary is the process plugin.
const pluginWord = "be-the-plugin"

// office is a plugin with a filter, a table and a transport in it.
type office struct{}

func (office) Rcpt(tx sdk.Tx) sdk.Verdict {
	if strings.HasPrefix(tx.Rcpt(), "trap@") {
		return sdk.Reject("5.7.1", "not to the trap")
	}
	return sdk.Continue
}

func (office) EOM(tx sdk.Tx) sdk.Verdict {
	switch s := tx.Header("Subject"); {
	case s == "die":
		_ = tx.SetHeader("Subject", "half")
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	case strings.HasPrefix(s, "tag"):
		err := tx.SetHeader("Subject", "[office] "+s)
		if err == nil {
			err = tx.ReplaceBody(strings.NewReader("the office was here\n"))
		}
		if err != nil {
			return sdk.Tempfail("4.3.0", err.Error())
		}
	}
	return sdk.Continue
}

func (office) Lookup(tx sdk.Tx) sdk.Verdict {
	switch tx.LookupKey() {
	case "alias@alias.test":
		return sdk.FoundValue("kept@office.test")
	case "down@alias.test":
		return sdk.Tempfail("4.3.0", "no directory")
	}
	return sdk.Continue
}

func (office) Route(tx sdk.Tx) sdk.Verdict {
	if strings.HasSuffix(tx.Rcpt(), "@office.test") {
		return sdk.FoundRoute("office", "desk")
	}
	return sdk.Continue
}

func (office) Deliver(tx sdk.Tx) sdk.Verdict {
	for i, r := range tx.Recipients() {
		if strings.HasPrefix(r, "nobody@") {
			_ = tx.Bounced(i, "5.1.1", "nobody is nobody")
		} else {
			_ = tx.Sent(i, "kept by the office")
		}
	}
	return sdk.Continue
}

func (office) Event(tx sdk.Tx) { fmt.Fprintln(os.Stderr, "event", tx.EventKind()) }

// office makes the test binary the plugin "office" of the daemon.
func (d *daemon) office(more string) {
	d.t.Helper()
	self, err := os.Executable()
	if err != nil {
		d.t.Fatal(err)
	}
	d.write("mtad.toml", fmt.Sprintf("[[plugin]]\nname = \"office\"\nprocess = [%q, %q, %q]\nallow = [\"edit\", \"deliver\"]\ntime = \"10s\"\n%s", self, pluginWord, d.dir, more))
}

// offices are the processes of the daemon's plugin.
func (d *daemon) offices() (pids []int) {
	dirs, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, name := range dirs {
		line, _ := os.ReadFile(name)
		if words := strings.Split(string(line), "\x00"); len(words) > 2 && words[1] == pluginWord && words[2] == d.dir {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(name)))
			pids = append(pids, pid)
		}
	}
	return pids
}

func TestAProcessIsFilterTableRouterTransportAndObserver(t *testing.T) {
	s := newSink(t)
	d := newDaemon(t, "relayhost = "+s.nexthop(), "virtual_alias_maps = plugin:office", "virtual_alias_domains = alias.test")
	d.office("")
	d.run()
	c := d.hello()
	c.do("MAIL FROM:<a@sender.test>", "250")
	c.do("RCPT TO:<trap@rcpt.test>", "550 5.7.1")
	c.do("RCPT TO:<down@alias.test>", "4")
	c.do("QUIT", "221")
	d.post("a@sender.test", "b@rcpt.test", []byte("Subject: tag me\r\n\r\nold\r\n"))
	m := s.wait(t, 1)[0]
	if !bytes.Contains(m.text, []byte("Subject: [office] tag me\r\n")) || !bytes.HasSuffix(m.text, []byte("\r\n\r\nthe office was here\r\n")) {
		t.Errorf("delivered %q", m.text)
	}
	d.post("a@sender.test", "alias@alias.test", []byte("Subject: y\r\n\r\n"))
	d.log.wait(t, `to=<kept@office.test>, orig_to=<alias@alias.test>, relay=office, .*status=sent \(.*kept by the office\)`)
	d.post("a@sender.test", "nobody@office.test", []byte("Subject: z\r\n\r\n"))
	d.log.wait(t, `to=<nobody@office.test>, .*relay=office, .*dsn=5.1.1, status=bounced \(.*nobody is nobody\)`)
	d.log.wait(t, `plugin office: event bounced`)
}

// A process that dies in the middle of an edit changes nothing; the message meets on_error, and the
// next one a new process.
func TestAProcessThatDiesCostsOneMessage(t *testing.T) {
	s := newSink(t)
	d := newDaemon(t, "relayhost = "+s.nexthop())
	d.office("on_error = \"continue\"\n")
	d.run()
	d.post("a@sender.test", "b@rcpt.test", []byte("Subject: die\r\n\r\nold\r\n"))
	if m := s.wait(t, 1)[0]; !bytes.Contains(m.text, []byte("Subject: die\r\n")) {
		t.Errorf("delivered %q", m.text)
	}
	d.log.wait(t, `warning: .*plugin office: eom failed: process \d+ ended \(signal: killed\)`)
	d.log.wait(t, `plugin office: the process was started again`)
	d.post("a@sender.test", "b@rcpt.test", []byte("Subject: tag\r\n\r\n"))
	if m := s.wait(t, 2)[1]; !bytes.Contains(m.text, []byte("[office] tag")) {
		t.Errorf("delivered %q", m.text)
	}
}

// Sessions that began before a reload end with the process they began with; then it is gone.
func TestAReloadStartsANewProcessBeforeTheOldOneEnds(t *testing.T) {
	s := newSink(t)
	d := newDaemon(t, "relayhost = "+s.nexthop())
	d.office("")
	d.run()
	old := d.offices()
	if len(old) != 1 {
		t.Fatalf("children %v", old)
	}
	c := d.hello()
	d.signal(syscall.SIGHUP)
	d.log.wait(t, `reload -- version`)
	c.do("MAIL FROM:<a@sender.test>", "250")
	c.do("RCPT TO:<trap@rcpt.test>", "550 5.7.1")
	if now := d.offices(); len(now) != 2 {
		t.Errorf("children %v while the old session lasts", now)
	}
	c.do("QUIT", "221")
	until(t, "the old process ends", func() bool { now := d.offices(); return len(now) == 1 && now[0] != old[0] })
	d.kill()
	until(t, "the process dies with mtad", func() bool { return len(d.offices()) == 0 })
}

func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited 30s, but not: %s", what)
		}
	}
}
