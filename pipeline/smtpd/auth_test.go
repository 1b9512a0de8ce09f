package smtpd_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/mtad/mtad/core/maillog"
	"github.com/mtad/mtad/core/smtp"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/pipeline/hook"
	"github.com/mtad/mtad/pipeline/smtpd"
	"github.com/mtad/mtad/plugins/sdk"
)

// conn is a connection from 192.0.2.1 to 192.0.2.25.
type conn struct{ smtp.ConnInfo }

func (conn) Remote() netip.AddrPort    { return netip.MustParseAddrPort("192.0.2.1:4711") }
func (conn) Local() netip.AddrPort     { return netip.MustParseAddrPort("192.0.2.25:587") }
func (conn) TLS() *tls.ConnectionState { return nil }
func (conn) ESMTP() bool               { return true }
func (conn) Summary() string           { return "" }
func (conn) Transcript() string        { return "" }
func (conn) UnauthPipelining() bool    { return false }

// saslServer knows one password.
type saslServer struct{}

func (saslServer) Mechanisms(smtp.ConnInfo) []string { return []string{"PLAIN", "LOGIN"} }
func (saslServer) Begin(context.Context, smtp.ConnInfo, string) (smtpd.Exchange, error) {
	return &dialogue{}, nil
}

type dialogue struct{ user string }

func (d *dialogue) Next(response []byte) ([]byte, bool, error) {
	user, password, ok := strings.Cut(string(response), ":")
	switch {
	case !ok:
		return []byte("user:password?"), false, nil
	case password != "secret":
		return nil, false, errors.New("wrong password")
	}
	d.user = user
	return nil, true, nil
}
func (d *dialogue) User() string { return d.user }

// gate is a plugin that lets every user in but mallory, and writes down what it sees.
type gate struct{ saw []string }

func (g *gate) Manifest() sdk.Manifest {
	return sdk.Manifest{Name: "gate", Kind: "test", Hooks: sdk.Points(0).With(sdk.PointAuth).With(sdk.PointMail)}
}
func (g *gate) Call(_ context.Context, p sdk.Point, h sdk.Host) (sdk.Action, error) {
	tx := sdk.Tx{Host: h}
	g.saw = append(g.saw, p.String()+" "+tx.AuthUser()+" "+tx.Property("auth.method")+" "+tx.Property("origin.proto")+" "+
		tx.Property("server.addr")+" "+tx.Property("server.port")+" "+tx.Property("auth.sender"))
	if p == sdk.PointAuth && tx.AuthUser() == "mallory" {
		return sdk.Answer(h, sdk.Reject("5.7.8", "not you")), nil
	}
	return sdk.ActContinue, nil
}
func (g *gate) Close(context.Context) error { return nil }

func TestTheAuthHookIsAskedAfterASuccessfulAuthentication(t *testing.T) {
	g := &gate{}
	set := hook.NewSet([]hook.Plugin{{Module: g}}, hook.Options{})
	ctx := context.Background()
	h := smtpd.New(smtpd.Options{Service: "smtpd", Hostname: "mx.test", Auth: saslServer{}, Hooks: func(context.Context, netip.Addr) (*hook.Set, *status.Error) { return set, nil },
		Log: maillog.Discard().Service("smtpd")})
	s, err := h.Connect(ctx, conn{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close(nil)
	if err := s.Helo(ctx, "client.test", true); err != nil {
		t.Fatal(err)
	}
	if got := s.Extensions(); len(got) != 1 || got[0] != "AUTH PLAIN LOGIN" {
		t.Fatalf("EHLO offers %q", got)
	}
	try := func(response string) error {
		x, err := s.Auth(ctx, "PLAIN")
		if err != nil {
			t.Fatal(err)
		}
		if _, done, err := x.Next(nil); done || err != nil {
			t.Fatalf("before the response: %v %v", done, err)
		}
		_, done, err := x.Next([]byte(response))
		if done == (err != nil) {
			t.Errorf("%q: done is %v with error %v", response, done, err)
		}
		return err
	}
	if err := try("alice:wrong"); err == nil || len(g.saw) != 0 {
		t.Errorf("a wrong password: %v, the plugin saw %q", err, g.saw)
	}
	if err := try("mallory:secret"); err == nil || !strings.HasPrefix(err.Error(), "550 5.7.8 not you") {
		t.Errorf("the plugin refuses mallory: %v", err)
	}
	if err := s.Mail(ctx, smtp.MailArgs{Sender: "a@b.test"}); err != nil {
		t.Fatal(err)
	}
	s.Reset()
	if err := try("alice:secret"); err != nil {
		t.Error(err)
	}
	if err := s.Mail(ctx, smtp.MailArgs{Sender: "a@b.test", Auth: "a=b@c.test"}); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"auth mallory PLAIN ESMTPA 192.0.2.25 587 ",
		"mail   ESMTP 192.0.2.25 587 ", // mallory is nobody again
		"auth alice PLAIN ESMTPA 192.0.2.25 587 ",
		"mail alice PLAIN ESMTPA 192.0.2.25 587 a=b@c.test",
	}
	if strings.Join(g.saw, "\n") != strings.Join(want, "\n") {
		t.Errorf("the plugin saw\n%s\nwant\n%s", strings.Join(g.saw, "\n"), strings.Join(want, "\n"))
	}
}
