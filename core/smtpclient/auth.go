package smtpclient

import (
	"crypto/hmac"
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
)

// Mechanism is the client's side of a SASL exchange. It is what go-sasl's Client is.
type Mechanism interface {
	// Start returns the name of the mechanism and the initial response, nil for none.
	Start() (name string, initial []byte, err error)
	// Next answers a challenge.
	Next(challenge []byte) (response []byte, err error)
}

// longCommand is the most bytes of an AUTH command with an initial response: RFC 4954 §4.
const longCommand = 12288 - 2

// maxChallenges is far beyond what any mechanism needs.
const maxChallenges = 20

// Auth authenticates (RFC 4954). When the peer says no the error is Refused, and the session
// goes on without authentication. After success MAIL carries AUTH=<> (RFC 4954 §5).
func (c *Conn) Auth(m Mechanism) error {
	name, response, err := m.Start()
	if err != nil {
		return &Error{Kind: Refused, Stage: StageAuth, Err: err,
			Reply: own(454, "4.7.0", "the mechanism cannot start")}
	}
	c.out = append(append(c.out[:0], "AUTH "...), name...)
	held := response != nil && base64.StdEncoding.EncodedLen(len(response)) > longCommand-len(c.out)
	if response != nil && !held {
		c.out = append(c.out, ' ')
		if len(response) == 0 {
			c.out = append(c.out, '=')
		}
		c.out = base64.StdEncoding.AppendEncode(c.out, response)
	}
	return outcome(c.exchange(m, response, held))
}

// exchange answers challenges until the peer has decided. held says that response is still to be
// sent, as the answer to an empty challenge.
func (c *Conn) exchange(m Mechanism, response []byte, held bool) *Error {
	var failed error
	for range maxChallenges {
		c.out = append(c.out, "\r\n"...)
		r, e := c.command(StageAuth, true)
		switch {
		case e != nil:
			return e
		case r.Code/100 == 2 && failed == nil:
			c.authed = true
			return nil
		case r.Code != 334 || failed != nil:
			return &Error{Kind: Refused, Stage: StageAuth, Reply: r, Err: failed}
		case !held:
			response, failed = answer(m, afterCode(string(c.text)))
		}
		held = false
		if failed != nil {
			c.out = append(c.out[:0], '*') // RFC 4954 §4: cancels the exchange
			continue
		}
		c.out = base64.StdEncoding.AppendEncode(c.out[:0], response)
	}
	c.dead = true
	return &Error{Kind: Garbled, Stage: StageAuth, Err: errChallenges}
}

func answer(m Mechanism, text string) ([]byte, error) {
	challenge, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, errChallenge
	}
	return m.Next(challenge)
}

// CRAMMD5 returns the mechanism of RFC 2195. The password never goes over the wire.
func CRAMMD5(user, password string) Mechanism { return &cramMD5{user, password} }

type cramMD5 struct{ user, password string }

func (m *cramMD5) Start() (string, []byte, error) { return "CRAM-MD5", nil, nil }

func (m *cramMD5) Next(challenge []byte) ([]byte, error) {
	h := hmac.New(md5.New, []byte(m.password))
	h.Write(challenge)
	return []byte(m.user + " " + hex.EncodeToString(h.Sum(nil))), nil
}
