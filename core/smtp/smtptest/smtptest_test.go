package smtptest_test

import (
	"crypto/tls"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	gosmtp "github.com/emersion/go-smtp"

	"github.com/mtad/mtad/core/smtp/smtptest"
)

// play plays both sides of scripts on a pipe and returns what each side says.
func play(t *testing.T, server, client string) (messages []string, serverErr, clientErr error) {
	t.Helper()
	a, b := net.Pipe()
	serverTLS, clientTLS := smtptest.TLS(t)
	var wg sync.WaitGroup
	s := &smtptest.Player{Side: smtptest.ServerSide, TLS: serverTLS}
	wg.Go(func() {
		serverErr = s.Play(a, server)
		_ = a.Close()
	})
	c := &smtptest.Player{Side: smtptest.ClientSide, TLS: clientTLS}
	clientErr = c.Play(b, client)
	_ = b.Close()
	wg.Wait()
	return s.Messages, serverErr, clientErr
}

const whole = `
	# One script for both sides.
	S: 220 mx
	C: EHLO x
	S: 250-mx
	S: 250 STARTTLS

	C: STARTTLS
	S: 220 go
	! starttls
	C: DATA
	S= "354 "
	S= "go\r\n"
`

func TestOneScriptServesBothSides(t *testing.T) {
	messages, serverErr, clientErr := play(t,
		whole+"C...\nC#3\nS: 250 ok\nS: anything\n",
		whole+"C: .\nC= \"\\n.\\n\"\nS: ~2\\d0 [a-z]+\nS: *\n")
	if serverErr != nil || clientErr != nil {
		t.Fatal(serverErr, clientErr)
	}
	if len(messages) != 2 || messages[0] != "" || messages[1] != "\n.\n" {
		t.Fatalf("messages %q", messages)
	}
}

func TestWhatDoesNotGoAsWrittenIsAnError(t *testing.T) {
	for _, c := range []struct{ name, server, client, want string }{
		{"another line", "S: 220 mx", "S: 221 mx", `line 1 of the script, "S: 221 mx": got "220 mx"`},
		{"a line that does not match", "S: 220 mx", "S: ~22", `got "220 mx"`},
		{"a bad expression", "S: 220 mx", "S: ~(", "missing closing"},
		{"other bytes", `S= "abc"`, `S= "abd"`, `got "abc"`},
		{"a bare newline", `S= "220 mx\n"`, "S: 220 mx", "does not end in CRLF"},
		{"the end of the connection", "! close", "S: 220 mx", "EOF"},
		{"more than the end", "S: 220 mx", "! eof", `got "220 mx\r\n"`},
		{"a message that is cut off", "S= \"a\\r\\n.\"\n! close", "S...", "EOF"},
		{"bytes that are cut off", "S= \"a\"\n! close", "S#2", "EOF"},
		{"no line", "", "hello", "no line of a script"},
		{"an unknown kind", "", "S? x", "no line of a script"},
		{"an unknown action", "", "! dance", "no action of a script"},
		{"no number", "", "S#x", "invalid syntax"},
		{"no string", "", `C= x`, "invalid syntax"},
		{"no duration", "", `! wait x`, "invalid duration"},
		{"one's own message", "", "C...", "only the other side"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, err := play(t, c.server, c.client)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

func TestGoSMTPsClientIsPlayedTo(t *testing.T) {
	srv := smtptest.NewServer(t, `
		S: 220 mx ESMTP
		C: ~EHLO .*
		S: 250-mx
		S: 250 STARTTLS
		C: STARTTLS
		S: 220 go
		! starttls
		C: ~EHLO .*
		S: 250 mx
		C: MAIL FROM:<a@b.example>
		S: 250 ok
		C: RCPT TO:<c@d.example>
		S: 250 ok
		C: DATA
		S: 354 go
		C...
		S: 250 kept
		C: QUIT
		S: 221 bye
	`, `
		S: 421 not now
		! close
	`)
	c, err := gosmtp.DialStartTLS(srv.Addr(), srv.ClientTLS())
	if err != nil {
		t.Fatal(err)
	}
	if err := c.SendMail("a@b.example", []string{"c@d.example"}, strings.NewReader("hello\r\n.dot\r\n")); err != nil {
		t.Fatal(err)
	}
	if err := c.Quit(); err != nil {
		t.Fatal(err)
	}
	srv.Wait(1)
	if m := srv.Messages(); len(m) != 1 || m[0] != "hello\r\n..dot\r\n" {
		t.Fatalf("messages %q", m)
	}
	for range 2 { // the last script is played again
		smtptest.DialClient(t, srv.Addr()).Play("S: 421 not now\n! eof")
	}
	srv.Wait(3)
	if n := srv.Connections(); n != 3 {
		t.Fatalf("%d connections", n)
	}
}

func TestAServerThatHangsOrResetsEndsWithTheTest(t *testing.T) {
	var hanging net.Conn
	t.Run("the test", func(t *testing.T) {
		srv := smtptest.NewServer(t, "S: 220 mx\n! hang", "S: 220 mx\nC: EHLO x\n! reset", "S: 220 mx\n! hang")
		hanging = smtptest.Dial(t, srv.Addr())
		smtptest.Dialogue(t, hanging, "S: 220 mx\nC: EHLO x")
		smtptest.DialClient(t, srv.Addr()).Play("S: 220 mx\nC: EHLO x\n! eof")
		smtptest.DialClient(t, srv.Addr()).Play("S: 220 mx\n! close")
		srv.Wait(2)
	})
	if _, err := hanging.Read(make([]byte, 1)); err == nil {
		t.Fatal("the connection outlived its test")
	}
}

func TestAUnixSocketIsServedWithTLS(t *testing.T) {
	l, err := net.Listen("unix", t.TempDir()+"/lmtp")
	if err != nil {
		t.Fatal(err)
	}
	srv := smtptest.NewServerOn(t, l, "! starttls\nS: 220 mx LMTP\nC: LHLO x\nS: 250 mx")
	nc, err := net.Dial("unix", srv.Addr())
	if err != nil {
		t.Fatal(err)
	}
	c := tls.Client(nc, srv.ClientTLS())
	smtptest.Dialogue(t, c, "S: 220 mx LMTP\nC: LHLO x\nS: 250 mx")
	_ = c.Close()
	srv.Wait(1)
	if _, err := io.ReadAll(nc); err == nil {
		t.Fatal("the connection is still open")
	}
}
