package smtpclient_test

import (
	"strings"
	"testing"

	"github.com/emersion/go-sasl"
	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/smtpclient"
)

// What postmaster is shown of a dialogue has its commands and replies, and neither secrets nor texts.
func TestATranscriptHasNoSecretsAndNoTexts(t *testing.T) {
	talk := func(most int) *smtpclient.Conn {
		nc := &canned{in: []byte("220 mx ESMTP\r\n250-mx\r\n250-AUTH PLAIN\r\n250-CHUNKING\r\n250 PIPELINING\r\n235 hello\r\n250 ok\r\n503 5.5.1 \x01what\r\n503 no\r\n")}
		c := smtpclient.New(nc, options(func(o *smtpclient.Options) { o.Transcript = most }))
		if _, err := c.Greet(); err != nil {
			t.Fatal(err)
		}
		if err := c.Hello(); err != nil {
			t.Fatal(err)
		}
		if err := c.Auth(sasl.NewPlainClient("", "alice", "secret")); err != nil {
			t.Fatal(err)
		}
		tx := message("a@from.test", "x@to.test")
		tx.Text = mail.Bytes("the text\r\n")
		_ = c.Send(tx)
		return c
	}
	c := talk(1 << 10)
	const want = `In:  220 mx ESMTP
Out: EHLO me.test
In:  250-mx
In:  250-AUTH PLAIN
In:  250-CHUNKING
In:  250 PIPELINING
Out: AUTH ***
In:  235 hello
Out: MAIL FROM:<a@from.test> AUTH=<>
Out: RCPT TO:<x@to.test>
Out: BDAT 10 LAST
In:  250 ok
In:  503 5.5.1 ?what
In:  503 no
`
	if got := c.Transcript(); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if got := talk(60).Transcript(); len(got) > 60 || !strings.HasSuffix(want, got) || got == "" {
		t.Errorf("the end of it: %q", got)
	}
	if c.Forget(); c.Transcript() != "" {
		t.Errorf("after Forget: %q", c.Transcript())
	}
	if got := talk(0).Transcript(); got != "" {
		t.Errorf("nobody asked for %q", got)
	}
}
