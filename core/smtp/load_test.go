package smtp_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/mtad/mtad/core/smtp"
	"github.com/mtad/mtad/core/smtp/smtptest"
)

// meter is a Meter that remembers.
type meter struct{ began, ended, refused atomic.Int64 }

func (m *meter) Began()   { m.began.Add(1) }
func (m *meter) Ended()   { m.ended.Add(1) }
func (m *meter) Refused() { m.refused.Add(1) }

func TestAFullServerTakesTheOptionsOfStress(t *testing.T) {
	o := smtp.Defaults()
	o.Hostname = "mx.example.com"
	tense := o
	tense.Banner = "mx.example.com in a hurry"
	other := smtp.New(tense, newPolicy())
	var told atomic.Int64
	m := &meter{}
	o.Processes, o.Meter = 2, m
	o.Stressed, o.OnStress = func() *smtp.Server { return other }, func() { told.Add(1) }
	_, address := start(t, o, newPolicy())
	const calm, hurry = "S: 220 mx.example.com ESMTP mtad", "S: 220 mx.example.com in a hurry"
	first, second := smtptest.DialClient(t, address), smtptest.DialClient(t, address)
	first.Play(calm)
	second.Play(hurry) // it has the last place
	first.Play("C: QUIT\nS: 221 2.0.0 Bye\n! eof")
	third := smtptest.DialClient(t, address)
	third.Play(hurry + "\nC: QUIT\nS: 221 2.0.0 Bye\n! eof")
	second.Play("C: QUIT\nS: 221 2.0.0 Bye\n! eof")
	if told.Load() != 1 || m.began.Load() != 3 || m.refused.Load() != 0 {
		t.Errorf("told %d times, counted %d and %d", told.Load(), m.began.Load(), m.refused.Load())
	}
}

func TestAClosedServerTurnsClientsAwayAndKeepsThoseItHas(t *testing.T) {
	var closed atomic.Bool
	m := &meter{}
	o := smtp.Defaults()
	o.Hostname, o.Closed, o.Meter = "mx.example.com", closed.Load, m
	_, address := start(t, o, newPolicy())
	first := smtptest.DialClient(t, address)
	first.Play("S: 220 mx.example.com ESMTP mtad")
	closed.Store(true)
	smtptest.DialClient(t, address).Play("S: 421 4.3.2 mx.example.com Service not available, try again later\n! eof")
	first.Play("C: NOOP\nS: 250 2.0.0 Ok")
	closed.Store(false)
	smtptest.DialClient(t, address).Play("S: 220 mx.example.com ESMTP mtad\nC: QUIT\nS: 221 2.0.0 Bye\n! eof")
	if m.began.Load() != 2 || m.refused.Load() != 1 {
		t.Errorf("counted %d and %d", m.began.Load(), m.refused.Load())
	}
}

func TestATraceHasTheDialogueWithoutSecrets(t *testing.T) {
	var mu sync.Mutex
	var lines []string
	o := smtp.Defaults()
	o.Hostname = "mx.example.com"
	o.Trace = func(c smtp.ConnInfo, fromClient bool, line []byte) {
		mu.Lock()
		defer mu.Unlock()
		lines = append(lines, fmt.Sprintf("%t %t %s", c.Remote().IsValid(), fromClient, line))
	}
	p := newPolicy()
	p.extensions = []string{"AUTH PLAIN"}
	_, address := start(t, o, p)
	smtptest.DialClient(t, address).Play(strings.Join([]string{"S: 220 mx.example.com ESMTP mtad", "C: HELO client.example",
		"S: 250 mx.example.com", "C: AUTH PLAIN c2VjcmV0", "S: ~503 .*", "C: QUIT", "S: 221 2.0.0 Bye", "! eof"}, "\n"))
	mu.Lock()
	defer mu.Unlock()
	for _, want := range []string{"true false 220 mx.example.com ESMTP mtad", "true true HELO client.example", "true false 250 mx.example.com",
		"true true QUIT", "true false 221 2.0.0 Bye"} {
		if !slices.Contains(lines, want) {
			t.Errorf("no %q in %q", want, lines)
		}
	}
	if strings.Contains(strings.Join(lines, "\n"), "c2VjcmV0") {
		t.Errorf("it has a secret: %q", lines)
	}
}
