package smtpclient_test

import (
	"bufio"
	"crypto/tls"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/smtpclient"
)

// A dialogue is played by the peer, line by line:
//
//	S: 250 ok      the peer says this
//	C: RCPT …      the client must say exactly this
//	C~ EHLO        the client must say something that begins so
//	TLS            the peer starts TLS as a server
//	CLOSE          the peer closes
//
// Lines of the client with nothing of the peer between them must come without waiting: if the
// client waits for a reply, both wait, and the test fails at its deadline.
func play(t *testing.T, nc net.Conn, script string) {
	t.Helper()
	defer nc.Close()
	nc.SetDeadline(time.Now().Add(30 * time.Second))
	r := bufio.NewReader(nc)
	for _, line := range strings.Split(strings.TrimSpace(script), "\n") {
		line = strings.TrimLeft(line, "\t")
		if line == "" {
			continue
		}
		what, rest, _ := strings.Cut(line, " ")
		switch what {
		case "S:":
			rest = strings.ReplaceAll(rest, `\r\n`, "\r\n") + "\r\n"
			if _, err := nc.Write([]byte(rest)); err != nil {
				t.Errorf("peer cannot say %q: %v", rest, err)
				return
			}
		case "C:", "C~":
			got, err := r.ReadString('\n')
			got = strings.TrimSuffix(got, "\r\n")
			if err != nil || got != rest && (what == "C:" || !strings.HasPrefix(got, rest)) {
				t.Errorf("client said %q, %v; want %q", got, err, rest)
				return
			}
		case "TLS":
			nc = tls.Server(nc, serverTLS(t))
			r = bufio.NewReader(nc)
		case "CLOSE":
			return
		default:
			t.Errorf("script: %q", line)
			return
		}
	}
	if rest, err := r.ReadString('\n'); err == nil {
		t.Errorf("client said more: %q", rest)
	}
}

// dial connects a client to a peer that plays script. The connection is a real one.
func dial(t *testing.T, script string, edit ...func(*smtpclient.Options)) *smtpclient.Conn {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if nc, err := ln.Accept(); err == nil {
			play(t, nc, script)
		}
	}()
	nc, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c := smtpclient.New(nc, options(edit...))
	t.Cleanup(func() { c.Close(); <-done; ln.Close() })
	return c
}

func options(edit ...func(*smtpclient.Options)) *smtpclient.Options {
	o := &smtpclient.Options{Helo: "me.test", Timeouts: smtpclient.DefaultTimeouts()}
	for _, f := range edit {
		f(o)
	}
	return o
}

func lmtp(o *smtpclient.Options) { o.LMTP = true }

// greeted returns a connection whose peer offers the extensions, one word each, and then plays
// script.
func greeted(t *testing.T, offers, script string, edit ...func(*smtpclient.Options)) *smtpclient.Conn {
	t.Helper()
	verb := "EHLO"
	if o := options(edit...); o.LMTP {
		verb = "LHLO"
	}
	hello := "S: 220 mx.test ESMTP\nC: " + verb + " me.test\nS: 250-mx.test\n"
	for _, word := range strings.Fields(offers) {
		hello += "S: 250-" + strings.ReplaceAll(word, "_", " ") + "\n"
	}
	c := dial(t, hello+"S: 250 HELP\n"+script, edit...)
	if _, err := c.Greet(); err != nil {
		t.Fatal(err)
	}
	if err := c.Hello(); err != nil {
		t.Fatal(err)
	}
	return c
}

func message(text string, rcpts ...string) *smtpclient.Transaction {
	tx := &smtpclient.Transaction{Sender: "a@from.test", Text: mail.Bytes(text)}
	for _, r := range rcpts {
		tx.Recipients = append(tx.Recipients, mail.Recipient{Address: r})
	}
	return tx
}

// shown renders results as "stage: reply", one per recipient.
func shown(tx *smtpclient.Transaction) string {
	var lines []string
	for _, r := range tx.Results {
		switch {
		case !r.Decided():
			lines = append(lines, "-")
		case r.Stage == 0:
			lines = append(lines, "here: "+r.Reply.String())
		default:
			lines = append(lines, r.Stage.Command()+": "+r.Reply.String())
		}
	}
	return strings.Join(lines, "\n")
}

func trim(s string) string {
	var lines []string
	for _, l := range strings.Split(strings.TrimSpace(s), "\n") {
		lines = append(lines, strings.TrimSpace(l))
	}
	return strings.Join(lines, "\n")
}
