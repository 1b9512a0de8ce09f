package sink_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mtad/mtad/cmd/mtad/dev/sink"
	"github.com/mtad/mtad/cmd/mtad/dev/source"
)

// start serves s until the test ends and returns the address.
func start(t *testing.T, serve func(context.Context, net.Listener) error) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- serve(ctx, ln) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return ln.Addr().String()
}

// client is a session that a test leads by hand.
type client struct {
	t *testing.T
	c net.Conn
	r *bufio.Reader
}

func dial(t *testing.T, addr string) *client {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	x := &client{t, c, bufio.NewReader(c)}
	x.want("220")
	return x
}

func (x *client) send(s string) {
	x.t.Helper()
	if _, err := x.c.Write([]byte(s)); err != nil {
		x.t.Fatal(err)
	}
}

func (x *client) want(code string) {
	x.t.Helper()
	for {
		line, err := x.r.ReadString('\n')
		if err != nil || !strings.HasPrefix(line, code) {
			x.t.Fatalf("got %q %v, want %s", line, err, code)
		}
		if line[3] == ' ' {
			return
		}
	}
}

// message sends a message whose text is written in pieces; "" waits until the sink has read.
func (x *client) message(pieces ...string) {
	x.t.Helper()
	x.send("MAIL FROM:<>\r\nRCPT TO:<a>\r\nDATA\r\n")
	x.want("250")
	x.want("250")
	x.want("354")
	for _, p := range pieces {
		x.send(p)
	}
	x.want("250")
}

func TestMessagesAreDumpedByteForByte(t *testing.T) {
	long := strings.Repeat("x", 200_000)
	tests := []struct {
		name   string
		pieces []string
		want   string
	}{
		{"a small one", []string{"Message-Id: <a@b>\r\n\r\nhi\r\n.\r\n"}, "Message-Id: <a@b>\r\n\r\nhi\r\n"},
		{"an empty one", []string{".\r\n"}, ""},
		{"doubled dots", []string{"..\r\n..a\r\n.b\r\na.\r\n.\r\n"}, ".\r\n.a\r\nb\r\na.\r\n"},
		{"bare line feeds end nothing", []string{"a\n.\nb\r.\rc\r\n.\nd\r\n.\r\n"}, "a\n.\nb\r.\rc\r\n\nd\r\n"},
		{"larger than the buffer", []string{long + "\r\n.\r\n"}, long + "\r\n"},
		{"NUL and 8 bit", []string{"\x00\xff\r\n.\r\n"}, "\x00\xff\r\n"},
	}
	ending := "a\r\n.\r\n"
	for i := 1; i < len(ending); i++ { // the end cut anywhere
		tests = append(tests, struct {
			name   string
			pieces []string
			want   string
		}{fmt.Sprintf("cut after %q", ending[:i]), []string{ending[:i], ending[i:]}, "a\r\n"})
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			s := sink.New(sink.Options{Dump: dir})
			x := dial(t, start(t, s.Serve))
			x.message(tt.pieces...)
			x.message(tt.pieces...) // the session is in step
			files, err := os.ReadDir(dir)
			if err != nil || len(files) != 2 {
				t.Fatalf("files %v %v", files, err)
			}
			for _, f := range files {
				if b, err := os.ReadFile(filepath.Join(dir, f.Name())); err != nil || string(b) != tt.want {
					t.Errorf("%s: got %.100q %v, want %.100q", f.Name(), b, err, tt.want)
				}
			}
		})
	}
}

// TestTheEndIsFoundWhereverReadsAreCut sends byte by byte: every cut of the stream.
func TestTheEndIsFoundWhereverReadsAreCut(t *testing.T) {
	dir := t.TempDir()
	s := sink.New(sink.Options{Dump: dir})
	x := dial(t, start(t, s.Serve))
	text := "Message-Id: <a>\r\n\r\n..\r\nx\r\n"
	var pieces []string
	for _, c := range text + ".\r\n" {
		pieces = append(pieces, string(c))
	}
	x.message(pieces...)
	b, err := os.ReadFile(filepath.Join(dir, "00000001-a.eml"))
	if want := strings.Replace(text, "..", ".", 1); err != nil || string(b) != want {
		t.Errorf("got %q %v, want %q", b, err, want)
	}
	if c := s.Counts(); c.Bytes != int64(len(text)) || c.Unique != 1 {
		t.Errorf("counts %+v", c)
	}
}

func TestDuplicatesAndNamelessMessagesAreCounted(t *testing.T) {
	s := sink.New(sink.Options{Want: 2})
	x := dial(t, start(t, s.Serve))
	for _, id := range []string{"Message-Id: <1>\r\n", "X: y\r\nmessage-ID:<2>\r\n", "Message-ID: <1>\r\n", "", "\r\nMessage-Id: <3>\r\n"} {
		x.message(id + "\r\n.\r\n")
	}
	<-s.Done()
	c := s.Counts()
	if c.Messages != 5 || c.Unique != 2 || c.Duplicates != 1 || c.NoID != 2 || c.Conns != 1 || c.MaxConns != 1 || c.First > c.Last {
		t.Errorf("counts %+v", c)
	}
}

