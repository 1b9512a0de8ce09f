package smtp_test

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/mtad/mtad/core/readdress"
	"github.com/mtad/mtad/core/table"
	"github.com/mtad/mtad/pipeline/deliver/smtp"
	"github.com/xdg-go/scram"
)

// entries is a table; one with an error is on fire.
type entries struct {
	of  map[string]string
	err error
}

func (e entries) Lookup(_ context.Context, key string) (string, bool, error) {
	v, ok := e.of[key]
	return v, ok, e.err
}

// passwords returns tables with key, value, key, value.
func passwords(words ...string) table.Maps {
	e := entries{of: map[string]string{}}
	for i := 0; i < len(words); i += 2 {
		e.of[words[i]] = words[i+1]
	}
	return table.Maps{e}
}

// playSCRAM is the server's side of RFC 7677 for a password; with cheat it lets everybody in without
// knowing it.
func playSCRAM(r *bufio.Reader, nc net.Conn, password string, cheat bool) error {
	line, err := r.ReadString('\n')
	first, ok := strings.CutPrefix(strings.TrimSpace(line), "AUTH SCRAM-SHA-256 ")
	if err != nil || !ok {
		return fmt.Errorf("client said %q: %v", line, err)
	}
	if cheat {
		_, err := nc.Write([]byte("235 2.7.0 come in\r\n"))
		return err
	}
	known, err := scram.SHA256.NewClient("user", password, "")
	if err != nil {
		return err
	}
	stored, err := known.GetStoredCredentialsWithError(scram.KeyFactors{Salt: "salt", Iters: 4096})
	if err != nil {
		return err
	}
	server, err := scram.SHA256.NewServer(func(string) (scram.StoredCredentials, error) { return stored, nil })
	if err != nil {
		return err
	}
	conv := server.NewConversation()
	for range 2 {
		said, err := base64.StdEncoding.DecodeString(first)
		if err != nil {
			return err
		}
		answer, err := conv.Step(string(said))
		if err != nil {
			_, err = nc.Write([]byte("535 5.7.8 wrong password\r\n"))
			return err
		}
		fmt.Fprintf(nc, "334 %s\r\n", base64.StdEncoding.EncodeToString([]byte(answer)))
		if first, err = r.ReadString('\n'); err != nil {
			return err
		}
		first = strings.TrimSpace(first)
	}
	_, err = nc.Write([]byte("235 2.7.0 ok\r\n"))
	return err
}

