package smtpclient_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/emersion/go-sasl"
	"github.com/mtad/mtad/core/smtpclient"
)

type longStart struct{ smtpclient.Mechanism }

func (longStart) Start() (string, []byte, error) {
	return "LONG", []byte(strings.Repeat("x", 9300)), nil
}

type brokenNext struct{}

func (brokenNext) Start() (string, []byte, error) { return "BROKEN", nil, nil }
func (brokenNext) Next(c []byte) ([]byte, error)  { return nil, errors.New("no idea") }

func TestAuth(t *testing.T) {
	for _, c := range []struct {
		name, script string
		mechanism    smtpclient.Mechanism
		wantErr      string
		usable       bool
	}{
		{"PLAIN in one go", `
			C: AUTH PLAIN AHVzZXIAcGFzcw==
			S: 235 2.7.0 ok
			C: MAIL FROM:<a@from.test> AUTH=<>
			S: 550 no
			C: QUIT`, sasl.NewPlainClient("", "user", "pass"), "", true},
		{"LOGIN with two challenges", `
			C: AUTH LOGIN dXNlcg==
			S: 334 UGFzc3dvcmQ6
			C: cGFzcw==
			S: 235 ok
			C: MAIL FROM:<a@from.test> AUTH=<>
			S: 550 no
			C: QUIT`, sasl.NewLoginClient("user", "pass"), "", true},
		// The challenge and the answer of RFC 2195 §2.
		{"CRAM-MD5", `
			C: AUTH CRAM-MD5
			S: 334 PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+
			C: dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw
			S: 235 ok
			C: MAIL FROM:<a@from.test> AUTH=<>
			S: 550 no
			C: QUIT`, smtpclient.CRAMMD5("tim", "tanstaaftanstaaf"), "", true},
		{"an empty initial response", `
			C: AUTH EXTERNAL =
			S: 235 ok
			C: MAIL FROM:<a@from.test> AUTH=<>
			S: 550 no
			C: QUIT`, sasl.NewExternalClient(""), "", true},
		{"an initial response that is too long for the command waits for its challenge", `
			C: AUTH LONG
			S: 334 
			C: ` + strings.Repeat("eHh4", 3100) + `
			S: 235 ok
			C: MAIL FROM:<a@from.test> AUTH=<>
			S: 550 no
			C: QUIT`, longStart{}, "", true},
		{"a refusal leaves the session alone", `
			C: AUTH PLAIN AHVzZXIAcGFzcw==
			S: 535 5.7.8 who are you
			C: MAIL FROM:<a@from.test>
			S: 550 no
			C: QUIT`, sasl.NewPlainClient("", "user", "pass"),
			"smtpclient: AUTH: refused: 535 5.7.8 who are you", true},
		{"a challenge that cannot be answered cancels", `
			C: AUTH BROKEN
			S: 334 eHh4
			C: *
			S: 501 5.7.0 cancelled
			C: MAIL FROM:<a@from.test>
			S: 550 no
			C: QUIT`, brokenNext{}, "smtpclient: AUTH: refused: 501 5.7.0 cancelled", true},
		{"a challenge that is no base64 cancels", `
			C: AUTH BROKEN
			S: 334 !!!!
			C: *
			S: 501 5.7.0 cancelled
			C: MAIL FROM:<a@from.test>
			S: 550 no
			C: QUIT`, brokenNext{}, "smtpclient: AUTH: refused: 501 5.7.0 cancelled", true},
		{"challenges without end", "C: AUTH CRAM-MD5\n" + strings.Repeat("S: 334 eHh4\nC~ dCA\n", 19) + "S: 334 eHh4",
			smtpclient.CRAMMD5("t", "p"), "smtpclient: AUTH: protocol error: too many challenges", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn := greeted(t, "AUTH_PLAIN", c.script)
			check(t, conn.Auth(c.mechanism), c.wantErr)
			if conn.Usable() != c.usable {
				t.Fatalf("usable = %v", conn.Usable())
			}
			if !c.usable {
				return
			}
			tx := message(text, "x@to.test")
			check(t, conn.Send(tx), "")
			conn.Quit()
		})
	}
}
