package smtp_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gosmtp "github.com/emersion/go-smtp"
	"github.com/mtad/mtad/core/dns/dnstest"
	"github.com/mtad/mtad/core/maillog"
	"github.com/mtad/mtad/pipeline/deliver/smtp"
	"github.com/mtad/mtad/queue"
)

// inbox is an independent server's mail: go-smtp's server keeps it here.
type inbox struct {
	mu    sync.Mutex
	mails []string // "sender recipients\ntext"
	conns int
}

type inboxSession struct {
	box    *inbox
	sender string
	rcpts  []string
}

func (b *inbox) NewSession(*gosmtp.Conn) (gosmtp.Session, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.conns++
	return &inboxSession{box: b}, nil
}

func (s *inboxSession) Mail(from string, _ *gosmtp.MailOptions) error {
	s.sender, s.rcpts = from, nil
	return nil
}

func (s *inboxSession) Rcpt(to string, _ *gosmtp.RcptOptions) error {
	if strings.HasPrefix(to, "nobody") {
		return &gosmtp.SMTPError{Code: 550, EnhancedCode: gosmtp.EnhancedCode{5, 1, 1}, Message: "who"}
	}
	s.rcpts = append(s.rcpts, to)
	return nil
}

func (s *inboxSession) Data(r io.Reader) error {
	text, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	s.box.mu.Lock()
	defer s.box.mu.Unlock()
	s.box.mails = append(s.box.mails, s.sender+" "+strings.Join(s.rcpts, " ")+"\n"+string(text))
	return nil
}

func (s *inboxSession) LMTPData(r io.Reader, status gosmtp.StatusCollector) error {
	if err := s.Data(r); err != nil {
		return err
	}
	for _, to := range s.rcpts {
		if strings.HasPrefix(to, "full") {
			status.SetStatus(to, &gosmtp.SMTPError{Code: 452, EnhancedCode: gosmtp.EnhancedCode{4, 2, 2}, Message: "full"})
		} else {
			status.SetStatus(to, nil)
		}
	}
	return nil
}

// all returns the mails, and the number of connections they came by.
func (b *inbox) all() (mails []string, conns int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.mails), b.conns
}

func (*inboxSession) Reset()        {}
func (*inboxSession) Logout() error { return nil }

// serve runs go-smtp's server until the test ends.
func serve(t testing.TB, network, addr string, lmtp bool) (*inbox, net.Addr) {
	t.Helper()
	box := &inbox{}
	s := gosmtp.NewServer(box)
	s.Domain, s.LMTP, s.EnableSMTPUTF8, s.MaxLineLength = "mx.to.test", lmtp, true, 1<<20
	s.ErrorLog = silent{}
	ln, err := net.Listen(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve(ln) }()
	t.Cleanup(func() { s.Close(); <-done })
	return box, ln.Addr()
}

type silent struct{}

func (silent) Printf(string, ...any) {}
func (silent) Println(...any)        {}

// real returns an agent without any fake around it, but for its resolver if it has one.
func real(t testing.TB, o smtp.Options) *smtp.Agent {
	t.Helper()
	o.Log, o.Hostname = maillog.Discard().Service("smtp"), "me.test"
	a, err := smtp.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	return a
}

// messages are texts that something on the way might harm.
func messages() []string {
	return []string{
		text,
		"",
		".\r\n..\r\n.a\r\n\r\n.\r\n",
		"Subject: gr\xfcn\r\n\r\n\x00\xff\r\n",
		"Subject: a mail in a mail\r\n\r\nMAIL FROM:<evil@from.test>\r\nRCPT TO:<x@to.test>\r\nDATA\r\n",
		"X: " + strings.Repeat("y", 100_000) + "\r\n\r\n" + strings.Repeat("z\r\n", 50_000),
		strings.Repeat("A: b\r\n", 10_000) + "\r\n",
		strings.Repeat(".\r\n", 70_000),
	}
}

func TestGoSMTPServerGetsWhatWeSend(t *testing.T) {
	box, addr := serve(t, "tcp", "127.0.0.1:0", false)
	a := real(t, smtp.Defaults(false))
	for i, m := range messages() {
		r := withText(request("x@to.test", "nobody@to.test"), m)
		r.Nexthop = fmt.Sprintf("[127.0.0.1]:%d", addr.(*net.TCPAddr).Port)
		got := a.Deliver(t.Context(), r)
		if got[0].Outcome != queue.Sent || got[1].Outcome != queue.Bounced || got[1].Reply.Enhanced != "5.1.1" {
			t.Fatalf("message %d:\n%s", i, shown(got))
		}
		want := "a@from.test x@to.test\n" + m
		if mails, conns := box.all(); len(mails) != i+1 || conns != 1 || mails[i] != want {
			t.Errorf("%d mails by %d connections; message %d of %d bytes arrived as %.100q",
				len(mails), conns, i, len(want), mails[len(mails)-1])
		}
	}
}

