package smtpclient_test

import (
	"errors"
	"testing"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/smtpclient"
)

const text = "Subject: x\r\n\r\nhello\r\n"

func TestTransaction(t *testing.T) {
	for _, c := range []struct {
		name, offers, script string
		tx                   *smtpclient.Transaction
		want                 string
		wantErr              string
		usable               bool
	}{
		{
			name:   "without extensions every command waits for its reply",
			offers: "",
			tx:     message(text, "x@to.test", "y@to.test"),
			script: `
				C: MAIL FROM:<a@from.test>
				S: 250 ok
				C: RCPT TO:<x@to.test>
				S: 250 ok
				C: RCPT TO:<y@to.test>
				S: 550 5.1.1 no such user
				C: DATA
				S: 354 go
				C: Subject: x
				C: 
				C: hello
				C: .
				S: 250 2.0.0 Ok: queued as 1234
				C: QUIT`,
			want: `
				end of DATA: 250 2.0.0 Ok: queued as 1234
				RCPT TO: 550 5.1.1 no such user`,
			usable: true,
		},
		{
			name:   "with PIPELINING the envelope and DATA go together",
			offers: "PIPELINING SIZE_1000 8BITMIME",
			tx:     message(text, "x@to.test", "y@to.test"),
			script: `
				C: MAIL FROM:<a@from.test> SIZE=21
				C: RCPT TO:<x@to.test>
				C: RCPT TO:<y@to.test>
				C: DATA
				S: 250 ok
				S: 451 4.2.0 later
				S: 250 ok
				S: 354 go
				C: Subject: x
				C: 
				C: hello
				C: .
				S: 250-2.0.0 taken
				S: 250 2.0.0 queued as 1234
				C: QUIT`,
			want: `
				RCPT TO: 451 4.2.0 later
				end of DATA: 250 2.0.0 taken queued as 1234`,
			usable: true,
		},
		{
			name:   "with CHUNKING too the text goes with its envelope",
			offers: "PIPELINING CHUNKING",
			tx:     message(".dots\r\nstay\r\n", "x@to.test", "y@to.test"),
			script: `
				C: MAIL FROM:<a@from.test>
				C: RCPT TO:<x@to.test>
				C: RCPT TO:<y@to.test>
				C: BDAT 13 LAST
				C: .dots
				C: stay
				S: 250 ok
				S: 250 ok
				S: 550 5.1.1 no such user
				S: 250 2.0.0 Ok: queued as 1234
				C: QUIT`,
			want: `
				end of DATA: 250 2.0.0 Ok: queued as 1234
				RCPT TO: 550 5.1.1 no such user`,
			usable: true,
		},
		{
			name:   "a chunk that nobody was accepted for ends the connection",
			offers: "PIPELINING CHUNKING",
			tx:     message(text, "x@to.test"),
			script: `
				C: MAIL FROM:<a@from.test>
				C: RCPT TO:<x@to.test>
				C: BDAT 21 LAST
				C: Subject: x
				C: 
				C: hello
				S: 250 ok
				S: 550 5.1.1 no such user
				S: 503 5.5.1 no recipients`,
			want: `RCPT TO: 550 5.1.1 no such user`,
		},
		{
			name:   "text that looks like commands waits for the replies to its envelope",
			offers: "PIPELINING CHUNKING",
			tx:     message("hi\r\n \tmAiL FROM:<evil@from.test>\r\n", "x@to.test"),
			script: `
				C: MAIL FROM:<a@from.test>
				C: RCPT TO:<x@to.test>
				C: DATA
				S: 250 ok
				S: 550 5.1.1 no such user
				S: 503 5.5.1 no recipients
				C: QUIT`,
			want:   `RCPT TO: 550 5.1.1 no such user`,
			usable: true,
		},
		{
			name:   "a server that wants text for nobody gets an empty one",
			offers: "PIPELINING",
			tx:     message(text, "x@to.test"),
			script: `
				C: MAIL FROM:<a@from.test>
				C: RCPT TO:<x@to.test>
				C: DATA
				S: 250 ok
				S: 450 4.2.0 later
				S: 354 go
				C: .
				S: 554 5.5.1 no valid recipients
				C: QUIT`,
			want:   `RCPT TO: 450 4.2.0 later`,
			usable: true,
		},
		{
			name:   "a refused MAIL decides about everybody",
			offers: "PIPELINING",
			tx:     message(text, "x@to.test", "y@to.test"),
			script: `
				C: MAIL FROM:<a@from.test>
				C: RCPT TO:<x@to.test>
				C: RCPT TO:<y@to.test>
				C: DATA
				S: 552 5.3.4 too big
				S: 503 5.5.1 need MAIL
				S: 503 5.5.1 need MAIL
				S: 503 5.5.1 need RCPT
				C: QUIT`,
			want: `
				MAIL FROM: 552 5.3.4 too big
				MAIL FROM: 552 5.3.4 too big`,
			usable: true,
		},
		{
			name:   "a refused MAIL without PIPELINING is the end of it",
			offers: "",
			tx:     message(text, "x@to.test", "y@to.test"),
			script: `
				C: MAIL FROM:<a@from.test>
				S: 450 not now
				C: QUIT`,
			want: `
				MAIL FROM: 450 not now
				MAIL FROM: 450 not now`,
			usable: true,
		},
		{
			name:   "a refused DATA decides about those who were accepted",
			offers: "PIPELINING",
			tx:     message(text, "x@to.test", "y@to.test"),
			script: `
				C: MAIL FROM:<a@from.test>
				C: RCPT TO:<x@to.test>
				C: RCPT TO:<y@to.test>
				C: DATA
				S: 250 ok
				S: 250 ok
				S: 550 no
				S: 451 4.3.0 not now
				C: QUIT`,
			want: `
				DATA: 451 4.3.0 not now
				RCPT TO: 550 no`,
			usable: true,
		},
		{
			name:   "421 is the answer to everything behind it",
			offers: "PIPELINING",
			tx:     message(text, "x@to.test", "y@to.test", "z@to.test"),
			script: `
				C: MAIL FROM:<a@from.test>
				C: RCPT TO:<x@to.test>
				C: RCPT TO:<y@to.test>
				C: RCPT TO:<z@to.test>
				C: DATA
				S: 250 ok
				S: 250 ok
				S: 421 4.3.2 closing
				CLOSE`,
			want: `
				DATA: 421 4.3.2 closing
				RCPT TO: 421 4.3.2 closing
				RCPT TO: 421 4.3.2 closing`,
		},
		{
			name:   "421 without PIPELINING stops the envelope",
			offers: "",
			tx:     message(text, "x@to.test", "y@to.test", "z@to.test"),
			script: `
				C: MAIL FROM:<a@from.test>
				S: 250 ok
				C: RCPT TO:<x@to.test>
				S: 250 ok
				C: RCPT TO:<y@to.test>
				S: 421 4.3.2 closing
				CLOSE`,
			want: `
				RCPT TO: 421 4.3.2 closing
				RCPT TO: 421 4.3.2 closing
				RCPT TO: 421 4.3.2 closing`,
		},
		{
			name:   "a lost connection leaves open what was not refused",
			offers: "PIPELINING",
			tx:     message(text, "x@to.test", "y@to.test"),
			script: `
				C: MAIL FROM:<a@from.test>
				C: RCPT TO:<x@to.test>
				C: RCPT TO:<y@to.test>
				C: DATA
				S: 250 ok
				S: 550 no
				S: 250 ok
				S: 354 go
				C: Subject: x
				C: 
				C: hello
				C: .
				CLOSE`,
			want: `
				RCPT TO: 550 no
				-`,
			wantErr: "smtpclient: end of DATA: connection lost: EOF",
		},
		{
			name:   "a positive reply to DATA is not taken for a delivery",
			offers: "PIPELINING",
			tx:     message(text, "x@to.test"),
			script: `
				C: MAIL FROM:<a@from.test>
				C: RCPT TO:<x@to.test>
				C: DATA
				S: 250 ok
				S: 250 ok
				S: 250 2.0.0 queued`,
			want:    `-`,
			wantErr: "smtpclient: DATA: protocol error: a positive reply that makes no sense here",
		},
		{
			name:   "DSN parameters go to who knows them",
			offers: "PIPELINING DSN 8BITMIME SMTPUTF8",
			tx: &smtpclient.Transaction{
				Sender: "", Body: mail.Body8BitMIME, SMTPUTF8: true, Ret: mail.RetHeaders, EnvID: "id+2B1",
				Recipients: []mail.Recipient{
					{Address: "x@to.test", Notify: mail.NotifySuccess | mail.NotifyDelay, ORcpt: "rfc822;o@o.test"},
					{Address: "y@to.test", Notify: mail.NotifyNever},
				},
				Text: mail.Bytes(text),
			},
			script: `
				C: MAIL FROM:<> BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=id+2B1
				C: RCPT TO:<x@to.test> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;o@o.test
				C: RCPT TO:<y@to.test> NOTIFY=NEVER
				C: DATA
				S: 250 ok
				S: 550 no
				S: 550 no
				S: 554 no
				C: QUIT`,
			want: `
				RCPT TO: 550 no
				RCPT TO: 550 no`,
			usable: true,
		},
		{
			name:   "addresses and parameters cannot smuggle commands",
			offers: "PIPELINING DSN",
			tx: &smtpclient.Transaction{
				Sender: "a@from.test", EnvID: "x\r\nRSET",
				Recipients: []mail.Recipient{
					{Address: "x@to.test>\r\nRCPT TO:<evil@to.test"},
					{Address: "y@to.test", ORcpt: "rfc822;a b"},
					{Address: `"a <b> c"@to.test`},
					{Address: `x@to.test> NOTIFY=NEVER`},
				},
				Text: mail.Bytes(text),
			},
			script: `
				C: MAIL FROM:<a@from.test>
				C: RCPT TO:<y@to.test>
				C: RCPT TO:<"a <b> c"@to.test>
				C: DATA
				S: 250 ok
				S: 550 no
				S: 551 no
				S: 554 no
				C: QUIT`,
			want: `
				here: 501 5.1.3 Bad recipient address syntax
				RCPT TO: 550 no
				RCPT TO: 551 no
				here: 501 5.1.3 Bad recipient address syntax`,
			usable: true,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn := greeted(t, c.offers, c.script)
			check(t, conn.Send(c.tx), c.wantErr)
			if got, want := shown(c.tx), trim(c.want); got != want {
				t.Errorf("results:\n%s\nwant:\n%s", got, want)
			}
			if conn.Usable() != c.usable {
				t.Errorf("usable = %v", conn.Usable())
			}
			conn.Quit()
		})
	}
}