func TestTempfailRefusesItsShare(t *testing.T) {
	s := sink.New(sink.Options{Tempfail: 25, Dump: t.TempDir()})
	res := load(t, start(t, s.Serve), source.Options{Messages: 100, Reuse: true})
	if c := s.Counts(); c.Refused != 25 || c.Unique != 75 || res.Accepted != 75 || res.Refused != 25 || res.Lost != 0 {
		t.Errorf("counts %+v, result %+v", c, res)
	}
}

func load(t *testing.T, addr string, o source.Options) source.Result {
	t.Helper()
	o.Network, o.Addr, o.From, o.Rcpt, o.Tag, o.Timeout = "tcp", addr, "a@b.example", "c@d.example", "T", time.Minute
	if o.Sessions == 0 {
		o.Sessions = 3
	}
	res, err := source.Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func TestSourceAndSinkAgree(t *testing.T) {
	tests := []struct {
		name  string
		o     source.Options
		conns int
	}{
		{"a connection per message", source.Options{Messages: 50, Size: 4096}, 50},
		{"connections reused", source.Options{Messages: 50, Size: 4096, Reuse: true}, 3},
		{"pipelined", source.Options{Messages: 50, Size: 4096, Reuse: true, Pipeline: true}, 3},
		{"large", source.Options{Messages: 10, Size: 300_001, Reuse: true}, 3},
		{"fewer messages than sessions", source.Options{Messages: 2, Size: 4096, Sessions: 9, Reuse: true}, 2},
		{"a size that leaves one byte over", source.Options{Messages: 3, Size: 4096 + 1, Reuse: true}, 3},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := sink.New(sink.Options{Want: tt.o.Messages})
			res := load(t, start(t, s.Serve), tt.o)
			<-s.Done()
			c := s.Counts()
			if res.Accepted != tt.o.Messages || c.Unique != tt.o.Messages || c.Duplicates != 0 || c.Conns > tt.conns {
				t.Errorf("result %+v, counts %+v", res, c)
			}
			if want := int64(tt.o.Messages * tt.o.Size); c.Bytes != want {
				t.Errorf("%d bytes, want %d", c.Bytes, want)
			}
			if res.Rate <= 0 || res.P99 < res.P50 {
				t.Errorf("result %+v", res)
			}
		})
	}
}

func TestControl(t *testing.T) {
	s := sink.New(sink.Options{})
	control := start(t, s.ServeControl)
	c, err := net.Dial("tcp", control)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	r := bufio.NewReader(c)
	ask := func(command string) (got sink.Counts) {
		t.Helper()
		if _, err := fmt.Fprintln(c, command); err != nil {
			t.Fatal(err)
		}
		line, err := r.ReadBytes('\n')
		if err != nil || json.Unmarshal(line, &got) != nil {
			t.Fatalf("%s: %q %v", command, line, err)
		}
		return got
	}
	load(t, start(t, s.Serve), source.Options{Messages: 5, Size: 500})
	if got := ask("wait 5 60"); got.Unique != 5 {
		t.Errorf("wait: %+v", got)
	}
	if got := ask("wait 6 0.001"); got.Unique != 5 {
		t.Errorf("wait in vain: %+v", got)
	}
	if got := ask("reset"); got != (sink.Counts{}) {
		t.Errorf("reset: %+v", got)
	}
	if got := ask("stats"); got.Messages != 0 {
		t.Errorf("stats: %+v", got)
	}
}

func BenchmarkRelayOfNothing(b *testing.B) {
	s := sink.New(sink.Options{})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, ln) }()
	b.ReportAllocs()
	res, err := source.Run(ctx, source.Options{Network: "tcp", Addr: ln.Addr().String(), Messages: b.N, Sessions: 20, Size: 4096,
		Reuse: true, From: "a@b", Rcpt: "c@d", Tag: "T", Timeout: time.Minute})
	if err != nil || res.Accepted != b.N {
		b.Fatalf("%+v %v", res, err)
	}
	cancel()
	if err := <-ended; err != nil {
		b.Fatal(err)
	}
}

// TestASinkThatHasEnoughAnswersTheLastMessage: it ended at once when the last message was counted, and
// its client, which never saw the 250, sent the message again.
func TestASinkThatHasEnoughAnswersTheLastMessage(t *testing.T) {
	for range 50 {
		s := sink.New(sink.Options{Want: 1})
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- s.Serve(ctx, ln) }()
		go func() {
			<-s.Done()
			cancel()
		}()
		x := dial(t, ln.Addr().String())
		x.send("HELO x\r\nMAIL FROM:<>\r\nRCPT TO:<a@b>\r\nDATA\r\n")
		for _, code := range []string{"250", "250", "250", "354"} {
			x.want(code)
		}
		x.send("Message-Id: <1@x>\r\n\r\n.\r\n")
		x.want("250")
		x.send("QUIT\r\n")
		x.c.Close()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
	}
}
