package smtpclient_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/smtpclient"
)

// A text in pieces arrives as the same text whole.
func TestATextInPiecesIsTheTextWhole(t *testing.T) {
	texts := []string{"", "\r\n", ".", "..\r\n.\r\nx", "a\r\n.b\r\n\r\n.\r\n", "bare\nnewline\rand\r\r\nmore\r", "no end", strings.Repeat("line\r\n.dot\r\n", 9000),
		strings.Repeat("x", 70000)}
	for i, text := range texts {
		want := sent(t, mail.Bytes(text), 0)
		for seed := range uint64(20) {
			r := rand.New(rand.NewPCG(seed, uint64(i)))
			nc := &canned{in: []byte("250 2.0.0 taken\r\n")}
			w := smtpclient.New(nc, options()).Text()
			for rest := text; rest != ""; {
				n := min(1+r.IntN(1<<(1+seed%17)), len(rest))
				if _, err := w.Write([]byte(rest[:n])); err != nil {
					t.Fatal(err)
				}
				rest = rest[n:]
			}
			reply, err := w.End()
			if err != nil || reply.Raw != "250 2.0.0 taken" {
				t.Fatalf("%v %v", reply, err)
			}
			if got := nc.out.String(); got != want {
				t.Fatalf("text %d, seed %d: got %.200q, want %.200q", i, seed, got, want)
			}
		}
	}
}

// pieces returns what a peer gets of a text that comes in pieces of n bytes.
func pieces(t testing.TB, text string, n int) string {
	t.Helper()
	nc := &canned{in: []byte("250 2.0.0 taken\r\n")}
	w := smtpclient.New(nc, options()).Text()
	for ; text != ""; text = text[min(n, len(text)):] {
		if _, err := w.Write([]byte(text[:min(n, len(text))])); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.End(); err != nil {
		t.Fatal(err)
	}
	return nc.out.String()
}

func TestCommandsArePassedOnAsTheyAre(t *testing.T) {
	nc := &canned{in: []byte("250 ok\r\n550-5.1.1 no\r\n550 5.1.1 never\r\n354 go\r\n354 what\r\n")}
	c := smtpclient.New(nc, options())
	for _, step := range []struct{ command, reply string }{
		{"MAIL FROM:<a@b.test> SIZE=1", "250 ok"}, {"RCPT TO:<c@d.test> NOTIFY=NEVER", "550-5.1.1 no 550 5.1.1 never"}, {"DATA", "354 go"},
	} {
		r, err := c.Command(smtpclient.StageRcpt, step.command)
		if err != nil || r.Raw != step.reply {
			t.Errorf("%s: %q %v, want %q", step.command, r.Raw, err, step.reply)
		}
	}
	_, err := c.Command(smtpclient.StageRcpt, "RCPT TO:<x@y.test>\r\nDATA")
	var e *smtpclient.Error
	if !errors.As(err, &e) || !errors.Is(err, smtpclient.ErrControl) || !c.Usable() {
		t.Errorf("a command of two lines: %v", err)
	}
	if _, err := c.Text().End(); !errors.As(err, &e) || e.Kind != smtpclient.Garbled || c.Usable() {
		t.Errorf("354 at the end of a text: %v", err)
	}
	if _, err := c.Command(smtpclient.StageReset, "RSET"); !errors.As(err, &e) || e.Kind != smtpclient.Lost {
		t.Errorf("after that: %v", err)
	}
	want := "MAIL FROM:<a@b.test> SIZE=1\r\nRCPT TO:<c@d.test> NOTIFY=NEVER\r\nDATA\r\n.\r\n"
	if got := nc.out.String(); got != want {
		t.Errorf("sent %q, want %q", got, want)
	}
}

func TestRcptCommandHasAllParameters(t *testing.T) {
	for _, c := range []struct {
		r    mail.Recipient
		want string
	}{
		{mail.Recipient{Address: "a@b.test"}, "RCPT TO:<a@b.test>"},
		{mail.Recipient{Address: "a@b.test", Notify: mail.NotifyNever}, "RCPT TO:<a@b.test> NOTIFY=NEVER"},
		{mail.Recipient{Address: "a@b.test", Notify: mail.NotifySuccess | mail.NotifyDelay, ORcpt: "rfc822;x+2By"}, "RCPT TO:<a@b.test> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;x+2By"},
	} {
		if got := smtpclient.RcptCommand(&c.r); got != c.want {
			t.Errorf("%s: got %s", c.want, got)
		}
	}
}

func ExampleConn_Text() {
	nc := &canned{in: []byte("250 2.0.0 taken\r\n")}
	w := smtpclient.New(nc, options()).Text()
	_, _ = w.Write([]byte("Subject: x\r\n\r\n"))
	_, _ = w.Write([]byte(".dot\n"))
	r, err := w.End()
	fmt.Printf("%s %v %q\n", r.Raw, err, nc.out.String())
	// Output: 250 2.0.0 taken <nil> "Subject: x\r\n\r\n..dot\r\n.\r\n"
}
