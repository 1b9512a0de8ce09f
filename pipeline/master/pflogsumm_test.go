package master_test

import (
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestPflogsummGivesRightTotals runs a script of known outcome and lets the program that admins
// use on Postfix's log count it.
func TestPflogsummGivesRightTotals(t *testing.T) {
	pflogsumm := need(t, "pflogsumm", "pflogsumm")
	s := newSink(t, func(s *sink) {
		s.answer = func(command string) string {
			switch {
			case strings.HasPrefix(command, "RCPT TO:<gone"):
				return "550 5.1.1 no such user"
			case strings.HasPrefix(command, "RCPT TO:<later"):
				return "450 4.2.0 come again"
			}
			return ""
		}
	})
	d := startOwnDomain(t, []string{"alice"}, "relayhost = "+s.nexthop(), "notify_classes =", "local_header_rewrite_clients =")
	text := []byte("Subject: counted\r\nMessage-Id: <1@sender.test>\r\nDate: Mon, 23 Nov 2026 00:00:00 +0000\r\nFrom: a@sender.test\r\n\r\nbody\r\n")
	for i := range 4 {
		d.post("a@sender.test", fmt.Sprintf("ok%d@rcpt.test", i), text)
	}
	d.post("a@sender.test", "two1@rcpt.test two2@rcpt.test", text)
	d.post("b@other.test", "alice@example.test", text)
	d.post("alice@example.test", "gone1@rcpt.test gone2@rcpt.test", text) // and its report to alice
	d.post("a@sender.test", "later@rcpt.test", text)
	c := d.hello()
	c.do("MAIL FROM:<a@sender.test>", "250")
	for i := range 3 {
		c.do(fmt.Sprintf("RCPT TO:<nobody%d@example.test>", i), "550")
	}
	c.do("QUIT", "221")
	deferred := d.log.wait(t, `(\w+): to=<later@rcpt\.test>.*status=deferred`)[1]
	report := d.log.wait(t, `sender non-delivery notification: (\w+)`)[1]
	d.log.wait(t, report+`: removed`)
	s.wait(t, 5)
	d.signal(15)
	d.wait()

	sum := d.summary(pflogsumm)
	for what, want := range map[string]string{
		// The report is delivered but not received: it came from no client (as in Postfix).
		"received": "8", "delivered": "8", "deferred": "1", "bounced": "2", "rejected": "3", "rejected percent": "27%",
		"reject warnings": "0", "held": "0", "forwarded": "0",
		"senders": "3", "recipients": "7", // ok0…3, two1, two2, alice
		"sending hosts/domains": "3", "recipient hosts/domains": "2",
		"bytes received": strconv.Itoa(d.sizes(`from=<[^>]+>, size=(\d+)`)),
		// 2 recipients of one message count twice; what was bounced or deferred does not count.
		"bytes delivered": strconv.Itoa(d.sizes(`from=<a@sender\.test>, size=(\d+)`) + d.sizes(`from=<a@sender\.test>, size=(\d+), nrcpt=2`) +
			d.sizes(`from=<b@other\.test>, size=(\d+)`) + d.sizes(`from=<>, size=(\d+)`) - d.sizes(deferred+`: from=<[^>]*>, size=(\d+)`)),
	} {
		if sum[what] != want {
			t.Errorf("%s: %s, want %s", what, sum[what], want)
		}
	}
	if t.Failed() {
		t.Logf("%v", sum)
	}
}

// sizes adds up what pattern captures in the log.
func (d *daemon) sizes(pattern string) (sum int) {
	for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(d.log.String(), -1) {
		n, err := strconv.Atoi(m[1])
		if err != nil {
			d.t.Fatal(err)
		}
		sum += n
	}
	return sum
}

// summary is the table of totals of pflogsumm on the daemon's log.
func (d *daemon) summary(pflogsumm string) map[string]string {
	d.t.Helper()
	out, err := exec.Command(pflogsumm, d.write("maillog", d.log.String())).CombinedOutput()
	if err != nil {
		d.t.Fatalf("%v: %s", err, out)
	}
	totals, _, _ := strings.Cut(string(out), "Per-Hour Traffic Summary")
	sum := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^\s*(\d+k?)\s+([a-z][a-z /-]*?)\s*(?:\((\d+%|\d+ +deferrals)\))?$`).FindAllStringSubmatch(totals, -1) {
		sum[m[2]] = m[1]
		if m[3] != "" {
			sum[m[2]+" percent"] = m[3]
		}
	}
	return sum
}

// What plugins refuse counts as what smtpd and cleanup refuse, and so does what on_error refuses.
func TestPflogsummCountsWhatPluginsRefuse(t *testing.T) {
	pflogsumm := need(t, "pflogsumm", "pflogsumm")
	d := newDaemon(t)
	d.hostile("rcpt", "reject", "20ms") // recursion without end
	d.run()
	c := d.hello()
	c.do("MAIL FROM:<a@sender.test>", "250")
	c.do("RCPT TO:<b@rcpt.test>", "550 5.7.1")
	c.do("RCPT TO:<c@rcpt.test>", "550 5.7.1")
	c.do("QUIT", "221")
	d.log.wait(t, `smtpd\[\d+\]: NOQUEUE: reject: RCPT from .*: 550 5\.7\.1 Message refused by content filter \[hostile\]; from=<a@sender\.test> to=<b@rcpt\.test> proto=ESMTP`)
	d.signal(15)
	d.wait()
	if sum := d.summary(pflogsumm); sum["rejected"] != "2" {
		t.Errorf("rejected: %s, want 2\n%v", sum["rejected"], sum)
	}
}