func TestGoSMTPServerStartsTLS(t *testing.T) {
	box := &inbox{}
	s := gosmtp.NewServer(box)
	s.Domain, s.TLSConfig, s.ErrorLog = "mx.to.test", serverTLS(t), silent{}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve(ln) }()
	defer func() { s.Close(); <-done }()
	o := smtp.Defaults(false)
	o.TLS.Level, o.TLS.Sessions, o.IdleTime = "encrypt", 10, 0
	a := real(t, o)
	for range 2 { // the second time the session is resumed
		r := request("x@to.test")
		r.Nexthop = fmt.Sprintf("[127.0.0.1]:%d", ln.Addr().(*net.TCPAddr).Port)
		if got := a.Deliver(t.Context(), r); got[0].Outcome != queue.Sent {
			t.Fatal(shown(got))
		}
	}
	if mails, conns := box.all(); len(mails) != 2 || conns < 2 {
		t.Errorf("%d mails by %d connections", len(mails), conns)
	}
}

func TestGoSMTPServerSpeaksLMTPOverAUnixSocket(t *testing.T) {
	dir := t.TempDir()
	box, _ := serve(t, "unix", filepath.Join(dir, "lmtp"), true)
	o := smtp.Defaults(true)
	o.SocketDir = dir
	a := real(t, o)
	for i, m := range messages() {
		r := withText(request("x@to.test", "nobody@to.test", "full@to.test"), m)
		r.Nexthop = "unix:lmtp"
		got := a.Deliver(t.Context(), r)
		relay := "me.test[" + filepath.Join(dir, "lmtp") + "]"
		want := "sent 2.0.0 " + relay + " (250 2.0.0 <x@to.test> OK: queued)"
		if i > 0 {
			want += fmt.Sprintf(" use %d", i+1)
		}
		have := strings.SplitN(shown(got), "\n", 2)[0]
		if have != want || got[1].Outcome != queue.Bounced || got[2].Outcome != queue.Deferred4 ||
			got[2].Reply.Text != "host "+relay+" said: 452 4.2.2 <full@to.test> full (in reply to end of DATA command)" {
			t.Fatalf("message %d:\n%s\nwant:\n%s", i, shown(got), want)
		}
		if mails, conns := box.all(); len(mails) != i+1 || conns != 1 || mails[i] != "a@from.test x@to.test full@to.test\n"+m {
			t.Errorf("%d mails by %d connections; message %d arrived as %.100q", len(mails), conns, i, mails[len(mails)-1])
		}
	}
}

func TestNoSocketThere(t *testing.T) {
	o := smtp.Defaults(true)
	o.SocketDir = t.TempDir()
	r := request("x@to.test")
	r.Nexthop = "unix:lmtp"
	expect(t, real(t, o).Deliver(t.Context(), r),
		"deferred 4.4.1 none (connect to me.test["+o.SocketDir+"/lmtp]: No such file or directory) dead")
}

// The DNS and the sockets are real ones here.
func TestDNSLeadsToTheServer(t *testing.T) {
	box, addr := serve(t, "tcp", "127.0.0.1:0", false)
	srv := dnstest.Start(t, `
		to.test.      MX  10 dead.to.test.
		to.test.      MX  20 mx.to.test.
		dead.to.test. A   127.0.0.2
		mx.to.test.   A   127.0.0.1
		null.test.    MX  0 .
	`)
	srv.Always("slow.test.", "MX", dnstest.Rcode(2))
	o := smtp.Defaults(false)
	o.Resolver, o.Port = srv.Resolver(), uint16(addr.(*net.TCPAddr).Port)
	a := real(t, o)
	for _, c := range []struct{ nexthop, want string }{
		{"to.test", fmt.Sprintf("sent 2.0.0 mx.to.test[127.0.0.1]:%d (250 2.0.0 OK: queued)", o.Port)},
		{"null.test", "bounced 5.1.10 none (Domain null.test does not accept mail (nullMX))"},
		{"none.test", "bounced 5.4.4 none (Host or domain name not found. Name service error for name=none.test type=A: Host not found)"},
		{"slow.test", "deferred 4.4.3 none (Host or domain name not found. Name service error for name=slow.test type=MX: Host not found, try again) dead"},
	} {
		r := request("x@to.test")
		r.Nexthop = c.nexthop
		expect(t, a.Deliver(t.Context(), r), c.want)
	}
	if mails, _ := box.all(); len(mails) != 1 {
		t.Errorf("%d mails", len(mails))
	}
}