func check(t *testing.T, err error, want string) {
	t.Helper()
	switch {
	case err == nil && want != "":
		t.Fatalf("no error; want %q", want)
	case err != nil && err.Error() != want:
		t.Fatalf("error %q; want %q", err, want)
	}
}

func TestLMTPGivesEachRecipientItsReply(t *testing.T) {
	c := greeted(t, "PIPELINING CHUNKING", `
		C: MAIL FROM:<a@from.test>
		C: RCPT TO:<x@to.test>
		C: RCPT TO:<y@to.test>
		C: RCPT TO:<z@to.test>
		C: DATA
		S: 250 ok
		S: 250 ok
		S: 550 5.1.1 who
		S: 250 ok
		S: 354 go
		C: Subject: x
		C: 
		C: hello
		C: .
		S: 250 2.0.0 saved
		S: 452 4.2.2 full
		C: QUIT`, lmtp)
	tx := message(text, "x@to.test", "y@to.test", "z@to.test")
	check(t, c.Send(tx), "")
	want := "end of DATA: 250 2.0.0 saved\nRCPT TO: 550 5.1.1 who\nend of DATA: 452 4.2.2 full"
	if got := shown(tx); got != want {
		t.Errorf("results:\n%s", got)
	}
	c.Quit()
}

func TestLMTPLostBetweenTwoReplies(t *testing.T) {
	c := greeted(t, "PIPELINING", `
		C: MAIL FROM:<a@from.test>
		C: RCPT TO:<x@to.test>
		C: RCPT TO:<y@to.test>
		C: DATA
		S: 250 ok
		S: 250 ok
		S: 250 ok
		S: 354 go
		C: Subject: x
		C: 
		C: hello
		C: .
		S: 250 2.0.0 saved
		CLOSE`, lmtp)
	tx := message(text, "x@to.test", "y@to.test")
	check(t, c.Send(tx), "smtpclient: end of DATA: connection lost: EOF")
	if got := shown(tx); got != "end of DATA: 250 2.0.0 saved\n-" {
		t.Errorf("results:\n%s", got)
	}
}

