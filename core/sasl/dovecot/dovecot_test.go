package dovecot_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"testing"

	gosasl "github.com/emersion/go-sasl"

	"github.com/mtad/mtad/core/sasl"
	"github.com/mtad/mtad/core/sasl/dovecot"
	"github.com/mtad/mtad/core/sasl/dovecot/dovecottest"
)

var peer = sasl.Peer{Service: "smtp", TLS: true,
	Local: netip.MustParseAddrPort("192.0.2.25:587"), Remote: netip.MustParseAddrPort("192.0.2.1:4711")}

// login carries the client's side of an exchange to its end.
func login(t *testing.T, s sasl.Server, mechanism string, client gosasl.Client) (user string, err error) {
	t.Helper()
	ctx := context.Background()
	x := s.Begin(peer, mechanism)
	defer x.Close()
	_, response, err := client.Start()
	if err != nil {
		t.Fatal(err)
	}
	for range 10 {
		challenge, done, err := x.Next(ctx, response)
		if done || err != nil {
			return x.User(), err
		}
		if response, err = client.Next(challenge); err != nil {
			t.Fatalf("the client does not take %q: %v", challenge, err)
		}
		if response == nil {
			response = []byte{}
		}
	}
	t.Fatal("the exchange does not end")
	return "", nil
}

func TestRealDovecotLetsInWhoHasThePassword(t *testing.T) {
	c := dovecot.New(dovecot.Options{Network: "unix", Address: dovecottest.Start(t, "alice@example.com:{PLAIN}secret")})
	defer c.Close()
	all, err := c.Mechanisms(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(all); got != "[{PLAIN 1} {LOGIN 1} {CRAM-MD5 6} {SCRAM-SHA-256 32}]" {
		t.Errorf("mechanisms %s", got)
	}
	var wg sync.WaitGroup
	for range 20 { // at once, over one connection
		wg.Go(func() {
			if user, err := login(t, c, "PLAIN", gosasl.NewPlainClient("", "alice@example.com", "secret")); err != nil || user != "alice@example.com" {
				t.Errorf("PLAIN: %q, %v", user, err)
			}
			if user, err := login(t, c, "LOGIN", loginClient("alice@example.com", "secret")); err != nil || user != "alice@example.com" {
				t.Errorf("LOGIN: %q, %v", user, err)
			}
		})
	}
	wg.Wait()
	var f *sasl.Failure
	if _, err := login(t, c, "PLAIN", gosasl.NewPlainClient("", "alice@example.com", "wrong")); !errors.As(err, &f) || f.Temporary {
		t.Errorf("a wrong password: %v", err)
	}
	if _, err := login(t, c, "PLAIN", gosasl.NewPlainClient("", "mallory@example.com", "secret")); !errors.As(err, &f) || f.Temporary {
		t.Errorf("an unknown user: %v", err)
	}
}

// loginClient answers LOGIN's two questions.
func loginClient(user, password string) gosasl.Client { return &twoAnswers{[]string{user, password}} }

type twoAnswers struct{ left []string }

func (a *twoAnswers) Start() (string, []byte, error) { return "LOGIN", nil, nil }

func (a *twoAnswers) Next([]byte) ([]byte, error) {
	if len(a.left) == 0 {
		return nil, errors.New("a third question")
	}
	next := a.left[0]
	a.left = a.left[1:]
	return []byte(next), nil
}

func TestWhatIsInAPasswordStaysInIt(t *testing.T) {
	odd := "tab\tand ümlaut \x01 and\nline"
	c := dovecot.New(dovecot.Options{Network: "unix", Address: dovecottest.Start(t, "alice:{PLAIN}a b")})
	defer c.Close()
	var f *sasl.Failure
	if _, err := login(t, c, "PLAIN", gosasl.NewPlainClient("", "alice", odd)); !errors.As(err, &f) || f.Temporary {
		t.Errorf("a wrong password: %v", err)
	}
	if user, err := login(t, c, "PLAIN", gosasl.NewPlainClient("", "alice", "a b")); err != nil || user != "alice" {
		t.Errorf("%q, %v", user, err)
	}
}