func TestSASL(t *testing.T) {
	const auth = "C: AUTH PLAIN AHVzZXIAcGFzcw==\n"
	const sent = `sent 2.0.0 to.test[192.0.2.1]:25 (250 2.0.0 Ok: queued as 1A)`
	const none = `deferred 4.7.0 to.test[192.0.2.1]:25 (SASL authentication failed: server to.test[192.0.2.1] offered no compatible authentication mechanisms for this type of connection security) dead`
	mail := strings.Replace(takes("x@to.test"), "MAIL FROM:<a@from.test>", "MAIL FROM:<a@from.test> AUTH=<>", 1)
	known := func(o *smtp.Options) {
		o.SASL.Clear, o.SASL.Encrypted = smtp.NoAnonymous, smtp.NoAnonymous
		o.SASL.Passwords = passwords("to.test", "user:pass")
	}
	only := func(want string) func(*smtp.Options) {
		return func(o *smtp.Options) {
			o.SASL.Allowed = func(_ context.Context, m string) (bool, error) { return m == want, nil }
		}
	}
	for _, c := range []struct {
		name, script string
		edit         func(*smtp.Options)
		want         string
	}{
		{"PLAIN", hello("to.test", offers, "AUTH_LOGIN_PLAIN") + auth + "S: 235 2.7.0 ok\n" + mail, nil, sent},
		{"the user may be named as the identity to act for", hello("to.test", offers, "AUTH_PLAIN") + "C: AUTH PLAIN dXNlcgB1c2VyAHBhc3M=\nS: 235 2.7.0 ok\n" + mail,
			func(o *smtp.Options) { o.SASL.Authzid = true }, sent},
		{"another delimiter", hello("to.test", offers, "AUTH_LOGIN_PLAIN") + auth + "S: 235 2.7.0 ok\n" + mail,
			func(o *smtp.Options) { o.SASL.Delimiter, o.SASL.Passwords = "/", passwords("to.test", "user/pass") }, sent},
		{"the password is not sent where that is forbidden", hello("to.test", offers, "AUTH_LOGIN_PLAIN"),
			func(o *smtp.Options) { o.SASL.Clear = smtp.NoPlaintext }, none},
		{"what is forbidden in the clear may be allowed in TLS", hello("to.test", "STARTTLS") +
			strings.Replace(startTLS, "S: 250 PIPELINING", "S: 250-PIPELINING\nS: 250 AUTH PLAIN", 1) + auth + "S: 235 ok\n" + mail,
			func(o *smtp.Options) { o.TLS.Level, o.SASL.Clear = "may", smtp.NoPlaintext }, sent},
		{"CRAM-MD5 sends none", hello("to.test", offers, "AUTH_PLAIN_CRAM-MD5") + "C: AUTH CRAM-MD5\nS: 334 eA==\nC~ dXNlciA\nS: 235 ok\n" + mail,
			func(o *smtp.Options) { o.SASL.Clear = smtp.NoPlaintext }, sent},
		{"CRAM-MD5 does not do where more is asked for", hello("to.test", offers, "AUTH_PLAIN_CRAM-MD5"),
			func(o *smtp.Options) { o.SASL.Clear = smtp.NoPlaintext | smtp.MutualAuth }, none},
		{"SCRAM proves both sides", hello("to.test", offers, "AUTH_PLAIN_CRAM-MD5_SCRAM-SHA-256") + "SCRAM pass\n" + mail,
			func(o *smtp.Options) { o.SASL.Clear = smtp.NoPlaintext | smtp.NoActive | smtp.MutualAuth }, sent},
		{"SCRAM with another password", hello("to.test", offers, "AUTH_SCRAM-SHA-256") + "SCRAM other\n", nil,
			`deferred 4.7.8 to.test[192.0.2.1]:25 (SASL authentication failed; server to.test[192.0.2.1] said: 535 5.7.8 wrong password) dead`},
		{"a server that lets everybody in is not the one we mean", hello("to.test", offers, "AUTH_SCRAM-SHA-256") + "CHEAT\n", nil,
			`deferred 4.7.0 to.test[192.0.2.1]:25 (SASL authentication failed; cannot authenticate to server to.test[192.0.2.1]: it did not prove to know the password) dead`},
		{"a server that asks for endless work", hello("to.test", offers, "AUTH_SCRAM-SHA-256") +
			"C~ AUTH SCRAM-SHA-256 \nS: 334 cj14LHM9YWE9PSxpPTk5OTk5OTk5OTk5OTk5OQ==\nC: *\nS: 501 5.7.0 cancelled\n", nil,
			`deferred 4.7.0 to.test[192.0.2.1]:25 (SASL authentication failed; cannot authenticate to server to.test[192.0.2.1]: the server asks for too many iterations) dead`},
		{"a token where the list of mechanisms says so", hello("to.test", offers, "AUTH_PLAIN_XOAUTH2") +
			"C: AUTH XOAUTH2 dXNlcj11c2VyAWF1dGg9QmVhcmVyIHBhc3MBAQ==\nS: 235 ok\n" + mail, only("XOAUTH2"), sent},
		{"a token that is refused, with the reason", hello("to.test", offers, "AUTH_PLAIN_XOAUTH2") +
			"C~ AUTH XOAUTH2 \nS: 334 e30=\nC: \nS: 535 5.7.8 expired\n", only("XOAUTH2"),
			`deferred 4.7.8 to.test[192.0.2.1]:25 (SASL authentication failed; server to.test[192.0.2.1] said: 535 5.7.8 expired) dead`},
		{"the standard's token", hello("to.test", offers, "AUTH_PLAIN_OAUTHBEARER") +
			"C: AUTH OAUTHBEARER bixhPXVzZXIsAWF1dGg9QmVhcmVyIHBhc3MBAQ==\nS: 235 ok\n" + mail, only("OAUTHBEARER"), sent},
		{"the list of mechanisms is kept to", hello("to.test", offers, "AUTH_PLAIN_LOGIN") + "C: AUTH LOGIN dXNlcg==\nS: 334 UGFzc3dvcmQ6\nC: cGFzcw==\nS: 235 ok\n" + mail, only("LOGIN"), sent},
		{"a list of mechanisms that cannot be read", hello("to.test", offers, "AUTH_PLAIN"),
			func(o *smtp.Options) {
				o.SASL.Allowed = func(context.Context, string) (bool, error) { return false, errors.New("on fire") }
			},
			`deferred 4.3.0 none (SASL credentials lookup failed)`},
		{"a server that does not ask", hello("to.test", offers) + takes("x@to.test"), nil, sent},
		{"a wrong password is our fault", hello("to.test", offers, "AUTH_PLAIN") + auth + "S: 535 5.7.8 who are you", nil,
			`deferred 4.7.8 to.test[192.0.2.1]:25 (SASL authentication failed; server to.test[192.0.2.1] said: 535 5.7.8 who are you) dead`},
		{"a wrong password may return mail", hello("to.test", offers, "AUTH_PLAIN") + auth + "S: 535 5.7.8 who are you",
			func(o *smtp.Options) { o.SASL.Bounce = true },
			`bounced 5.7.8 to.test[192.0.2.1]:25 (SASL authentication failed; server to.test[192.0.2.1] said: 535 5.7.8 who are you)`},
		{"no password for this one", hello("to.test", offers, "AUTH_PLAIN") + takes("x@to.test"),
			func(o *smtp.Options) { o.SASL.Passwords = passwords("other.test", "user:pass") }, sent},
		{"nobody knows whether there is a password", hello("to.test", offers, "AUTH_PLAIN"),
			func(o *smtp.Options) { o.SASL.Passwords = table.Maps{entries{err: errors.New("table on fire")}} },
			`deferred 4.3.0 none (SASL credentials lookup failed)`},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.host("to.test", "192.0.2.1")
			w.server("192.0.2.1:25", c.script)
			if c.edit == nil {
				c.edit = func(*smtp.Options) {}
			}
			expect(t, w.deliver(w.agent(known, c.edit), request("x@to.test")), c.want)
		})
	}
}

