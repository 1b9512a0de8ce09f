package smtp_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	gosmtp "github.com/emersion/go-smtp"

	"github.com/mtad/mtad/core/smtp"
	"github.com/mtad/mtad/core/smtp/smtptest"
)

// TestGoSMTPsClientIsServed has an independent peer: what it says is not what we think that
// clients say.
func TestGoSMTPsClientIsServed(t *testing.T) {
	server, client := smtptest.TLS(t)
	o := smtp.Defaults()
	o.TLS = server
	p := newPolicy()
	p.extensions = []string{"AUTH PLAIN"}
	_, address := start(t, o, p)
	c, err := gosmtp.DialStartTLS(address, client)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check(c.Hello("client.example.org"))
	check(c.Auth(sasl.NewPlainClient("", "user", "pass")))
	check(c.Noop())
	text := "Subject: x\r\n\r\n.dot\r\n" + strings.Repeat(strings.Repeat("y", 998)+"\r\n", 200)
	for range 2 {
		check(c.Mail("ä@b.example", &gosmtp.MailOptions{Size: int64(len(text)), Body: gosmtp.Body8BitMIME, UTF8: true,
			Return: gosmtp.DSNReturnHeaders, EnvelopeID: "QQ=1"}))
		check(c.Rcpt("a@b.example", &gosmtp.RcptOptions{Notify: []gosmtp.DSNNotify{gosmtp.DSNNotifyDelayed, gosmtp.DSNNotifyFailure},
			OriginalRecipientType: gosmtp.DSNAddressTypeRFC822, OriginalRecipient: "c+d@b.example"}))
		w, err := c.Data()
		check(err)
		_, err = io.WriteString(w, text)
		check(err)
		check(w.Close())
	}
	check(c.Reset())
	check(c.Quit())
	waitClosed(t, p)
	if m := p.messages(); len(m) != 2 || m[0] != text || m[1] != text {
		t.Fatalf("%d messages, not as they were sent", len(m))
	}
	compare(t, "calls", p.history()[:6], []string{"ehlo localhost", "ehlo client.example.org", "auth PLAIN",
		fmt.Sprintf("mail <ä@b.example> size=%d 8bitmime smtputf8 hdrs envid=QQ+3D1", len(text)),
		"rcpt <a@b.example> failure delay orcpt=RFC822;c+2Bd@b.example", "data"})
}

// countingConn counts the writes on a connection.
type countingConn struct {
	net.Conn
	writes atomic.Int32
}

func (c *countingConn) Write(p []byte) (int, error) {
	c.writes.Add(1)
	return c.Conn.Write(p)
}

