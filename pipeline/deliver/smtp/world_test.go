package smtp_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/mtad/mtad/core/dns"
	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/maillog"
	"github.com/mtad/mtad/pipeline/deliver/smtp"
	"github.com/mtad/mtad/queue"
)

// world is everything around an agent: names, servers at addresses, a log. Its servers play
// scripts over real sockets on loopback, whatever address they are called by.
type world struct {
	t     *testing.T
	mx    map[string][]dns.MX
	addrs map[string][]netip.Addr
	fails map[string]error // of lookups, by "MX name" or "A name"

	mu      sync.Mutex
	scripts map[string][]string // by "address:port" or path, one per connection
	dialled []string
	log     bytes.Buffer
	flush   func()
	tls     *tls.Config // of the servers; nil for serverTLS
	pipes   bool        // instead of sockets, for tests in a bubble
	onCall  func()      // what CALL in a script, and HANG, call
	running sync.WaitGroup
}

func newWorld(t *testing.T) *world {
	return &world{t: t, mx: map[string][]dns.MX{}, addrs: map[string][]netip.Addr{},
		fails: map[string]error{}, scripts: map[string][]string{}, onCall: func() {}}
}

// domain publishes MX records: "10 mx1.to.test" and so on.
func (w *world) domain(name string, records ...string) {
	for _, r := range records {
		var mx dns.MX
		if _, err := fmt.Sscan(r, &mx.Pref, &mx.Host); err != nil {
			w.t.Fatal(err)
		}
		w.mx[name] = append(w.mx[name], mx)
	}
}

// host publishes addresses.
func (w *world) host(name string, addrs ...string) {
	for _, a := range addrs {
		w.addrs[name] = append(w.addrs[name], netip.MustParseAddr(a))
	}
}

// server plays a script with the next connection to an address. The script "HANG" accepts no
// connection until the caller gives up.
func (w *world) server(addr string, scripts ...string) {
	w.scripts[addr] = append(w.scripts[addr], scripts...)
}

// usual is a domain with two hosts; most tests live there.
func (w *world) usual() {
	w.domain("to.test", "10 mx1.to.test", "20 mx2.to.test")
	w.host("mx1.to.test", "192.0.2.1")
	w.host("mx2.to.test", "192.0.2.2")
}

func (w *world) MX(_ context.Context, name string) ([]dns.MX, error) {
	if err := w.fails["MX "+name]; err != nil {
		return nil, err
	}
	if mx := w.mx[name]; mx != nil {
		return append([]dns.MX(nil), mx...), nil
	}
	return nil, &dns.Error{Status: dns.NoData, Name: name, Type: dns.TypeMX}
}

func (w *world) Addrs(_ context.Context, name string, want dns.Family) ([]netip.Addr, error) {
	if err := w.fails["A "+name]; err != nil {
		return nil, err
	}
	var found []netip.Addr
	for _, a := range w.addrs[name] {
		if a.Is4() && want&dns.IPv4 != 0 || a.Is6() && want&dns.IPv6 != 0 {
			found = append(found, a)
		}
	}
	if found == nil {
		return nil, &dns.Error{Status: dns.NXDomain, Name: name, Type: dns.TypeA}
	}
	return found, nil
}

func (w *world) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	w.mu.Lock()
	w.dialled = append(w.dialled, addr)
	scripts := w.scripts[addr]
	if len(scripts) > 0 {
		w.scripts[addr] = scripts[1:]
	}
	w.mu.Unlock()
	switch {
	case len(scripts) == 0:
		return nil, &net.OpError{Op: "dial", Net: network, Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	case scripts[0] == "HANG":
		w.onCall()
		<-ctx.Done()
		return nil, ctx.Err()
	}
	nc, peer, err := w.connection()
	if err != nil {
		return nil, err
	}
	w.running.Add(1)
	go func() {
		defer w.running.Done()
		w.play(addr, peer, scripts[0])
	}()
	return nc, nil
}

func (w *world) connection() (client, server net.Conn, err error) {
	if w.pipes {
		client, server = net.Pipe()
		return client, server, nil
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	defer ln.Close()
	if client, err = net.Dial("tcp", ln.Addr().String()); err == nil {
		server, err = ln.Accept()
	}
	return client, server, err
}

// agent returns an agent in this world; the test ends when all connections have.
func (w *world) agent(edit ...func(*smtp.Options)) *smtp.Agent {
	w.t.Helper()
	return w.agentWith(w.sane(), edit...)
}

// sane returns options that are good for an agent in this world.
func (w *world) sane() smtp.Options {
	o := smtp.Defaults(false)
	log := maillog.New(maillog.Options{Writer: &w.log})
	w.flush = log.Flush
	o.Log, o.Resolver, o.Hostname, o.Dial = log.Service("smtp"), w, "me.test", w.dial
	return o
}

func (w *world) agentWith(o smtp.Options, edit ...func(*smtp.Options)) *smtp.Agent {
	w.t.Helper()
	for _, f := range edit {
		f(&o)
	}
	a, err := smtp.New(o)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		a.Close()
		w.running.Wait()
		for addr, left := range w.scripts {
			if len(left) > 0 {
				w.t.Errorf("%d connections to %s did not come", len(left), addr)
			}
		}
		w.flush()
	})
	return a
}

// logged returns the log so far without time stamps.
func (w *world) logged() string {
	w.flush()
	var b strings.Builder
	for _, line := range strings.Split(strings.TrimSpace(w.log.String()), "\n") {
		_, text, _ := strings.Cut(line, "]: ")
		b.WriteString(text + "\n")
	}
	return strings.TrimSpace(b.String())
}

