package pipe_test

import (
	"bytes"
	"context"
	"io"
	"net/netip"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/maillog"
	"github.com/mtad/mtad/pipeline/deliver/pipe"
	"github.com/mtad/mtad/queue"
)

// patience bounds what should be over long before.
const patience = 60 * time.Second

// self is who the commands of these tests run as: with root's rights nobody, else the tester.
func self(t testing.TB) string {
	t.Helper()
	if os.Geteuid() == 0 {
		if _, err := user.Lookup("nobody"); err != nil {
			t.Skip("needs the account nobody")
		}
		return "nobody"
	}
	u, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	return u.Username
}

// world is a directory that commands may read and write, and what a service is made of.
type world struct {
	t   testing.TB
	dir string
	log bytes.Buffer
	o   pipe.Options
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir()}
	// A command runs as somebody else: it must come through to here.
	for dir := w.dir; dir != filepath.Clean(os.TempDir()) && dir != "/"; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	w.o = pipe.Options{
		TimeLimit: patience, RecipientDelimiter: "+", Directory: w.dir,
		Environment: pipe.Environment([]string{"MAIL_CONFIG"}, nil, nil, "/etc/mtad"),
		Log:         maillog.New(maillog.Options{Writer: &w.log, Name: "mtad"}).Service("pipe"),
		Clock:       func() time.Time { return time.Date(2026, 11, 23, 3, 38, 47, 0, time.UTC) },
	}
	return w
}

// script writes a command and returns its path.
func (w *world) script(name, text string) string {
	w.t.Helper()
	path := filepath.Join(w.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		w.t.Fatal(err)
	}
	return path
}

// agent makes the agent of a service with these attributes, which are split at spaces.
func (w *world) agent(attributes string) *pipe.Agent {
	w.t.Helper()
	c, err := pipe.Parse(strings.Fields(attributes))
	if err != nil {
		w.t.Fatal(err)
	}
	w.o.Command = c
	a, err := pipe.New(w.o)
	if err != nil {
		w.t.Fatal(err)
	}
	return a
}

const message = "Subject: x\r\n\r\nFrom me\r\n.dot\r\nline\r\n"

func request(text, sender string, rcpts ...string) *queue.Request {
	req := &queue.Request{
		Entry: &queue.Entry{Envelope: mail.Envelope{ID: "4F1", Sender: sender, EnvID: "env+2B",
			Origin: mail.Origin{Kind: mail.KindSMTP, ClientName: "client.test", Client: netip.MustParseAddrPort("192.0.2.7:4711"),
				Helo: "he.lo", Proto: "ESMTPSA", SASLMethod: "PLAIN", SASLSender: "orig@sender.test", SASLUser: "jo"}},
			Size: int64(len(text))},
		Transport: "prog", Nexthop: "NextHop.Test",
		Open: func() (mail.Content, error) { return mail.Bytes(text), nil },
	}
	for _, r := range rcpts {
		req.Recipients = append(req.Recipients, mail.Recipient{Address: r, Original: "Was+" + r})
	}
	return req
}

// deliver delivers and checks that there is one result per recipient.
func deliver(t testing.TB, a queue.Agent, req *queue.Request) []queue.Result {
	t.Helper()
	rs := a.Deliver(context.Background(), req)
	if len(rs) != len(req.Recipients) {
		t.Fatalf("%d results for %d recipients", len(rs), len(req.Recipients))
	}
	return rs
}

// want checks one result; reply is the whole of it.
func want(t testing.TB, r queue.Result, outcome queue.Outcome, reply string) {
	t.Helper()
	if r.Outcome != outcome || r.Reply.String() != reply {
		t.Errorf("got %v: %v (%v)\nwant %v: %s", r.Outcome, r.Reply, r.Cause, outcome, reply)
	}
	if r.Relay != "prog" || r.Begun.IsZero() {
		t.Errorf("relay %q, begun %v", r.Relay, r.Begun)
	}
}

// failingContent fails behind its first bytes.
type failingContent struct {
	first string
	err   error
}

func (f failingContent) Size() int64  { return 1 << 20 }
func (f failingContent) Close() error { return nil }
func (f failingContent) ReadAt(p []byte, off int64) (int, error) {
	if off >= int64(len(f.first)) {
		return 0, f.err
	}
	return copy(p, f.first[off:]), io.ErrUnexpectedEOF
}
