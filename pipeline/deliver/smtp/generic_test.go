package smtp_test

import (
	"errors"
	"testing"

	"github.com/mtad/mtad/core/readdress"
	"github.com/mtad/mtad/core/table"
	"github.com/mtad/mtad/pipeline/deliver/smtp"
)

func generic(propagate bool, words ...string) func(*smtp.Options) {
	return func(o *smtp.Options) {
		o.Generic = smtp.Generic{Maps: passwords(words...), Propagate: propagate,
			Site: &readdress.Site{Delimiter: "+", Standard: func(a string) string { return a }}}
	}
}

// generic(5): addresses that mean something here only are replaced in envelope and header, and the
// log goes on showing what they are here.
func TestAddressesAreReplacedInMailThatLeaves(t *testing.T) {
	w := newWorld(t)
	w.usual()
	w.server("192.0.2.1:25", hello("mx1.to.test", "PIPELINING", "DSN")+`C: MAIL FROM:<me@provider.test>
		C: RCPT TO:<x@to.test>
		C: RCPT TO:<you@provider.test> ORCPT=rfc822;you@local.lan
		C: DATA
		S: 250 ok
		S: 250 ok
		S: 550 5.1.1 who?
		S: 354 go
		C: FROM: "Me, at home" <me@provider.test>
		C: To: x@to.test,
		C: 	you+tag@provider.test (a friend),
		C:   group: other@to.test, me@provider.test;
		C: X-Other: me@local.lan
		C: Cc: not <an address
		C: 
		C: From: me@local.lan
		C: .
		S: 250 2.0.0 Ok: queued as 1A`)
	a := w.agent(generic(true, "me@local.lan", "me@provider.test", "@local.lan", "@provider.test", "you@local.lan", "you@provider.test"))
	r := withText(request("x@to.test", "you@local.lan"), "FROM: \"Me, at home\" <me@local.lan>\r\nTo: x@to.test,\r\n\tyou+tag@local.lan (a friend),\r\n  group: other@to.test, me@local.lan;\r\n"+
		"X-Other: me@local.lan\r\nCc: not <an address\r\n\r\nFrom: me@local.lan\r\n")
	r.Entry.Sender = "me@local.lan"
	r.Recipients[1].ORcpt = "rfc822;you@local.lan"
	expect(t, w.deliver(a, r), `sent 2.0.0 mx1.to.test[192.0.2.1]:25 (250 2.0.0 Ok: queued as 1A) dsn
		bounced 5.1.1 mx1.to.test[192.0.2.1]:25 (host mx1.to.test[192.0.2.1] said: 550 5.1.1 who? (in reply to RCPT TO command))`)
	if got := r.Recipients[1].Address; got != "you@local.lan" {
		t.Errorf("the request was changed: %s", got)
	}
}

func TestTheNullSenderIsNotReplaced(t *testing.T) {
	w := newWorld(t)
	w.usual()
	w.server("192.0.2.1:25", hello("mx1.to.test", offers)+"C: MAIL FROM:<>\nC: RCPT TO:<x@to.test>\nC: DATA\nS: 250 ok\nS: 550 5.1.1 no\nS: 554 5.5.1 no\n")
	r := request("x@to.test")
	r.Entry.Sender = ""
	expect(t, w.deliver(w.agent(generic(false, "", "oops@provider.test", "@", "oops@provider.test")), r),
		`bounced 5.1.1 mx1.to.test[192.0.2.1]:25 (host mx1.to.test[192.0.2.1] said: 550 5.1.1 no (in reply to RCPT TO command))`)
}

func TestAddressesThatCannotBeLookedUpDefer(t *testing.T) {
	w := newWorld(t)
	w.usual()
	a := w.agent(generic(false), func(o *smtp.Options) { o.Generic.Maps = table.Maps{entries{err: errors.New("on fire")}} })
	expect(t, w.deliver(a, request("x@to.test")), `deferred 4.3.0 none (address mapping lookup failure)`)
}