func TestAConnectionCarriesSeveralTransactions(t *testing.T) {
	for _, c := range []struct{ name, offers, script string }{
		{"with RSET in the batch", "PIPELINING", `
			C: MAIL FROM:<a@from.test>
			C: RCPT TO:<x@to.test>
			C: DATA
			S: 250 ok
			S: 550 no
			S: 503 no
			C: RSET
			C: MAIL FROM:<a@from.test>
			C: RCPT TO:<x@to.test>
			C: DATA
			S: 250 reset
			S: 250 ok
			S: 250 ok
			S: 354 go
			C: Subject: x
			C: 
			C: hello
			C: .
			S: 250 one
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
			S: 250 two
			C: QUIT`},
		{"with RSET on its own", "", `
			C: MAIL FROM:<a@from.test>
			S: 250 ok
			C: RCPT TO:<x@to.test>
			S: 550 no
			C: RSET
			S: 250 reset
			C: MAIL FROM:<a@from.test>
			S: 250 ok
			C: RCPT TO:<x@to.test>
			S: 250 ok
			C: DATA
			S: 354 go
			C: Subject: x
			C: 
			C: hello
			C: .
			S: 250 one
			C: MAIL FROM:<a@from.test>
			S: 250 ok
			C: RCPT TO:<x@to.test>
			S: 250 ok
			C: DATA
			S: 354 go
			C: Subject: x
			C: 
			C: hello
			C: .
			S: 250 two
			C: QUIT`},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn := greeted(t, c.offers, c.script)
			tx := message(text, "x@to.test")
			for _, want := range []string{"RCPT TO: 550 no", "end of DATA: 250 one", "end of DATA: 250 two"} {
				check(t, conn.Send(tx), "")
				if got := shown(tx); got != want {
					t.Fatalf("got %q, want %q", got, want)
				}
			}
			conn.Quit()
		})
	}
}