func TestManyDeliveriesAtOnce(t *testing.T) {
	box, addr := serve(t, "tcp", "127.0.0.1:0", false)
	o := smtp.Defaults(false)
	o.MaxIdle = 5
	a := real(t, o)
	const workers, each = 20, 25
	var wg sync.WaitGroup
	for i := range workers {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for j := range each {
				m := fmt.Sprintf("Subject: %d.%d\r\n\r\n", i, j) + strings.Repeat("x\r\n", 10*j)
				r := withText(request(fmt.Sprintf("u%d-%d@to.test", i, j)), m)
				r.Nexthop = fmt.Sprintf("[127.0.0.1]:%d", addr.(*net.TCPAddr).Port)
				if got := a.Deliver(t.Context(), r); got[0].Outcome != queue.Sent {
					t.Error(shown(got))
				}
			}
		}()
	}
	wg.Wait()
	mails, _ := box.all()
	slices.Sort(mails)
	if n := len(slices.Compact(slices.Clone(mails))); len(mails) != workers*each || n != workers*each {
		t.Errorf("%d mails, %d different ones", len(mails), n)
	}
}

// Postfix's own test server.
func TestSMTPSink(t *testing.T) {
	sink, err := exec.LookPath("smtp-sink")
	if err != nil {
		if sink, err = exec.LookPath("/usr/sbin/smtp-sink"); err != nil {
			t.Skip("smtp-sink is not installed (Debian package: postfix)")
		}
	}
	for _, c := range []struct {
		name string
		lmtp bool
		args []string
	}{
		{"smtp", false, nil},
		{"smtp without pipelining", false, []string{"-p"}},
		{"smtp without extensions", false, []string{"-e"}},
		{"lmtp", true, []string{"-L"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			addr := startSink(t, sink, dir, c.args)
			a := real(t, smtp.Defaults(c.lmtp))
			all := messages()[:7] // Postfix's server refuses none of them
			for _, m := range all {
				r := withText(request("x@to.test", "y@to.test"), m)
				r.Nexthop = "[127.0.0.1]:" + addr[strings.LastIndexByte(addr, ':')+1:]
				for _, res := range a.Deliver(t.Context(), r) {
					if res.Outcome != queue.Sent {
						t.Errorf("%+v", res)
					}
				}
			}
			a.Close()
			compareDumps(t, dir, all)
		})
	}
}

func startSink(t *testing.T, sink, dir string, args []string) (addr string) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr = ln.Addr().String()
	ln.Close()
	cmd := exec.Command(sink, append(args, "-d", filepath.Join(dir, "dump."), addr, "10")...)
	if os.Getuid() == 0 {
		cmd.Args = append([]string{sink, "-u", "nobody"}, cmd.Args[1:]...)
		if err := os.Chmod(dir, 0o777); err != nil {
			t.Fatal(err)
		}
		for d := dir; d != "/tmp" && d != "/"; d = filepath.Dir(d) {
			_ = os.Chmod(d, 0o777)
		}
	}
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { defer close(ended); _ = cmd.Wait() }()
	t.Cleanup(func() { _ = cmd.Process.Kill(); <-ended })
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(10 * time.Second); !greets(addr); {
		select {
		case <-tick.C:
		case <-ended:
			t.Skipf("smtp-sink cannot run here: %s", strings.TrimSpace(said.String()))
		case <-deadline:
			t.Fatal("smtp-sink does not listen")
		}
	}
	return addr
}

// greets reports whether a server at addr says something.
func greets(addr string) bool {
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		return false
	}
	defer nc.Close()
	nc.SetDeadline(time.Now().Add(30 * time.Second))
	_, err = nc.Read(make([]byte, 1))
	return err == nil
}

// compareDumps looks for each message in the files that the sink wrote, one per transaction, with
// plain line ends and some lines of its own in front.
func compareDumps(t *testing.T, dir string, want []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "dump.*"))
	if err != nil || len(files) != len(want) {
		t.Fatalf("%d dumps, %v", len(files), err)
	}
	var have []string
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		have = append(have, string(b))
	}
	for i, m := range want {
		found := false
		for _, h := range have {
			_, rest, ok := strings.Cut(h, "\nReceived: ")
			if !ok {
				t.Fatalf("a dump without Received: %.300q", h)
			}
			for range 3 { // its own header field has three lines
				_, rest, _ = strings.Cut(rest, "\n")
			}
			found = found || strings.TrimRight(rest, "\n") == strings.TrimRight(strings.ReplaceAll(m, "\r\n", "\n"), "\n")
		}
		if !found {
			t.Errorf("message %d (%.60q) is in no dump", i, m)
		}
	}
}
