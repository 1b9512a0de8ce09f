package sasl

import (
	"bytes"
	"context"
)

// maxWord is the longest name and the longest password in bytes.
const maxWord = 1024

// Checker knows whether a password is right. Safe for concurrent use.
type Checker interface {
	// Check returns the user's name as the server knows it. An error is a *Failure.
	Check(ctx context.Context, p Peer, user, password string) (name string, err error)
}

// NewPlain opens an exchange of PLAIN (RFC 4616).
func NewPlain(c Checker, p Peer) Exchange { return &plain{checked: checked{c: c, p: p}} }

// NewLogin opens an exchange of LOGIN: two questions, as draft-murchison-sasl-login has them. A
// response that comes with the command answers the first.
func NewLogin(c Checker, p Peer) Exchange { return &login{checked: checked{c: c, p: p}} }

// checked is what exchanges by a Checker share.
type checked struct {
	c    Checker
	p    Peer
	user string
}

// User is who the client is or said to be.
func (x *checked) User() string { return x.user }

// Close does nothing: there is nothing to forget.
func (*checked) Close() {}

func (x *checked) check(ctx context.Context, user, password string) (challenge []byte, done bool, err error) {
	if user == "" || password == "" || len(user) > maxWord || len(password) > maxWord {
		return nil, false, &Failure{Reason: "authentication failure"}
	}
	x.user = user
	name, err := x.c.Check(ctx, x.p, user, password)
	if err != nil {
		return nil, false, err
	}
	x.user = name
	return nil, true, nil
}

type plain struct{ checked }

// Next takes the one response.
func (x *plain) Next(ctx context.Context, response []byte) (challenge []byte, done bool, err error) {
	if response == nil {
		return nil, false, nil
	}
	words := bytes.Split(response, []byte{0})
	if len(words) != 3 {
		return nil, false, &Failure{Reason: "bad protocol / cancel"}
	}
	as, user, password := string(words[0]), string(words[1]), string(words[2])
	if as != "" && as != user { // nobody acts for another
		x.user = user
		return nil, false, &Failure{Reason: "authorization failure"}
	}
	return x.check(ctx, user, password)
}

type login struct {
	checked
	asked int
	name  string
}

// Next asks for the name, then for the password.
func (x *login) Next(ctx context.Context, response []byte) (challenge []byte, done bool, err error) {
	switch {
	case x.asked == 0 && response == nil:
		x.asked = 1
		return []byte("Username:"), false, nil
	case x.asked <= 1:
		x.asked, x.name = 2, string(response)
		return []byte("Password:"), false, nil
	}
	return x.check(ctx, x.name, string(response))
}