// The order is Postfix's: sender, server, destination as it is written.
func TestWhosePasswordItIs(t *testing.T) {
	all := []string{"a@from.test", "sender:s", "mx.isp.test", "server:h", "[mx.isp.test]:587", "dest:d"}
	for _, c := range []struct {
		name    string
		without int // of all
		senders bool
		want    string
	}{
		{"the sender's", 0, true, "\x00sender\x00s"},
		{"senders do not count unless that is asked for", 0, false, "\x00server\x00h"},
		{"the server's", 2, true, "\x00server\x00h"},
		{"the destination's", 4, true, "\x00dest\x00d"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.host("mx.isp.test", "192.0.2.1")
			w.server("192.0.2.1:587", hello("mx.isp.test", offers, "AUTH_PLAIN")+
				"C: AUTH PLAIN "+base64.StdEncoding.EncodeToString([]byte(c.want))+"\nS: 454 4.7.0 later\n")
			a := w.agent(func(o *smtp.Options) {
				o.SASL.Clear, o.SASL.Passwords = 0, passwords(all[c.without:]...)
				if c.senders {
					o.SASL.Senders = &readdress.Site{}
				}
			})
			r := request("x@to.test")
			r.Nexthop = "[mx.isp.test]:587"
			if got := shown(w.deliver(a, r)); !strings.Contains(got, "said: 454 4.7.0 later") {
				t.Error(got)
			}
		})
	}
}

func TestASenderHasItsOwnConnections(t *testing.T) {
	w := newWorld(t)
	w.host("to.test", "192.0.2.1")
	for _, who := range []string{"a", "b"} {
		w.server("192.0.2.1:25", hello("to.test", offers, "AUTH_PLAIN")+"C: AUTH PLAIN "+
			base64.StdEncoding.EncodeToString([]byte("\x00"+who+"\x00p"))+"\nS: 235 ok\n"+
			strings.Replace(takes("x@to.test"), "<a@from.test>", "<"+who+"@from.test> AUTH=<>", 1))
	}
	a := w.agent(func(o *smtp.Options) {
		o.SASL.Clear, o.SASL.Passwords = 0, passwords("a@from.test", "a:p", "b@from.test", "b:p")
		o.SASL.Senders = &readdress.Site{}
	})
	for _, who := range []string{"a", "b"} {
		r := request("x@to.test")
		r.Entry.Sender = who + "@from.test"
		expect(t, w.deliver(a, r), `sent 2.0.0 to.test[192.0.2.1]:25 (250 2.0.0 Ok: queued as 1A)`)
	}
}

func TestARefusedPasswordIsNotTriedAgain(t *testing.T) {
	w := newWorld(t)
	w.host("to.test", "192.0.2.1")
	login := hello("to.test", offers, "AUTH_PLAIN")
	w.server("192.0.2.1:25", login+"C: AUTH PLAIN AHVzZXIAcGFzcw==\nS: 535 5.7.8 no", login)
	a := w.agent(func(o *smtp.Options) {
		o.SASL.Clear, o.SASL.Passwords, o.SASL.Remember = 0, passwords("to.test", "user:pass"), time.Hour
	})
	expect(t, w.deliver(a, request("x@to.test")), `deferred 4.7.8 to.test[192.0.2.1]:25 (SASL authentication failed; server to.test[192.0.2.1] said: 535 5.7.8 no) dead`)
	expect(t, w.deliver(a, request("x@to.test")), `deferred 4.7.8 to.test[192.0.2.1]:25 (SASL [CACHED] authentication failed; server to.test[192.0.2.1] said: 535 5.7.8 no) dead`)
}

func TestSecurityOptionsThatAreNone(t *testing.T) {
	if s, err := smtp.ParseSecurity([]string{"noplaintext", "mutual_auth"}); s != smtp.NoPlaintext|smtp.MutualAuth || err != nil {
		t.Errorf("got %v, %v", s, err)
	}
	if _, err := smtp.ParseSecurity([]string{"noplaintest"}); err == nil {
		t.Error("a misspelt word passed")
	}
}
