package source_test

import (
	"bufio"
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/mtad/mtad/cmd/mtad/dev/source"
)

// peer answers each line with what script says, until a line has no answer; then it hangs up.
func peer(t *testing.T, script map[string]string) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			answer(c, script)
		}
	}()
	t.Cleanup(func() { ln.Close(); <-ended })
	return ln.Addr().String()
}

func answer(c net.Conn, script map[string]string) {
	defer c.Close()
	if _, err := c.Write([]byte("220 hi\r\n")); err != nil {
		return
	}
	lines := bufio.NewScanner(c)
	for data := false; lines.Scan(); {
		word, _, _ := strings.Cut(lines.Text(), " ")
		if data && word != "." {
			continue
		}
		reply, ok := script[word]
		if !ok {
			return
		}
		data = word == "DATA" && reply[0] == '3'
		if _, err := c.Write([]byte(reply + "\r\n")); err != nil {
			return
		}
	}
}

func run(t *testing.T, ctx context.Context, addr string, reuse bool) (source.Result, error) {
	t.Helper()
	return source.Run(ctx, source.Options{Network: "tcp", Addr: addr, Messages: 4, Sessions: 1, Size: 500, Reuse: reuse,
		From: "a@b.example", Rcpt: "c@d.example", Tag: "T", Timeout: time.Minute})
}

func TestRefusalsAndLossesAreToldApart(t *testing.T) {
	good := map[string]string{"EHLO": "250-x\r\n250 y", "MAIL": "250 ok", "RCPT": "250 ok", "DATA": "354 go", ".": "250 ok", "QUIT": "221 bye"}
	tests := []struct {
		name, word, reply       string
		accepted, refused, lost int
	}{
		{"all well", "QUIT", "221 bye", 4, 0, 0},
		{"a farewell that is not answered", "QUIT", "", 4, 0, 0},
		{"refused at RCPT", "RCPT", "550 5.1.1 no", 0, 4, 0},
		{"refused at the end of data", ".", "451 4.3.0 later", 0, 4, 0},
		{"the server hangs up", "DATA", "", 0, 0, 4},
		{"the server talks nonsense", "MAIL", "??", 0, 0, 4},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			script := map[string]string{}
			for k, v := range good {
				script[k] = v
			}
			if script[tt.word] = tt.reply; tt.reply == "" {
				delete(script, tt.word)
			}
			res, err := run(t, t.Context(), peer(t, script), false)
			if err != nil || res.Accepted != tt.accepted || res.Refused != tt.refused || res.Lost != tt.lost {
				t.Errorf("got %+v %v", res, err)
			}
			if bad := tt.refused + tt.lost; bad > 0 && len(res.Replies) == 0 {
				t.Error("nobody says why")
			}
		})
	}
}

func TestACancelledRunEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	ended := make(chan error, 1)
	go func() {
		_, err := run(t, ctx, ln.Addr().String(), true)
		ended <- err
	}()
	c, err := ln.Accept() // and never a word
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	cancel()
	if err := <-ended; err == nil {
		t.Error("no error")
	}
}
