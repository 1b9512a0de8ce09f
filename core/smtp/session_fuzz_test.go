package smtp

import (
	"context"
	"io"
	"strings"
	"testing"

	"github.com/mtad/mtad/core/smtp/smtptest"
	"github.com/mtad/mtad/core/status"
)

// recorder is a policy that keeps what it accepts, refuses "no@…", and asks Body for the same end
// twice.
type recorder struct {
	t        *testing.T
	bodies   []string
	open     bool // a transaction
	inText   bool
	recipent int
	closed   bool
}

func (r *recorder) Connect(context.Context, ConnInfo) (Session, error) { return r, nil }

func (r *recorder) calm() {
	if r.inText || r.closed {
		r.t.Fatal("a call while Message reads, or after Close")
	}
}

func (r *recorder) Helo(_ context.Context, name string, _ bool) error {
	if r.calm(); name == "" {
		r.t.Fatal("HELO without a name")
	}
	return nil
}
func (r *recorder) Extensions() []string { r.calm(); return []string{"AUTH PLAIN"} }
func (r *recorder) Auth(context.Context, string) (AuthExchange, error) {
	r.calm()
	return echo{}, nil
}

// echo is an authentication that ends when the response is empty.
type echo struct{}

func (echo) Next(response []byte) ([]byte, bool, error) {
	return response[:min(len(response), 100)], response != nil && len(response) == 0, nil
}

func (r *recorder) Mail(_ context.Context, m MailArgs) error {
	if r.calm(); r.open {
		r.t.Fatal("MAIL within a transaction")
	}
	if strings.HasPrefix(m.Sender, "no@") {
		return status.Reject("5.7.1", "%s", m.Sender)
	}
	r.open, r.recipent = true, 0
	return nil
}

func (r *recorder) Rcpt(_ context.Context, a RcptArgs) error {
	if r.calm(); !r.open || a.Recipient == "" {
		r.t.Fatal("RCPT without a transaction, or a recipient")
	}
	if strings.HasPrefix(a.Recipient, "no@") {
		return status.Reject("5.1.1", "%s\nunknown", a.Recipient)
	}
	r.recipent++
	return nil
}

func (r *recorder) Data(context.Context) error {
	if r.calm(); !r.open || r.recipent == 0 {
		r.t.Fatal("DATA without a recipient")
	}
	return nil
}

func (r *recorder) Message(_ context.Context, body Body) (status.Reply, error) {
	r.calm()
	r.inText = true
	defer func() { r.inText, r.open = false, false }()
	var b strings.Builder
	for {
		p, err := body.Next()
		if err == io.EOF {
			r.bodies = append(r.bodies, b.String())
			return status.Reply{}, nil
		}
		if err != nil {
			return status.Reply{}, err
		}
		b.Write(p)
	}
}

func (r *recorder) Reset() {
	if r.calm(); !r.open {
		r.t.Fatal("Reset without a transaction")
	}
	r.open = false
}
func (r *recorder) Verify(_ context.Context, s string) (status.Reply, error) {
	r.calm()
	return status.Reply{Code: 252, Enhanced: "2.0.0", Text: s}, nil
}
func (r *recorder) Etrn(_ context.Context, s string) (status.Reply, error) {
	r.calm()
	return status.Reply{Code: 250, Text: s}, nil
}
func (r *recorder) Rejected(string, status.Reply) {}
func (r *recorder) Close(error) {
	if r.calm(); r.open {
		r.t.Fatal("Close within a transaction")
	}
	r.closed = true
}

// replies keeps what is written to a trickle.
type replies struct {
	trickle
	out strings.Builder
}

func (c *replies) Write(p []byte) (int, error) { return c.out.Write(p) }

// FuzzSession sends arbitrary bytes in arbitrary pieces. Whatever they are, the replies are
// replies, and a message is accepted only where the reference decoder finds one: behind a DATA
// line, or made of chunks.
func FuzzSession(f *testing.F) {
	const to = "MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\n"
	for _, in := range []string{
		"EHLO x\r\n" + to + "DATA\r\na\r\n.\r\nQUIT\r\n",
		to + "DATA\r\na\n.\nMAIL FROM:<x@y>\r\n.\r\n" + to + "DATA\r\n.\r\nQUIT\r\n",
		to + "BDAT 3\r\nabcBDAT 2 LAST\r\n\r\nRSET\r\nQUIT\r\n",
		to + "BDAT 3\r\nabcNOOP\r\nDATA\r\nBDAT 1\r\nxRSET\r\n" + to + "RCPT TO:<no@x>\r\nDATA\r\nx",
		"EHLO x\r\nAUTH PLAIN\r\nYQ==\r\nYQ==\r\n=\r\n\r\nVRFY a\r\nETRN b\r\nHELP\r\nFOO\r\n\xff\r\nNOOP\x00\r\nGET /\r\n",
	} {
		f.Add(in, []byte{7, 1, 200}, false)
	}
	o := Defaults()
	o.ForbidUnauthPipelining, o.ErrorDelay, o.MaxMessageBytes = false, 0, 4096
	normal := New(o, handlerFunc(connectFuzz))
	o.BareNewline, o.StrictRFC821 = Reject, true
	strict := New(o, handlerFunc(connectFuzz))
	f.Fuzz(func(t *testing.T, in string, cuts []byte, isStrict bool) {
		srv := normal
		if isStrict {
			srv = strict
		}
		r := &recorder{t: t}
		nc := &replies{trickle: trickle{in: in, cuts: cuts}}
		_ = srv.ServeConn(context.WithValue(t.Context(), fuzzKey{}, r), nc)
		if !r.closed {
			t.Fatal("the session was not closed")
		}
		smtptest.CheckReplies(t, nc.out.String())
		checkAccepted(t, in, r.bodies, strings.Count(nc.out.String(), "354 "))
	})
}

type fuzzKey struct{}

type handlerFunc func(context.Context, ConnInfo) (Session, error)

func (f handlerFunc) Connect(ctx context.Context, c ConnInfo) (Session, error) { return f(ctx, c) }

func connectFuzz(ctx context.Context, _ ConnInfo) (Session, error) {
	return ctx.Value(fuzzKey{}).(*recorder), nil
}

// checkAccepted demands that each body is what the reference makes of the input behind some line
// "DATA"; with BDAT in the input, bodies may be made of chunks, too, and must be in wire form.
func checkAccepted(t *testing.T, in string, bodies []string, data int) {
	t.Helper()
	upper := strings.ToUpper(in)
	chunks, last := strings.Contains(upper, "BDAT"), strings.Count(upper, "LAST")
	if len(bodies) > data && !chunks || len(bodies) > data+last {
		t.Fatalf("%d bodies for %d DATA and %d LAST", len(bodies), data, last)
	}
	for _, body := range bodies {
		checkWireForm(t, body)
		if !chunks && !isBehindData(in, body) {
			t.Fatalf("%q has no message %q", in, body)
		}
	}
}

func isBehindData(in, body string) bool {
	for i := range in {
		if !strings.EqualFold(in[i:min(i+4, len(in))], "DATA") {
			continue
		}
		end := strings.IndexByte(in[i:], '\n')
		if end < 0 {
			return false
		}
		if text, _, ended, _ := smtptest.DecodeText(in[i+end+1:], true); ended && text == body {
			return true
		}
	}
	return false
}
