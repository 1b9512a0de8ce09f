package smtpclient_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/mtad/mtad/core/smtpclient"
	"github.com/mtad/mtad/core/status"
)

func greet(said string) (smtpclient.Reply, error) {
	return smtpclient.New(&canned{in: []byte(said)}, options()).Greet()
}

func TestReplies(t *testing.T) {
	long := strings.Repeat("x", 5000)
	for _, c := range []struct {
		name, said string
		want       status.Reply
		raw        string
	}{
		{"one line", "220 mx.test ESMTP\r\n",
			status.Reply{Code: 220, Text: "mx.test ESMTP"}, "220 mx.test ESMTP"},
		{"an enhanced code", "554 5.7.1 go away\r\n",
			status.Reply{Code: 554, Enhanced: "5.7.1", Text: "go away"}, "554 5.7.1 go away"},
		{"an enhanced code of another class is text", "554 4.7.1 go away\r\n",
			status.Reply{Code: 554, Text: "4.7.1 go away"}, "554 4.7.1 go away"},
		{"several lines", "554-5.7.1 go\r\n554-5.7.1  away\r\n554 5.7.1 now\r\n",
			status.Reply{Code: 554, Enhanced: "5.7.1", Text: "go\naway\nnow"}, "554-5.7.1 go 554-5.7.1  away 554 5.7.1 now"},
		{"the code of the last line counts", "250-hi\r\n554 no\r\n",
			status.Reply{Code: 554, Text: "hi\nno"}, "250-hi 554 no"},
		{"no text", "220\r\n", status.Reply{Code: 220}, "220"},
		{"bare LF", "220 hi\n", status.Reply{Code: 220, Text: "hi"}, "220 hi"},
		{"something else behind the code", "220+hi\r\n", status.Reply{Code: 220, Text: "hi"}, "220+hi"},
		{"control bytes", "554 a\x00b\x1b[2Jc\rd\te\r\n",
			status.Reply{Code: 554, Text: "a?b?[2Jc d e"}, "554 a?b?[2Jc d e"},
		{"a long line is cut", "554 " + long + "\r\n",
			status.Reply{Code: 554, Text: long[:2044]}, "554 " + long[:2044]},
		{"a hundred lines", strings.Repeat("554-a\r\n", 99) + "554 a\r\n",
			status.Reply{Code: 554, Text: strings.Repeat("a\n", 99) + "a"},
			strings.Repeat("554-a ", 99) + "554 a"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, _ := greet(c.said)
			if r.Reply != c.want || r.Raw != c.raw {
				t.Errorf("got %+v", r)
			}
		})
	}
}

func TestManyLongLinesAreReadToTheirEnd(t *testing.T) {
	r, err := greet(strings.Repeat("554-"+strings.Repeat("x", 3000)+"\r\n", 99) + "554 5.0.0 end\r\n")
	var e *smtpclient.Error
	if !errors.As(err, &e) || e.Kind != smtpclient.Refused || r.Code != 554 || len(r.Raw) > 4096 {
		t.Errorf("%v, %d bytes", err, len(r.Raw))
	}
}

func TestWhatIsNoReply(t *testing.T) {
	for _, c := range []struct{ name, said, want string }{
		{"nothing", "", "connection lost: EOF"},
		{"half a line", "220 mx", "connection lost: EOF"},
		{"half a reply", "220-mx\r\n", "connection lost: EOF"},
		{"text", "hello there\r\n", "protocol error: the reply does not begin with three digits"},
		{"a code that is none", "999 hi\r\n", "protocol error: the reply does not begin with three digits"},
		{"an interim code", "150 hi\r\n", "protocol error: the reply does not begin with three digits"},
		{"an empty line", "\r\n", "protocol error: the reply does not begin with three digits"},
		{"a hundred and one lines", strings.Repeat("220-a\r\n", 100) + "220 a\r\n",
			"protocol error: the reply has too many lines"},
		{"no end of line", strings.Repeat("220 a", 100_000),
			"protocol error: the reply is too long"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := greet(c.said)
			check(t, err, "smtpclient: connect: "+c.want)
		})
	}
}

func FuzzReply(f *testing.F) {
	for _, s := range []string{"220 mx.test ESMTP\r\n", "554-5.7.1 a\r\n554 5.7.1 b\r\n", "220\n", "22", "421 x\r\n220 y\r\n",
		"250-\x00\r\r\n250 \xff\r\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, said []byte) {
		c := smtpclient.New(&canned{in: said}, options())
		r, err := c.Greet()
		if err == nil && r.Code/100 != 2 {
			t.Errorf("%d passed for a greeting", r.Code)
		}
		if r.Code != 0 && (r.Code < 200 || r.Code > 599) {
			t.Errorf("code %d", r.Code)
		}
		if r.Raw != status.Clean(r.Raw) || len(r.Raw) > 4096 {
			t.Errorf("raw %q", r.Raw)
		}
		if text := strings.ReplaceAll(r.Text, "\n", ""); text != status.Clean(text) {
			t.Errorf("text %q", r.Text)
		}
		if r.Enhanced != "" && !status.ValidEnhanced(r.Enhanced, r.Code/100) {
			t.Errorf("enhanced %q of %d", r.Enhanced, r.Code)
		}
	})
}
