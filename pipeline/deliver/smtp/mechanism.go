package smtp

import (
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"fmt"
	"hash"

	"github.com/emersion/go-sasl"
	"github.com/mtad/mtad/core/smtpclient"
	"github.com/xdg-go/scram"
)

// Security is what a mechanism must offer: the words of smtp_sasl_security_options.
type Security uint8

// The words of postconf(5), smtp_sasl_security_options.
const (
	NoPlaintext    Security = 1 << iota // does not show the password to who listens
	NoActive                            // withstands who changes what is sent
	NoDictionary                        // withstands the guessing of passwords
	ForwardSecrecy                      // breaking one session breaks no other one
	NoAnonymous                         // says who we are
	MutualAuth                          // the server proves that it knows the password
)

// ParseSecurity reads the words.
func ParseSecurity(words []string) (Security, error) {
	known := map[string]Security{"noplaintext": NoPlaintext, "noactive": NoActive, "nodictionary": NoDictionary,
		"forward_secrecy": ForwardSecrecy, "noanonymous": NoAnonymous, "mutual_auth": MutualAuth}
	var all Security
	for _, w := range words {
		s, ok := known[w]
		if !ok {
			return 0, fmt.Errorf("unknown SASL security option %q", w)
		}
		all |= s
	}
	return all, nil
}

// mechanism is one that we speak.
type mechanism struct {
	name   string
	offers Security
	// make returns the client's side. authzid is the identity to act for, "" for the user's own.
	make func(authzid, user, password string) smtpclient.Mechanism
}

// mechanisms are those that we speak, the best first. What a token is for stands last: a server that
// takes passwords and tokens gets what the table more probably holds, a password.
func mechanisms() []mechanism {
	const proof = NoPlaintext | NoActive | NoAnonymous | MutualAuth
	return []mechanism{
		{"SCRAM-SHA-512", proof, newSCRAM("SCRAM-SHA-512", sha512.New)},
		{"SCRAM-SHA-256", proof, newSCRAM("SCRAM-SHA-256", sha256.New)},
		{"SCRAM-SHA-1", proof, newSCRAM("SCRAM-SHA-1", sha1.New)},
		{"CRAM-MD5", NoPlaintext | NoAnonymous, func(_, user, password string) smtpclient.Mechanism {
			return smtpclient.CRAMMD5(user, password)
		}},
		{"PLAIN", NoAnonymous, func(authzid, user, password string) smtpclient.Mechanism {
			return sasl.NewPlainClient(authzid, user, password)
		}},
		{"LOGIN", NoAnonymous, func(_, user, password string) smtpclient.Mechanism {
			return sasl.NewLoginClient(user, password)
		}},
		{"OAUTHBEARER", NoAnonymous, func(_, user, token string) smtpclient.Mechanism {
			return sasl.NewOAuthBearerClient(&sasl.OAuthBearerOptions{Username: user, Token: token})
		}},
		{"XOAUTH2", NoAnonymous, func(_, user, token string) smtpclient.Mechanism { return xoauth2{user, token} }},
	}
}

// scramClient is the client's side of RFC 5802 and RFC 7677, without channel binding.
type scramClient struct {
	name, user, password, authzid string
	hash                          func() hash.Hash
	conv                          *scram.ClientConversation
}

func newSCRAM(name string, h func() hash.Hash) func(authzid, user, password string) smtpclient.Mechanism {
	return func(authzid, user, password string) smtpclient.Mechanism {
		return &scramClient{name: name, user: user, password: password, authzid: authzid, hash: h}
	}
}

// maxIterations bounds the work that a server can ask for: some hundred milliseconds.
const maxIterations = 600_000

var errIterations = errors.New("the server asks for too many iterations")

func (m *scramClient) Start() (string, []byte, error) {
	c, err := scram.HashGeneratorFcn(m.hash).NewClient(m.user, m.password, m.authzid)
	if err != nil {
		return "", nil, err
	}
	m.conv = c.NewConversation()
	first, err := m.conv.Step("")
	return m.name, []byte(first), err
}

func (m *scramClient) Next(challenge []byte) ([]byte, error) {
	if iterations(challenge) > maxIterations {
		return nil, errIterations
	}
	answer, err := m.conv.Step(string(challenge))
	return []byte(answer), err
}

// iterations returns the number that a server's first message asks for ("r=…,s=…,i=4096"); one
// too large to be a number is one too many.
func iterations(challenge []byte) int {
	n, inside := 0, false
	for i, c := range challenge {
		switch {
		case c == '=' && i > 0 && challenge[i-1] == 'i' && (i == 1 || challenge[i-2] == ','):
			n, inside = 0, true
		case inside && c >= '0' && c <= '9' && n <= maxIterations:
			n = 10*n + int(c-'0')
		case inside && c == ',':
			return n
		}
	}
	return n
}

// proved reports whether the server has shown that it knows the password.
func (m *scramClient) proved() bool { return m.conv != nil && m.conv.Valid() }

// xoauth2 is what some large providers ask for instead of RFC 7628; the password is a token.
type xoauth2 struct{ user, token string }

func (m xoauth2) Start() (string, []byte, error) {
	return "XOAUTH2", []byte("user=" + m.user + "\x01auth=Bearer " + m.token + "\x01\x01"), nil
}

// Next answers the only challenge there is, a description of the error, with nothing.
func (xoauth2) Next([]byte) ([]byte, error) { return []byte{}, nil }
