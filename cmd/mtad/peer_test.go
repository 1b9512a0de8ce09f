package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/smtp"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/mtad/mtad/pipeline/ctl"
)

// The tests of this file compare with an installed Postfix.

// demandPeers makes them fail where they would be skipped.
const demandPeers = "MTAD_DEMAND_PEERS"

// peerCommand is the path of one of Postfix's own commands, in spite of ours in the PATH of scripts.
func peerCommand(name string) string { return "/usr/sbin/" + name }

func havePostfix() bool {
	_, err := os.Stat(peerCommand("postsuper"))
	return err == nil
}

// peerCondition answers "[peer]": whether there is a Postfix to compare with, and "[mailers]": whether there
// are the programs that send mail by sendmail. Only root can run them, in a mount namespace of their own.
func peerCondition(cond string) (bool, error) {
	ok := os.Geteuid() == 0
	switch cond {
	case "peer":
		ok = ok && havePostfix()
	case "mailers":
		for _, name := range []string{"mail", "cron", "setpriv", "unshare"} {
			_, err := exec.LookPath(name)
			ok = ok && err == nil
		}
	default:
		return false, fmt.Errorf("unknown condition %q", cond)
	}
	if !ok && os.Getenv(demandPeers) == "1" {
		return false, errors.New("needs root and Debian's postfix, cron, mailutils and util-linux")
	}
	return ok, nil
}

// peerCommands are what scripts have that run Postfix.
func peerCommands() map[string]func(*testscript.TestScript, bool, []string) {
	return map[string]func(*testscript.TestScript, bool, []string){
		"startpeer": scriptStartPeer, "post": scriptPost, "both": scriptBoth, "bothall": scriptBothAll,
	}
}

// scriptStartPeer is "startpeer PORT NEXTHOP-PORT": runs a Postfix of its own in peer/.
func scriptStartPeer(ts *testscript.TestScript, _ bool, args []string) {
	// Postfix's processes do not get into a directory that is root's alone.
	dir, err := os.MkdirTemp("", "peer")
	ts.Check(err)
	ts.Defer(func() { _ = os.RemoveAll(dir) })
	for _, d := range []string{dir, dir + "/etc", dir + "/spool", dir + "/data"} {
		ts.Check(os.MkdirAll(d, 0o755))
		ts.Check(os.Chmod(d, 0o755))
	}
	ts.Check(exec.Command("chown", "postfix", dir+"/data").Run())
	main := fmt.Sprintf("compatibility_level = 3.6\nqueue_directory = %[1]s/spool\ndata_directory = %[1]s/data\n"+
		"myhostname = h.example.com\nmydestination =\nalias_maps =\nalias_database =\nlocal_recipient_maps =\n"+
		"inet_interfaces = 127.0.0.1\ninet_protocols = ipv4\nsmtpd_peername_lookup = no\nrelayhost = [127.0.0.1]:%[2]s\n"+
		"smtp_dns_support_level = disabled\nmaillog_file = /dev/stdout\nmynetworks = 127.0.0.0/8\n", dir, args[1])
	stock, err := os.ReadFile("/usr/share/postfix/master.cf.dist")
	ts.Check(err)
	services := regexp.MustCompile(`(?m)^#.*\n`).ReplaceAllString(string(stock), "")
	services = regexp.MustCompile(`(?m)^smtp +inet `).ReplaceAllString(services, "127.0.0.1:"+args[0]+" inet ")
	services = regexp.MustCompile(`(?m)^(\S+[ \t]+\S+[ \t]+\S+[ \t]+\S+[ \t]+)\S+`).ReplaceAllString(services, "${1}n")
	for name, text := range map[string]string{"main.cf": main, "master.cf": services, "dynamicmaps.cf": "", "postfix-files": ""} {
		ts.Check(os.WriteFile(filepath.Join(dir, "etc", name), []byte(text), 0o644))
	}
	ts.Setenv("PEER", dir+"/etc")
	cmd := exec.Command(peerCommand("postfix"), "-c", dir+"/etc", "start-fg")
	cmd.Env = append(os.Environ(), "MAIL_CONFIG="+dir+"/etc")
	ts.Check(cmd.Start())
	ts.Defer(func() {
		ctx, cancel := context.WithTimeout(context.Background(), awaitTime)
		defer cancel()
		if exec.CommandContext(ctx, peerCommand("postfix"), "-c", dir+"/etc", "stop").Run() != nil {
			_ = cmd.Process.Kill()
		}
		_ = cmd.Wait() // its own exit code is of no interest
	})
	scriptListens(ts, false, args[:1])
}

