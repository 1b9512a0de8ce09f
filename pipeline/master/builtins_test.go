package master_test

import (
	"net"
	"strings"
	"testing"

	milter "github.com/emersion/go-milter"
)

// tagger is a milter that adds a field to mail, and refuses the sender refused@sender.test.
type tagger struct {
	milter.NoOpMilter
	name string
}

func (tagger) MailFrom(from string, _ *milter.Modifier) (milter.Response, error) {
	if from == "refused@sender.test" {
		return milter.NewResponseStr('y', "550 5.7.1 not you"), nil
	}
	return milter.RespContinue, nil
}

func (m tagger) Body(mod *milter.Modifier) (milter.Response, error) {
	return milter.RespAccept, mod.AddHeader("X-Milter", m.name+" "+mod.Macros["i"])
}

// newTagger runs one and returns its address.
func newTagger(t *testing.T, name string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &milter.Server{NewMilter: func() milter.Milter { return tagger{name: name} }, Actions: milter.OptAddHeader}
	done := make(chan struct{})
	go func() { defer close(done); s.Serve(l) }()
	t.Cleanup(func() { l.Close(); <-done })
	return "inet:" + l.Addr().String()
}

func TestMiltersDecideAboutMailBySMTP(t *testing.T) {
	s := newSink(t)
	d := newDaemon(t, "relayhost = "+s.nexthop(), "smtpd_milters = "+newTagger(t, "one")+", { "+newTagger(t, "two")+", default_action=accept }",
		"milter_default_action = reject")
	d.run()
	d.post("a@sender.test", "b@rcpt.test", []byte("Subject: x\r\n\r\nbody\r\n"))
	got := string(s.wait(t, 1)[0].text)
	one, two := strings.Index(got, "X-Milter: one "), strings.Index(got, "X-Milter: two ")
	if one < 0 || two < one {
		t.Fatalf("the milters' fields are not there in order:\n%s", got)
	}
	c := d.connect()
	c.reply()
	for _, line := range []string{"EHLO client.test", "MAIL FROM:<refused@sender.test>"} {
		c.send([]byte(line + "\r\n"))
		if r := c.reply(); line[0] == 'M' && !strings.HasPrefix(r, "550 5.7.1 not you") {
			t.Fatalf("got %q", r)
		}
	}
	d.log.wait(t, `NOQUEUE: milter-reject: MAIL from .*: 550 5\.7\.1 not you; from=<refused@sender\.test>`)
}

func TestHeaderAndBodyChecksDecideAboutMail(t *testing.T) {
	s := newSink(t)
	d := newDaemon(t)
	header := d.write("checks", "/^X-Secret:/ IGNORE\n/^Subject: .*lottery/ REJECT 5.7.1 no lotteries\n")
	body := d.write("words", "/^(.*)red(.*)$/ REPLACE ${1}blue$2\n")
	d.configure("relayhost = "+s.nexthop(), "header_checks = pcre:"+header, "body_checks = regexp:"+body)
	d.run()
	d.post("a@sender.test", "b@rcpt.test", []byte("Subject: x\r\nX-Secret: 1\r\n\r\na red line\r\n"))
	if got := string(s.wait(t, 1)[0].text); strings.Contains(got, "X-Secret") || !strings.Contains(got, "\r\n\r\na blue line\r\n") {
		t.Fatalf("got\n%s", got)
	}
	c := d.connect()
	c.reply()
	for _, line := range []string{"EHLO client.test", "MAIL FROM:<a@sender.test>", "RCPT TO:<b@rcpt.test>", "DATA", "Subject: a lottery\r\n\r\nx\r\n."} {
		c.send([]byte(line + "\r\n"))
		if r := c.reply(); line[0] == 'S' && !strings.HasPrefix(r, "550 5.7.1 no lotteries") {
			t.Fatalf("got %q", r)
		}
	}
	d.log.wait(t, `cleanup.*: reject: header Subject: a lottery from .*\[127\.0\.0\.1\]; from=<a@sender\.test> to=<b@rcpt\.test> proto=ESMTP helo=<client\.test>: 5\.7\.1 no lotteries`)
}
