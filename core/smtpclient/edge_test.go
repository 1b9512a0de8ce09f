package smtpclient_test

import (
	"errors"
	"io"
	"strings"
	"syscall"
	"testing"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/smtpclient"
)

// A server that has heard enough of a text says why and closes; the client notices when it
// writes on. What the server said is worth more than that the connection is lost.
func TestTheLastWordsOfAServerAreHeard(t *testing.T) {
	for _, c := range []struct {
		name, last, want, wantErr string
	}{
		{"a refusal", "552 5.3.4 too big\r\n", "end of DATA: 552 5.3.4 too big", ""},
		{"nothing", "", "-", "smtpclient: message body: connection lost: broken pipe"},
		{"something that cannot be", "250 2.0.0 fine\r\n", "-", "smtpclient: message body: connection lost: broken pipe"},
	} {
		t.Run(c.name, func(t *testing.T) {
			nc := &closing{canned: canned{in: []byte("220 mx\r\n250-mx\r\n250 PIPELINING\r\n250 ok\r\n250 ok\r\n354 go\r\n" + c.last)}, writes: 3}
			conn := smtpclient.New(nc, options())
			if _, err := conn.Greet(); err != nil {
				t.Fatal(err)
			}
			if err := conn.Hello(); err != nil {
				t.Fatal(err)
			}
			tx := message(strings.Repeat("x\r\n", 100_000), "x@to.test")
			check(t, conn.Send(tx), c.wantErr)
			if got := shown(tx); got != c.want || conn.Usable() {
				t.Errorf("%s, usable %v", got, conn.Usable())
			}
		})
	}
}

// closing is a canned peer that takes so many writes.
type closing struct {
	canned
	writes int
}

func (c *closing) Write(p []byte) (int, error) {
	if c.writes--; c.writes < 0 {
		return 0, syscall.EPIPE
	}
	return c.canned.Write(p)
}

func TestARefusedRSETEndsTheSession(t *testing.T) {
	for _, c := range []struct{ name, offers, script string }{
		{"in a batch", "PIPELINING", `
			C: MAIL FROM:<a@from.test>
			C: RCPT TO:<x@to.test>
			C: DATA
			S: 450 no
			S: 503 no
			S: 503 no
			C: RSET
			C: MAIL FROM:<a@from.test>
			C: RCPT TO:<x@to.test>
			C: DATA
			S: 500 what`},
		{"on its own", "", `
			C: MAIL FROM:<a@from.test>
			S: 450 no
			C: RSET
			S: 500 what`},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn := greeted(t, c.offers, c.script)
			tx := message(text, "x@to.test")
			check(t, conn.Send(tx), "")
			check(t, conn.Send(tx), "smtpclient: RSET: refused: 500 what")
			check(t, conn.Send(tx), "smtpclient: MAIL FROM: connection lost: the session is over")
			var e *smtpclient.Error
			if err := conn.Send(tx); !errors.As(err, &e) || e.Unwrap() == nil || conn.Usable() {
				t.Errorf("%v, usable %v", err, conn.Usable())
			}
		})
	}
}

func TestNonsenseBehindARefusedMAIL(t *testing.T) {
	c := greeted(t, "PIPELINING", `
		C: MAIL FROM:<a@from.test>
		C: RCPT TO:<x@to.test>
		C: DATA
		S: 550 no
		S: 250 ok
		S: 354 go`)
	tx := message(text, "x@to.test")
	check(t, c.Send(tx), "")
	if got := shown(tx); got != "MAIL FROM: 550 no" || c.Usable() {
		t.Errorf("%s, usable %v", got, c.Usable())
	}
}

func TestAnInterimReplyToTheTextIsNoDelivery(t *testing.T) {
	c := greeted(t, "PIPELINING", `
		C: MAIL FROM:<a@from.test>
		C: RCPT TO:<x@to.test>
		C: DATA
		S: 250 ok
		S: 250 ok
		S: 354 go
		C: Subject: x
		C: 
		C: hello
		C: .
		S: 354 go on`)
	tx := message(text, "x@to.test")
	check(t, c.Send(tx), "smtpclient: end of DATA: protocol error: a positive reply that makes no sense here")
}

func TestASenderThatCannotBeSent(t *testing.T) {
	c := greeted(t, "PIPELINING", "C: QUIT")
	for _, sender := range []string{"a b@from.test", `"a@from.test`, "\"a\\\x00\"@from.test", `"a\`, "<a@from.test>", "a\x7f@from.test", strings.Repeat("a", 2001)} {
		tx := message(text, "x@to.test", "y@to.test")
		tx.Sender = sender
		check(t, c.Send(tx), "")
		if got := shown(tx); got != "here: 501 5.1.7 Bad sender address syntax\nhere: 501 5.1.7 Bad sender address syntax" {
			t.Errorf("%q: %s", sender, got)
		}
	}
	c.Quit()
}

func TestParametersOfMAIL(t *testing.T) {
	c := greeted(t, "PIPELINING DSN 8BITMIME", `
		C: MAIL FROM:<"a \" b"@from.test> BODY=7BIT RET=FULL
		C: RCPT TO:<x@to.test> NOTIFY=FAILURE
		C: DATA
		S: 550 no
		S: 503 no
		S: 503 no
		C: QUIT`)
	tx := message(text, "x@to.test")
	tx.Sender, tx.Body, tx.Ret = `"a \" b"@from.test`, mail.Body7Bit, mail.RetFull
	tx.Recipients[0].Notify = mail.NotifyFailure
	check(t, c.Send(tx), "")
	c.Quit()
}

func TestTLSFromTheFirstByteOn(t *testing.T) {
	c := dial(t, "TLS\nS: 220 mx.test\nC: EHLO me.test\nS: 250 mx.test\nC: QUIT")
	if err := c.WrapTLS(clientTLS); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Greet(); err != nil {
		t.Fatal(err)
	}
	if err := c.Hello(); err != nil {
		t.Fatal(err)
	}
	c.Quit()
}

func TestStagesSpeakAsPostfixDoes(t *testing.T) {
	for s, want := range map[smtpclient.Stage]string{
		smtpclient.StageGreeting:  "receiving the initial server greeting",
		smtpclient.StageEHLO:      "performing the EHLO handshake",
		smtpclient.StageMail:      "sending MAIL FROM",
		smtpclient.StageRcpt:      "sending RCPT TO",
		smtpclient.StageData:      "sending DATA command",
		smtpclient.StageBody:      "sending message body",
		smtpclient.StageEndOfData: "sending end of data -- message may be sent more than once",
		99:                        "doing nothing",
	} {
		if got := s.Doing(); got != want {
			t.Errorf("%s: %s", s, got)
		}
	}
}

func TestAShortTextIsNotTakenForAWholeOne(t *testing.T) {
	c := greeted(t, "PIPELINING CHUNKING", "C: QUIT")
	tx := message("", "x@to.test")
	tx.Text = shrunk{mail.Bytes(text)}
	check(t, c.Send(tx), "smtpclient: message body: text unreadable: "+io.ErrUnexpectedEOF.Error())
	c.Quit()
}

// shrunk has less text than it says.
type shrunk struct{ mail.Bytes }

func (s shrunk) Size() int64 { return s.Bytes.Size() + 10 }