// scriptPost is "post first|second PORT...": the same mail goes to each server. The second goes when the
// first is deferred: the two have one next hop, and whether the second one is tried itself or finds the
// next hop given up ("delivery temporarily suspended") must not be a matter of pace.
func scriptPost(ts *testscript.TestScript, _ bool, args []string) {
	lines := map[string][]string{
		"first": {"MAIL FROM:<a@b.example> RET=HDRS ENVID=xx+20y BODY=8BITMIME",
			"RCPT TO:<c@d.example> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;orig@d.example", "RCPT TO:<e@f.example>"},
		"second": {"MAIL FROM:<>", "RCPT TO:<x@y.example>"},
	}[args[0]]
	for _, port := range args[1:] {
		c, err := smtp.Dial("127.0.0.1:" + port)
		ts.Check(err)
		ts.Check(c.Hello("client.test"))
		for _, line := range lines {
			ts.Check(c.Text.PrintfLine("%s", line))
			_, _, err := c.Text.ReadResponse(250)
			ts.Check(err)
		}
		w, err := c.Data()
		ts.Check(err)
		_, err = fmt.Fprint(w, "Date: Mon, 23 Nov 2026 00:00:00 +0000\r\nFrom: a@b.example\r\nMessage-Id: <1@b.example>\r\nSubject: hi\r\n folded\r\n\r\nbody\r\n\r\nend\r\n")
		ts.Check(errors.Join(err, w.Close()))
		ts.Check(c.Quit())
	}
}

// scriptBoth is "both COMMAND...": the command of mtad and that of Postfix have the same exit code and
// say the same, but for ids, times, sizes and ports. A listing is asked for again while they differ:
// what was asked of a queue before is done a moment later in both, and not at the same pace.
func scriptBoth(ts *testscript.TestScript, _ bool, args []string) {
	listing := args[0] == "postqueue" && (args[1] == "-p" || args[1] == "-j")
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(awaitTime); ; <-tick.C {
		difference := compareBoth(ts, args)
		if difference == "" {
			return
		}
		if !listing || time.Now().After(end) {
			ts.Fatalf("%s", difference)
		}
	}
}

// compareBoth says how the two differ, "" if they do not.
func compareBoth(ts *testscript.TestScript, args []string) string {
	ours, ourCode := runPeer(ts, args[0], ts.Getenv("MAIL_CONFIG"), args[1:])
	theirs, theirCode := runPeer(ts, peerCommand(args[0]), ts.Getenv("PEER"), args[1:])
	if ourCode != theirCode {
		return fmt.Sprintf("exit code %d, Postfix's is %d\n%s\n%s", ourCode, theirCode, ours, theirs)
	}
	if a, b := normal(ours), normal(theirs); a != b {
		return fmt.Sprintf("mtad says\n%s\nPostfix says\n%s", a, b)
	}
	return ""
}

// runPeer runs a command and returns what it prints and its exit code. "ID" in an argument is the id
// of the message to d.example.
func runPeer(ts *testscript.TestScript, command, config string, args []string) (string, int) {
	p := peerOf(ts, command, config)
	if slices.Contains(args, "ID") {
		out, _, err := peerProgram{filepath.Join(filepath.Dir(p.command), "postqueue"), p.env}.run("", "-j")
		ts.Check(err)
		id := regexp.MustCompile(`"queue_id": "(\w+)"[^\n]*d\.example`).FindStringSubmatch(out)
		if id == nil {
			ts.Fatalf("no message to d.example in\n%s", out)
		}
		args = slices.Clone(args)
		args[slices.Index(args, "ID")] = id[1]
	}
	out, code, err := p.run("", args...)
	ts.Check(err)
	return out, code
}

// peerProgram is a command of one of the two, with its configuration.
type peerProgram struct {
	command string
	env     []string
}

func peerOf(ts *testscript.TestScript, command, config string) peerProgram {
	if !filepath.IsAbs(command) {
		for dir := range strings.SplitSeq(ts.Getenv("PATH"), ":") {
			if _, err := os.Stat(filepath.Join(dir, command)); err == nil {
				command = filepath.Join(dir, command)
				break
			}
		}
	}
	return peerProgram{command, append(os.Environ(), "MAIL_CONFIG="+config, "PATH="+ts.Getenv("PATH"))}
}

// run returns what the command prints for an input, and its exit code.
func (p peerProgram) run(input string, args ...string) (string, int, error) {
	cmd := exec.Command(p.command, args...)
	cmd.Env, cmd.Args[0], cmd.Stdin = p.env, filepath.Base(p.command), strings.NewReader(input)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return "", 0, fmt.Errorf("%s: %w", p.command, err)
	}
	return string(out), cmd.ProcessState.ExitCode(), nil
}

// normal is an output without what cannot be the same.
func normal(out string) string {
	out = regexp.MustCompile(`(?m)^([0-9A-F]{9,})([*!#]*)( +\d+) \w{3} \w{3} [ \d]\d [\d:]{8}`).ReplaceAllStringFunc(out, entryLine)
	for _, r := range []struct{ find, put string }{
		{`"queue_id": "\w+"`, `"queue_id": "ID"`}, {`"arrival_time": \d+`, `"arrival_time": N`}, {`"message_size": \d+`, `"message_size": N`},
		{`(?m)message_size: +\d+ +\d+ +(\d+) +\d+ +\d+ +(\d+)$`, "message_size: $1 $2"},
		{`\w{3} \w{3} [ \d]\d [\d:]{8} \d{4}`, "TIME"}, {`(named_attribute: (log_)?client_port)=\d+`, "$1=N"},
		{`(?m)^( 65 )?named_attribute: server_(address|port)=.*\n`, ""}, {`(hold|deferred|active|incoming)/(\w/)?[0-9A-F]{9,}`, "$1/ID"},
		{`\b[0-9A-F]{9,12}\b`, "ID"}, {`\(Postfix\)`, "(mtad)"},
		{`(?m)^ *\((delivery temporarily suspended: )?`, "("}, {`"delivery temporarily suspended: `, `"`}, // mtad tries what is released at once
		{`(accessing queue directly) \(.*\)`, "$1"},
		{`\w{3}, \d+ \w{3} \d+ [\d:]{8} \+0000 \(UTC\)`, "DATE"},
	} {
		out = regexp.MustCompile(r.find).ReplaceAllString(out, r.put)
	}
	return sorted(out)
}