// play is a peer, line by line:
//
//	S: 250 ok      the peer says this
//	C: RCPT …      the client must say exactly this
//	C~ EHLO        the client must say something that begins so
//	TLS            the peer starts TLS as a server
//	SCRAM pass     the peer authenticates a client by SCRAM-SHA-256; CHEAT: it only says so
//	CALL           the test is called
//	GONE           the peer says nothing more
//	CLOSE          the peer closes
//
// Behind the script the client may say QUIT, and nothing else.
func (w *world) play(addr string, nc net.Conn, script string) {
	t := w.t
	defer func() { nc.Close() }()
	if !w.pipes {
		nc.SetDeadline(time.Now().Add(30 * time.Second))
	}
	r := bufio.NewReader(nc)
	for _, line := range strings.Split(strings.TrimSpace(script), "\n") {
		line = strings.TrimLeft(line, "\t")
		what, rest, _ := strings.Cut(line, " ")
		switch what {
		case "":
		case "S:":
			if _, err := nc.Write([]byte(rest + "\r\n")); err != nil {
				t.Errorf("%s cannot say %q: %v", addr, rest, err)
				return
			}
		case "C:", "C~":
			got, err := r.ReadString('\n')
			got = strings.TrimSuffix(got, "\r\n")
			if err != nil || got != rest && (what == "C:" || !strings.HasPrefix(got, rest)) {
				t.Errorf("client said %q to %s (%v); want %q", got, addr, err, rest)
				return
			}
		case "TLS":
			conf := w.tls
			if conf == nil {
				conf = serverTLS(t)
			}
			nc = tls.Server(nc, conf)
			r = bufio.NewReader(nc)
		case "SCRAM", "CHEAT":
			if err := playSCRAM(r, nc, rest, what == "CHEAT"); err != nil {
				t.Errorf("SCRAM: %v", err)
				return
			}
		case "CALL":
			w.onCall()
		case "GONE":
			if _, err := r.ReadByte(); err == nil {
				t.Errorf("client said more to %s", addr)
			}
			return
		case "CLOSE":
			return
		default:
			t.Errorf("script: %q", line)
			return
		}
	}
	if rest, err := r.ReadString('\n'); err == nil && rest != "QUIT\r\n" {
		t.Errorf("client said more to %s: %q", addr, rest)
	}
}

// hello is how a session with a host begins; each offer is one word, "_" for space.
func hello(name string, offers ...string) string {
	s := "S: 220 " + name + " ESMTP\nC: EHLO me.test\nS: 250-" + name + "\n"
	for _, o := range offers {
		s += "S: 250-" + strings.ReplaceAll(o, "_", " ") + "\n"
	}
	return s + "S: 250 HELP\n"
}

const offers = "PIPELINING"

// takes is the rest of a session with a host that takes the usual message for recipients.
func takes(rcpts ...string) string {
	s := "C: MAIL FROM:<a@from.test>\n"
	for _, r := range rcpts {
		s += "C: RCPT TO:<" + r + ">\n"
	}
	s += "C: DATA\nS: 250 2.1.0 ok\n"
	s += strings.Repeat("S: 250 2.1.5 ok\n", len(rcpts))
	return s + "S: 354 go\nC: Subject: x\nC: \nC: hello\nC: .\nS: 250 2.0.0 Ok: queued as 1A\n"
}

const text = "Subject: x\r\n\r\nhello\r\n"

// request is the usual message to the usual nexthop.
func request(rcpts ...string) *queue.Request {
	r := &queue.Request{Transport: "smtp", Nexthop: "to.test", Entry: &queue.Entry{}}
	r.Entry.ID, r.Entry.Sender, r.Entry.Arrived = "4TEST", "a@from.test", time.Now()
	for _, a := range rcpts {
		r.Recipients = append(r.Recipients, mail.Recipient{Address: a, Original: a})
	}
	r.Entry.Recipients = r.Recipients
	return withText(r, text)
}

func withText(r *queue.Request, text string) *queue.Request {
	r.Entry.Size = int64(len(text))
	r.Open = func() (mail.Content, error) { return mail.Bytes(text), nil }
	return r
}

func (w *world) deliver(a *smtp.Agent, r *queue.Request) []queue.Result {
	w.t.Helper()
	results := a.Deliver(w.t.Context(), r)
	if len(results) != len(r.Recipients) {
		w.t.Fatalf("%d results for %d recipients", len(results), len(r.Recipients))
	}
	return results
}

// shown renders results as the log does: "outcome dsn relay (text)", and flags.
func shown(results []queue.Result) string {
	var b strings.Builder
	for _, r := range results {
		text := r.Reply.Text
		if r.Outcome == queue.Sent {
			text = r.Reply.String()
		}
		fmt.Fprintf(&b, "%s %s %s (%s)", r.Outcome, r.Reply.DSN(), r.Relay, text)
		if r.DeadSite {
			b.WriteString(" dead")
		}
		if r.DSNRelayed {
			b.WriteString(" dsn")
		}
		if r.ConnUse > 1 {
			fmt.Fprintf(&b, " use %d", r.ConnUse)
		}
		b.WriteByte('\n')
	}
	return strings.TrimSpace(b.String())
}

func expect(t *testing.T, results []queue.Result, want string) {
	t.Helper()
	if got := shown(results); got != trim(want) {
		t.Errorf("got:\n%s\nwant:\n%s", got, trim(want))
	}
}

func trim(s string) string {
	var lines []string
	for _, l := range strings.Split(strings.TrimSpace(s), "\n") {
		lines = append(lines, strings.TrimSpace(l))
	}
	return strings.Join(lines, "\n")
}
