package master_test

import (
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/mtad/mtad/core/porttest"
)

func TestSwaksIsAClient(t *testing.T) {
	swaks := need(t, "swaks", "swaks")
	s := newSink(t)
	d := start(t, "relayhost = "+s.nexthop())
	host, port, _ := net.SplitHostPort(d.addr)
	for _, c := range []struct {
		name string
		args []string
		want string
	}{
		{"plainly", nil, "<~  250 2.0.0 Ok: queued as "},
		{"with PIPELINING", []string{"--pipeline"}, "<~  250 2.0.0 Ok: queued as "},
		{"by HELO", []string{"--protocol", "SMTP"}, "<~  250 2.0.0 Ok: queued as "},
		{"with an attachment", []string{"--attach", "@" + swaks}, "<~  250 2.0.0 Ok: queued as "},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := len(s.messages())
			out := command(t, swaks, append([]string{"--server", host, "--port", port, "--helo", "client.test",
				"--from", "a@sender.test", "--to", "b@rcpt.test,c@rcpt.test", "--header", "Subject: " + c.name}, c.args...)...)
			if !strings.Contains(strings.ReplaceAll(out, "<- ", "<~ "), c.want) {
				t.Errorf("swaks shows no %q:\n%s", c.want, out)
			}
			m := s.wait(t, n+1)[n]
			if len(m.to) != 2 || !strings.Contains(string(m.text), "Subject: "+c.name+"\r\n") {
				t.Errorf("to %v:\n%s", m.to, m.text)
			}
		})
	}
}

// load runs smtp-source against the daemon.
func (d *daemon) load(source string, args ...string) {
	d.t.Helper()
	command(d.t, source, append(args, "-f", "a@sender.test", "-t", "b@rcpt.test", d.addr)...)
}

func TestSMTPSourceIsAClient(t *testing.T) {
	source := need(t, "smtp-source", "postfix")
	s := newSink(t)
	d := start(t, "relayhost = "+s.nexthop(), "smtpd_client_connection_count_limit = 0")
	d.load(source, "-s", "20", "-m", "200", "-l", "4000")
	d.load(source, "-d", "-s", "5", "-m", "100", "-l", "200000") // one connection for many messages
	if got := s.wait(t, 300); len(got) != 300 {
		t.Errorf("%d messages arrived, want 300", len(got))
	}
}

func TestSMTPSinkIsANextHop(t *testing.T) {
	program, source := need(t, "smtp-sink", "postfix"), need(t, "smtp-source", "postfix")
	for _, c := range []struct {
		name string
		args []string
	}{
		{"with ESMTP", nil}, {"without ESMTP", []string{"-e"}}, {"without PIPELINING", []string{"-p"}}, {"without 8BITMIME", []string{"-8"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			addr := porttest.Addr(t)
			sink := exec.Command(program, append(c.args, "-u", "nobody", addr, "100")...)
			if os.Getuid() != 0 {
				sink = exec.Command(program, append(c.args, addr, "100")...)
			}
			if err := sink.Start(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = sink.Process.Kill(); _ = sink.Wait() })
			host, port, _ := net.SplitHostPort(addr)
			d := start(t, "relayhost = ["+host+"]:"+port, "minimal_backoff_time = 1s", "maximal_backoff_time = 1s", "queue_run_delay = 1s")
			d.load(source, "-s", "5", "-m", "50")
			d.log.waitCount(t, `status=sent`, 50)
			d.log.waitCount(t, `: removed`, 50)
		})
	}
}
