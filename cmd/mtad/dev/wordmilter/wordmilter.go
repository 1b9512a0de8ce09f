package wordmilter

import (
	"bytes"
	"context"
	"errors"
	"net"
	"strings"

	"github.com/emersion/go-milter"
)

// Words are the words that are refused, separated by spaces.
const Words = "viagra casino lottery pills loan winner rolex crypto bitcoin prince inheritance jackpot xanax cialis porn escort forex mlm weightloss debt"

// longest is the length of the longest word: pieces of a body overlap by it.
const longest = len("inheritance")

// Serve answers MTAs on l until ctx ends.
func Serve(ctx context.Context, l net.Listener) error {
	const skip = milter.OptNoConnect | milter.OptNoHelo | milter.OptNoMailFrom | milter.OptNoRcptTo
	words := bytes.Fields([]byte(Words))
	s := milter.Server{NewMilter: func() milter.Milter { return &session{words: words} }, Protocol: skip}
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	if err := s.Serve(l); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// session is one connection of an MTA, which brings one message after another.
type session struct {
	milter.NoOpMilter
	words [][]byte
	text  []byte // folded; what may be the begin of a word, and the next piece
	found bool
}

// Header looks at the Subject.
func (s *session) Header(name, value string, _ *milter.Modifier) (milter.Response, error) {
	if strings.EqualFold(name, "Subject") {
		s.look([]byte(value))
		s.text = s.text[:0]
	}
	return milter.RespContinue, nil
}

// BodyChunk looks at a piece of the body.
func (s *session) BodyChunk(chunk []byte, _ *milter.Modifier) (milter.Response, error) {
	if !s.found {
		s.look(chunk)
	}
	return milter.RespContinue, nil
}

func (s *session) look(piece []byte) {
	s.text = append(s.text, bytes.ToLower(piece)...)
	for _, w := range s.words {
		s.found = s.found || bytes.Contains(s.text, w)
	}
	s.text = append(s.text[:0], s.text[max(0, len(s.text)-longest):]...)
}

// Body decides.
func (s *session) Body(*milter.Modifier) (milter.Response, error) {
	found := s.found
	s.text, s.found = s.text[:0], false
	if found {
		return milter.RespReject, nil
	}
	return milter.RespAccept, nil
}

// Abort forgets the message.
func (s *session) Abort(*milter.Modifier) error {
	s.text, s.found = s.text[:0], false
	return nil
}