func TestRepliesToAGroupOfCommandsLeaveInOneWrite(t *testing.T) {
	server, client := net.Pipe()
	nc := &countingConn{Conn: server}
	srv := smtp.New(smtp.Defaults(), newPolicy())
	var serving sync.WaitGroup
	serving.Go(func() { _ = srv.ServeConn(t.Context(), nc) })
	r := bufio.NewReader(client)
	groups := int32(0)
	round := func(send string, replies int) {
		t.Helper()
		sent := make(chan error, 1)
		go func() { _, err := io.WriteString(client, send); sent <- err }()
		for range replies {
			for line := "250-"; line[3] == '-'; {
				var err error
				if line, err = r.ReadString('\n'); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := <-sent; err != nil {
			t.Fatal(err)
		}
		if groups++; nc.writes.Load() != groups {
			t.Errorf("%q: %d writes for %d groups", send, nc.writes.Load(), groups)
		}
	}
	round("", 1)
	round("EHLO x\r\n", 1)
	round("MAIL FROM:<a@b.example>\r\nRCPT TO:<a@b.example>\r\nRCPT TO:<b@b.example>\r\nDATA\r\n", 4)
	round("text\r\n.\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<a@b.example>\r\nRC", 3)
	round("PT TO:<b@b.example>\r\nNOOP", 1)
	round("\r\n", 1)
	round("BDAT 3\r\nab\nBDAT 1\r\n\nBDAT 1 LAST\r\n\nQUIT\r\n", 4)
	serving.Wait()
}

func TestManyPipelinedRepliesDoNotPileUp(t *testing.T) {
	server, client := net.Pipe()
	nc := &countingConn{Conn: server}
	srv := smtp.New(smtp.Defaults(), newPolicy())
	var serving sync.WaitGroup
	serving.Go(func() { _ = srv.ServeConn(t.Context(), nc) })
	const many = 2000
	serving.Go(func() {
		_, _ = io.WriteString(client, "EHLO x\r\n")
		for range many {
			_, _ = io.WriteString(client, "MAIL FROM:<a@b.example>\r\nRSET\r\n")
		}
	})
	n := 0
	for scan := bufio.NewScanner(client); n < 1+10+2*100 && scan.Scan(); n++ {
	}
	_ = client.Close()
	serving.Wait()
}

func TestTooManyConnectionsAreRefused(t *testing.T) {
	o := smtp.Defaults()
	o.Hostname, o.MaxConnections = "mx.example.com", 1
	p := newPolicy()
	_, address := start(t, o, p)
	first := smtptest.DialClient(t, address)
	first.Play("S: 220 mx.example.com ESMTP mtad")
	smtptest.DialClient(t, address).Play("S: 421 4.3.2 mx.example.com Error: too many connections\n! eof")
	first.Play("C: QUIT\nS: 221 2.0.0 Bye\n! eof")
}

func TestOneConnectionMoreThanProcessesWaits(t *testing.T) {
	o := smtp.Defaults()
	o.Hostname, o.Processes = "mx.example.com", 1
	_, address := start(t, o, newPolicy())
	first := smtptest.DialClient(t, address)
	first.Play("S: 220 mx.example.com ESMTP mtad")
	second := smtptest.DialClient(t, address)
	first.Play("C: QUIT\nS: 221 2.0.0 Bye\n! eof")
	second.Play("S: 220 mx.example.com ESMTP mtad\nC: QUIT\nS: 221 2.0.0 Bye\n! eof")
}

func TestCommandLinesHaveTheirLimits(t *testing.T) {
	o := smtp.Defaults()
	o.SoftErrors, o.HardErrors = 0, 0
	o.MaxLocalPart = 5000
	p := newPolicy()
	_, address := start(t, o, p)
	nc := smtptest.Dial(t, address)
	script := []string{"S: 220 localhost ESMTP mtad"}
	try := func(command string, length int, accepted bool) {
		line := command + strings.Repeat("x", length-len(command)-len("\r\n"))
		script = append(script, "C: "+line)
		if accepted {
			script = append(script, "S: ~250 2.*")
		} else {
			script = append(script, "S: 500 5.5.2 Error: line too long")
		}
	}
	try("NOOP ", 512, true)
	try("NOOP ", 513, false)
	try("NOOP ", 4096, false)
	try("NOOP ", 4097, false)
	try("NOOP ", 70000, false)
	try("NOOP ", 1<<19, false)
	try("MAIL FROM:", 1181, true)
	try("MAIL FROM:", 1182, false)
	try("RCPT TO:", 1048, true)
	try("RCPT TO:", 1049, false)
	smtptest.Dialogue(t, nc, strings.Join(append(script, "C: QUIT", "S: 221 2.0.0 Bye"), "\n"))
}

func TestAuthLinesMayBeLong(t *testing.T) {
	p := newPolicy()
	p.extensions = []string{"AUTH PLAIN"}
	o := smtp.Defaults()
	o.DiscardKeywords = strings.Fields("PIPELINING SIZE VRFY ETRN AUTH 8BITMIME DSN SMTPUTF8 CHUNKING")
	_, address := start(t, o, p)
	base64 := strings.Repeat("QUFB", 12288/4-10)
	smtptest.DialClient(t, address).Play(strings.Join([]string{
		"S: 220 localhost ESMTP mtad", "C: EHLO x", "S: 250-localhost", "S: 250 ENHANCEDSTATUSCODES",
		"C: AUTH PLAIN " + base64, "S: 535 5.7.8 Error: authentication failed",
		"C: AUTH PLAIN", `S= "334 \r\n"`, "C: " + base64, "S: 535 5.7.8 Error: authentication failed",
		"C: AUTH PLAIN", `S= "334 \r\n"`, "C: " + base64 + base64, "S: 500 5.5.6 Error: authentication exchange line is too long",
		"C: AUTH PLAIN " + base64 + base64, "S: 500 5.5.2 Error: line too long",
		"C: QUIT", "S: 221 2.0.0 Bye"}, "\n"))
}

func TestAnEndlessLineIsCutOff(t *testing.T) {
	_, address := start(t, smtp.Defaults(), newPolicy())
	nc := smtptest.Dial(t, address)
	c := smtptest.NewClient(t, nc)
	c.Play("S: 220 localhost ESMTP mtad")
	var writing sync.WaitGroup
	writing.Go(func() {
		block := bytes.Repeat([]byte("x"), 64<<10)
		for {
			if _, err := nc.Write(block); err != nil {
				return
			}
		}
	})
	c.Play("S: 421 4.7.0 localhost Error: too many errors\n! eof")
	_ = nc.Close()
	writing.Wait()
}

// flood is a client's end of a connection that sends a preamble and then text without end, up to
// a size, and remembers nothing.
type flood struct {
	net.Conn
	preamble string
	line     []byte
	left     int64
	tail     string
}

func (f *flood) Read(p []byte) (int, error) {
	if f.preamble != "" {
		n := copy(p, f.preamble)
		f.preamble = f.preamble[n:]
		return n, nil
	}
	n := 0
	for f.left > 0 && n+len(f.line) <= len(p) {
		n += copy(p[n:], f.line)
		f.left -= int64(len(f.line))
	}
	if n > 0 {
		return n, nil
	}
	if f.tail == "" {
		return 0, io.EOF
	}
	n = copy(p, f.tail)
	f.tail = f.tail[n:]
	return n, nil
}

func (f *flood) Write(p []byte) (int, error)      { return len(p), nil }
func (f *flood) SetDeadline(time.Time) error      { return nil }
func (f *flood) SetReadDeadline(time.Time) error  { return nil }
func (f *flood) SetWriteDeadline(time.Time) error { return nil }
func (f *flood) Close() error                     { return nil }
func (f *flood) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (f *flood) RemoteAddr() net.Addr             { return &net.TCPAddr{} }

func TestAHugeTextAgainstTheLimitUsesNoMemory(t *testing.T) {
	o := smtp.Defaults()
	o.ForbidUnauthPipelining = false
	p := newPolicy()
	p.rules["message"] = "early 552 5.3.4 Error: message file too big" // the recorder would keep it
	srv := smtp.New(o, p)
	for _, line := range []string{"text\r\n", strings.Repeat("x", 1000), "\r", "\n", ".\n"} {
		nc := &flood{preamble: "HELO x\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<a@b.example>\r\nDATA\r\n",
			line: []byte(line), left: 2 << 20, tail: "\r\n.\r\nQUIT\r\n"}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if err := srv.ServeConn(t.Context(), nc); err != nil {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&after)
		if used := after.TotalAlloc - before.TotalAlloc; used > 256<<10 {
			t.Errorf("2 MiB of %.10q: %d bytes were allocated", line, used)
		}
	}
}

// observer is a policy that looks at the connection's own view of itself.
type observer struct {
	*policy
	tuning *smtp.Tuning
}

func (o *observer) Connect(ctx context.Context, c smtp.ConnInfo) (smtp.Session, error) {
	if _, err := o.policy.Connect(ctx, c); err != nil {
		return nil, err
	}
	return o, nil
}

func (o *observer) Adjust(t *smtp.Tuning) {
	if o.tuning != nil {
		*t = *o.tuning
	}
}

func (o *observer) Mail(ctx context.Context, m smtp.MailArgs) error {
	c := o.info
	o.note("%s esmtp=%t errors=%d ahead=%t tls=%t local=%t", c.Helo(), c.ESMTP(), c.Errors(), c.UnauthPipelining(), c.TLS() != nil,
		c.Remote().Addr().IsLoopback() && c.Local().Addr().IsLoopback() && c.Local().Port() != 0)
	return o.policy.Mail(ctx, m)
}

func (o *observer) Close(why error) {
	o.note("%s", o.info.Summary())
	o.policy.Close(why)
}

func TestASessionSeesTheStateOfItsConnection(t *testing.T) {
	server, _ := smtptest.TLS(t)
	opt := smtp.Defaults()
	opt.TLS, opt.ForbidUnauthPipelining = server, false
	o := &observer{policy: newPolicy()}
	_, address := start(t, opt, o)
	smtptest.DialClient(t, address).Play(`
		S: 220 localhost ESMTP mtad
		C: STARTTLS
		S: 220 2.0.0 Ready to start TLS
		! starttls
		C: FOO
		S: 500 5.5.2 Error: command not recognized
		C: HELO x
		C: NOOP
		S: 250 localhost
		S: 250 2.0.0 Ok
		C: MAIL FROM:<a@b.example>
		S: 250 2.1.0 Ok
		C: RCPT TO:<>
		S: 501 5.1.3 Bad recipient address syntax
		C: RCPT TO:<a@b.example>
		S: 250 2.1.5 Ok
		C: QUIT
		S: 221 2.0.0 Bye`)
	compare(t, "calls", waitClosed(t, o.policy), []string{
		`rejected "FOO" 500 5.5.2 Error: command not recognized`, "helo x",
		"x esmtp=false errors=1 ahead=true tls=true local=true", "mail <a@b.example>",
		`rejected "RCPT TO:<>" 501 5.1.3 Bad recipient address syntax`, "rcpt <a@b.example>", "reset",
		"helo=1 starttls=1 mail=1 rcpt=1/2 noop=1 quit=1 unknown=0/1 commands=6/8", "close"})
}

func TestASessionAdjustsOptionsForItself(t *testing.T) {
	opt := smtp.Defaults()
	o := &observer{policy: newPolicy(), tuning: &smtp.Tuning{
		DiscardKeywords: strings.Fields("pipelining vrfy etrn dsn smtputf8 8bitmime"), BareNewline: smtp.Reject, MaxMessageBytes: 42}}
	_, address := start(t, opt, o)
	smtptest.DialClient(t, address).Play(`
		S: 220 localhost ESMTP mtad
		C: EHLO x
		S: 250-localhost
		S: 250-SIZE 42
		S: 250-ENHANCEDSTATUSCODES
		S: 250 CHUNKING
		C: MAIL FROM:<a@b.example> SIZE=43
		S: 552 5.3.4 Message size exceeds fixed limit
		C= "NOOP\n"
		S: 550 5.5.2 localhost Error: bare <LF> received
		! eof`)
}

func TestServeConnServesAPairOfStreams(t *testing.T) {
	in, client, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	replies, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	srv := smtp.New(smtp.Defaults(), newPolicy())
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := srv.ServeConn(t.Context(), smtp.NewStream(in, out)); err != nil {
			t.Error(err)
		}
	})
	smtptest.Dialogue(t, smtp.NewStream(replies, client), `
		S: 220 localhost ESMTP mtad
		C: HELO x
		S: 250 localhost
		C: QUIT
		S: 221 2.0.0 Bye
		! eof`)
	serving.Wait()
}