func TestManyRecipientsGoInBatches(t *testing.T) {
	var rcpts []string
	script := "C: MAIL FROM:<a@from.test>\n"
	replies, size, batches := "S: 250 ok\n", len("MAIL FROM:<a@from.test>\r\n"), 1
	for i := range 400 {
		r := string(rune('a'+i%26)) + "-long-name-of-a-recipient@department.to.test"
		rcpts = append(rcpts, r)
		script += "C: RCPT TO:<" + r + ">\n"
		replies += "S: 550 no\n"
		if size += len("RCPT TO:<>\r\n") + len(r); size >= 8<<10 {
			script += replies
			replies, size, batches = "", 0, batches+1
		}
	}
	script += "C: DATA\n" + replies + "S: 503 no\n"
	if batches < 3 {
		t.Fatal("not enough recipients")
	}
	c := greeted(t, "PIPELINING", script+"C: QUIT")
	tx := message(text, rcpts...)
	check(t, c.Send(tx), "")
	for i := range tx.Results {
		if tx.Results[i].Reply.Code != 550 {
			t.Fatalf("recipient %d: %+v", i, tx.Results[i])
		}
	}
	c.Quit()
}

type unreadable struct{ mail.Bytes }

func (unreadable) ReadAt([]byte, int64) (int, error) { return 0, errors.New("disk on fire") }

func TestTextThatCannotBeReadIsNeverFinished(t *testing.T) {
	c := greeted(t, "PIPELINING", `
		C: MAIL FROM:<a@from.test>
		C: RCPT TO:<x@to.test>
		C: DATA
		S: 250 ok
		S: 250 ok
		S: 354 go`)
	tx := message("", "x@to.test")
	tx.Text = unreadable{mail.Bytes(text)}
	check(t, c.Send(tx), "smtpclient: message body: text unreadable: disk on fire")
	if c.Usable() {
		t.Error("the connection is in the middle of a text")
	}
	c.Close()

	c = greeted(t, "PIPELINING CHUNKING", "C: QUIT")
	check(t, c.Send(tx), "smtpclient: message body: text unreadable: disk on fire")
	if !c.Usable() {
		t.Error("nothing was sent")
	}
	c.Quit()
}
