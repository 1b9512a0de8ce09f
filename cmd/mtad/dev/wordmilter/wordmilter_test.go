package wordmilter

import (
	"context"
	"net"
	"strings"
	"testing"

	"github.com/emersion/go-milter"
)

func TestMessagesWithAWordAreRefused(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- Serve(ctx, l) }()
	defer func() {
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	}()
	c := milter.NewClientWithOptions("tcp", l.Addr().String(), milter.ClientOptions{
		ProtocolMask: milter.OptNoConnect | milter.OptNoHelo | milter.OptNoMailFrom | milter.OptNoRcptTo})
	defer c.Close()
	s, err := c.Session()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, m := range []struct {
		name, subject, body string
		refused             bool
	}{
		{"a clean message", "hello", "nothing of note", false},
		{"a word in the Subject", "You are a WINNER", "hello", true},
		{"the message after a refused one", "hello", "hello", false},
		{"a word in the body, in any case", "hello", "buy ViAgRa", true},
		{"a word across two pieces", "hello", strings.Repeat("x", 65535-3) + "casino", true},
		{"a word of Subject and body together", "cas", "ino", false},
	} {
		if _, err := s.HeaderField("Subject", m.subject); err != nil {
			t.Fatal(err)
		}
		if _, err := s.HeaderEnd(); err != nil {
			t.Fatal(err)
		}
		_, action, err := s.BodyReadFrom(strings.NewReader(m.body))
		if err != nil || (action.Code == milter.ActReject) != m.refused {
			t.Errorf("%s: %q, %v", m.name, action.Code, err)
		}
	}
}