func TestAUnixSocketIsServed(t *testing.T) {
	l, err := net.Listen("unix", t.TempDir()+"/s")
	if err != nil {
		t.Fatal(err)
	}
	srv := smtp.New(smtp.Defaults(), newPolicy())
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- srv.Serve(ctx, l) }()
	nc, err := net.Dial("unix", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c := smtptest.NewClient(t, nc)
	c.Play("S: 220 localhost ESMTP mtad\nC: NOOP\nS: 250 2.0.0 Ok")
	cancel()
	c.Play("S: 421 4.3.2 localhost Service shutting down\n! eof")
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if err := srv.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := srv.Serve(context.Background(), l); !errors.Is(err, smtp.ErrServerClosed) {
		t.Fatal(err)
	}
}

func TestAClientThatTalksBeforeTheGreetingIsOutOfTurn(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nc := smtptest.Dial(t, l.Addr().String())
	if _, err := io.WriteString(nc, "EHLO x\r\n"); err != nil {
		t.Fatal(err)
	}
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	p := newPolicy()
	srv := smtp.New(smtp.Defaults(), p)
	done := make(chan error, 1)
	go func() { done <- srv.ServeConn(t.Context(), server) }()
	smtptest.Dialogue(t, nc, "S: 554 5.5.0 Error: SMTP protocol synchronization\n! eof\n! close")
	if err := <-done; !errors.Is(err, smtp.ErrPipelining) {
		t.Fatal(err)
	}
}

func TestTheReplyOfALongPolicyTextIsParted(t *testing.T) {
	p := newPolicy()
	p.rules["mail <a@b.example>"] = "550 5.7.1 " + strings.Repeat("word ", 300) + strings.Repeat("x", 1200) + "\x00\t\x7fend"
	_, address := start(t, smtp.Defaults(), p)
	nc := smtptest.Dial(t, address)
	smtptest.Dialogue(t, nc, "S: 220 localhost ESMTP mtad\nC: MAIL FROM:<a@b.example>")
	r := bufio.NewReader(nc)
	text := ""
	for more := true; more; {
		line, err := r.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if len(line) > 512 || !strings.HasPrefix(line, "550-5.7.1 ") && !strings.HasPrefix(line, "550 5.7.1 ") {
			t.Fatalf("%d octets: %q", len(line), line)
		}
		more = line[3] == '-'
		text += strings.TrimSuffix(line[len("550 5.7.1 "):], "\r\n")
		if !strings.HasSuffix(text, "x") {
			text += " "
		}
	}
	want := strings.Repeat("word ", 300) + strings.Repeat("x", 1200) + "? ?end "
	if text != want {
		t.Fatalf("got %q", text)
	}
}

var _ smtp.Adjuster = (*observer)(nil)