// entryLine is the begin of an entry's line: the mark and, where no mark makes the columns move, their
// width.
func entryLine(s string) string {
	if mark := regexp.MustCompile(`[*!#]+`).FindString(s); mark != "" {
		return "entry" + mark
	}
	return fmt.Sprintf("entry<%d>", len(s))
}

// sorted puts the entries of a listing in order: the two queues are walked differently.
func sorted(out string) string {
	sep := "\n"
	if strings.Contains(out, "-Queue ID-") {
		head, rest, _ := strings.Cut(out, "\n")
		entries := strings.SplitAfter(rest, "\n\n")
		slices.Sort(entries)
		return head + sep + strings.Join(entries, "")
	}
	if strings.HasPrefix(out, "{") {
		lines := strings.SplitAfter(out, "\n")
		slices.Sort(lines)
		return strings.Join(lines, "")
	}
	return out
}

// record is one record of a queue file of Postfix.
func record(b []byte, kind byte, data string) []byte {
	return append(binary.AppendUvarint(append(b, kind), uint64(len(data))), data...)
}

// TestQshapeIsPostfixs compares the tables that the two qshapes make of the same queue.
func TestQshapeIsPostfixs(t *testing.T) {
	if _, err := exec.LookPath("perl"); err != nil || !havePostfix() {
		if os.Getenv(demandPeers) == "1" {
			t.Fatal("needs Debian's postfix and perl")
		}
		t.Skip("install Debian's postfix to compare with its qshape")
	}
	dir, now := t.TempDir(), time.Now()
	var items []ctl.Item
	for i, m := range []struct {
		minutes float64
		sender  string
		to      []string
	}{
		{1, "a@sender.example", []string{"x@one.example", "y@one.example", "z@two.a.very.long.subdomain.of.another.example"}},
		{7, "b@sender.example", []string{"x@one.example", "X@ONE.example", "x@a.parent.test", "x@b.parent.test", "x@a.parent.test"}},
		{90, "", []string{"x@three.example.org", "x@three.example.org", "x@three.example.org", "x@three.example.org"}},
		{700, "c@mail.sender.example", []string{"x@c.parent.test", "local"}},
		{1300, "c@mail.sender.example", []string{"x@d.parent.test"}},
		{9000, "d@mail.sender.example", []string{"x@e.parent.test", "x@f.parent.test."}},
	} {
		at := now.Add(-time.Duration(m.minutes * float64(time.Minute))).Unix()
		b := record(nil, 'C', fmt.Sprintf("%15d %15d %15d %15d %15d %15d", 0, 0, len(m.to), 0, 0, 0))
		b = record(record(b, 'T', fmt.Sprintf("%d 0", at)), 'S', m.sender)
		it := ctl.Item{Arrival: at, Sender: m.sender}
		if it.Sender == "" {
			it.Sender = "MAILER-DAEMON"
		}
		for _, to := range m.to {
			b = record(b, 'R', to)
			it.Recipients = append(it.Recipients, ctl.Waiting{Address: to})
		}
		b = record(record(record(b, 'M', ""), 'X', ""), 'E', "")
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("ABCDEF%d", i)), b, 0o700); err != nil {
			t.Fatal(err)
		}
		items = append(items, it)
	}
	for _, args := range []string{"", "-s", "-b 5 -t 2", "-l -b 12", "-p -m 2", "-w 120", "-b 20 -w 82", "-s -p -m 1"} {
		t.Run("qshape "+args, func(t *testing.T) {
			want, err := exec.Command(peerCommand("qshape"), append(strings.Fields(args), dir)...).Output()
			if err != nil {
				t.Fatal(err)
			}
			s := newShape(false)
			if _, err := s.read(&shell{}, strings.Fields(args)); err != nil {
				t.Fatal(err)
			}
			for i := range items {
				s.add(&items[i])
			}
			var got bytes.Buffer
			w := bufio.NewWriter(&got)
			s.print(w)
			if err := w.Flush(); err != nil || rowsOf(got.String()) != rowsOf(string(want)) {
				t.Errorf("mtad:\n%s\nPostfix:\n%s", got.String(), want)
			}
		})
	}
}

// rowsOf sorts the rows: Postfix leaves the order of equal ones to chance.
func rowsOf(table string) string {
	lines := strings.Split(table, "\n")
	slices.Sort(lines[1:])
	return strings.Join(lines, "\n")
}
