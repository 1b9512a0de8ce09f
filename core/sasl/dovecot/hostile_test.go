package dovecot_test

import (
	"bufio"
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/mtad/mtad/core/sasl"
	"github.com/mtad/mtad/core/sasl/dovecot"
)

const greeting = "VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nMECH\tGSSAPI\tprivate\nMECH\tCRAM-MD5\tdictionary\tactive\nSPID\t1\nCOOKIE\t00\nDONE\n"

// scripted serves connections one after another: each says its greeting, and then answers each line of
// the client after the handshake by a function; "" ends the connection.
func scripted(t *testing.T, connections ...func(line string) string) *dovecot.Client {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for _, answer := range connections {
			c, err := l.Accept()
			if err != nil {
				return
			}
			converse(c, answer)
		}
	}()
	c := dovecot.New(dovecot.Options{Network: "tcp", Address: l.Addr().String(), Timeout: 300 * time.Millisecond, ConnectTimeout: time.Minute})
	t.Cleanup(func() {
		c.Close()
		_ = l.Close()
		<-ended
	})
	return c
}

func converse(c net.Conn, answer func(string) string) {
	defer func() { _ = c.Close() }()
	if _, err := c.Write([]byte(greeting)); err != nil {
		return
	}
	for r := bufio.NewScanner(c); r.Scan(); {
		line := r.Text()
		if strings.HasPrefix(line, "VERSION") || strings.HasPrefix(line, "CPID") || strings.HasPrefix(line, "CANCEL") {
			continue
		}
		reply := answer(line)
		if reply == "" {
			return
		}
		if _, err := c.Write([]byte(reply)); err != nil {
			return
		}
	}
}

func says(reply string) func(string) string { return func(string) string { return reply } }

func TestAHostileServerLetsNobodyInAndHoldsNobodyUp(t *testing.T) {
	hangup := says("")
	for name, c := range map[string]struct {
		conns     []func(string) string
		temporary bool
		want      string // in the error
	}{
		"it refuses":                           {conns: []func(string) string{says("FAIL\t1\tuser=a\n")}},
		"it refuses with a reason":             {conns: []func(string) string{says("FAIL\t1\tuser=a\treason=go\x01taway\n")}, want: "go\taway"},
		"it has no database":                   {conns: []func(string) string{says("FAIL\t1\tuser=a\ttemp\n")}, temporary: true},
		"it has no database, as 2.3 says it":   {conns: []func(string) string{says("FAIL\t1\tcode=temp_fail\n")}, temporary: true},
		"it lets in nobody":                    {conns: []func(string) string{says("OK\t1\n")}, temporary: true, want: "without a name"},
		"it answers somebody else":             {conns: []func(string) string{says("OK\t2\tuser=a\nOK\tx\nOK\n\n\tOK\n")}, temporary: true, want: "no answer"},
		"it says nothing":                      {conns: []func(string) string{says("#\n")}, temporary: true, want: "no answer"},
		"its challenge is not base64":          {conns: []func(string) string{says("CONT\t1\t***\n")}, temporary: true, want: "not base64"},
		"it sends a line without end":          {conns: []func(string) string{says(strings.Repeat("x", 100_000))}, temporary: true, want: "connection lost"},
		"it hangs up, and again when it is up": {conns: []func(string) string{hangup, hangup}, temporary: true, want: "connection lost"},
		"it challenges and hangs up": {conns: []func(string) string{func(line string) string {
			if strings.HasPrefix(line, "AUTH") {
				return "CONT\t1\t\n"
			}
			return ""
		}}, temporary: true, want: "connection lost"},
	} {
		t.Run(name, func(t *testing.T) {
			x := scripted(t, c.conns...).Begin(peer, "PLAIN")
			defer x.Close()
			_, done, err := x.Next(t.Context(), []byte("\x00a\x00b"))
			if err == nil && !done {
				_, done, err = x.Next(t.Context(), []byte("more"))
			}
			var f *sasl.Failure
			if done || !errors.As(err, &f) || f.Temporary != c.temporary || !strings.Contains(err.Error(), c.want) {
				t.Errorf("done %v, %v", done, err)
			}
		})
	}
}

func TestAConnectionThatDiedIsMadeAgain(t *testing.T) {
	c := scripted(t, func(line string) string {
		if strings.HasPrefix(line, "AUTH\t1\t") {
			return "OK\t1\tuser=first\n"
		}
		return ""
	}, says("OK\t1\tuser=second\n"))
	for _, want := range []string{"first", "second"} {
		x := c.Begin(peer, "PLAIN")
		_, done, err := x.Next(t.Context(), []byte("\x00a\x00b"))
		if !done || err != nil || x.User() != want {
			t.Errorf("%v %v: %q, want %q", done, err, x.User(), want)
		}
		x.Close()
	}
}

func TestTheServerIsToldOfTheConnection(t *testing.T) {
	var got string
	c := scripted(t, func(line string) string { got = line; return "OK\t1\tuser=a\x01tb\n" })
	p := peer
	p.Service, p.ClientCert = "sub\tmission", true
	x := c.Begin(p, "PLAIN")
	defer x.Close()
	if _, done, err := x.Next(t.Context(), []byte{}); !done || err != nil || x.User() != "a\tb" {
		t.Errorf("%v %v %q", done, err, x.User())
	}
	want := "AUTH\t1\tPLAIN\tservice=sub\x01tmission\tnologin\tlip=192.0.2.25\tlport=587\trip=192.0.2.1\trport=4711\tsecured\tvalid-client-cert\tresp="
	if got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestPrivateMechanismsAreNotOffered(t *testing.T) {
	all, err := scripted(t, says("")).Mechanisms(t.Context())
	if err != nil || len(all) != 2 || all[0].Name != "PLAIN" || all[1].Name != "CRAM-MD5" || all[1].Props != sasl.Dictionary|sasl.Active {
		t.Errorf("%v, %v", all, err)
	}
}

func TestCloseEndsWhoWaits(t *testing.T) {
	asked := make(chan struct{})
	c := scripted(t, func(string) string { close(asked); return "#\n" })
	x := c.Begin(peer, "PLAIN")
	failed := make(chan error)
	go func() {
		_, _, err := x.Next(context.Background(), nil)
		failed <- err
	}()
	<-asked
	c.Close()
	if err := <-failed; err == nil {
		t.Error("the exchange succeeded")
	}
	if _, err := c.Mechanisms(t.Context()); err != nil {
		t.Errorf("what is known is known: %v", err)
	}
	y := c.Begin(peer, "PLAIN")
	defer y.Close()
	if _, _, err := y.Next(t.Context(), nil); err == nil {
		t.Error("a closed client lets somebody in")
	}
}

func TestNobodyListens(t *testing.T) {
	c := dovecot.New(dovecot.Options{Network: "unix", Address: t.TempDir() + "/none", Name: "private/auth"})
	defer c.Close()
	if _, err := c.Mechanisms(t.Context()); err == nil {
		t.Error("mechanisms of nobody")
	}
	x := c.Begin(peer, "PLAIN")
	defer x.Close()
	var f *sasl.Failure
	if _, _, err := x.Next(t.Context(), nil); !errors.As(err, &f) || !f.Temporary || !strings.Contains(err.Error(), "SASL: Connect to private/auth failed: ") {
		t.Errorf("%v", err)
	}
}
