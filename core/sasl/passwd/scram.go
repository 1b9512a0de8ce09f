package passwd

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"

	"github.com/xdg-go/scram"

	"github.com/mtad/mtad/core/sasl"
)

// scramExchange is SCRAM-SHA-256 without channel binding (RFC 5802, RFC 7677).
type scramExchange struct {
	s    *Server
	conv *scram.ServerConversation // nil before the first response
	user string
	fail error // of the table
}

// Next takes the client's first message, then its proof. The server's own proof is last.
func (x *scramExchange) Next(ctx context.Context, response []byte) (challenge []byte, done bool, err error) {
	if response == nil && x.conv == nil {
		return nil, false, nil
	}
	if x.conv == nil {
		server, err := scram.SHA256.NewServer(func(user string) (scram.StoredCredentials, error) { return x.keys(ctx, user) })
		if err != nil {
			return nil, false, tempfail(err)
		}
		x.conv = server.NewConversation()
	}
	answer, err := x.conv.Step(string(response))
	switch as := x.conv.AuthzID(); {
	case x.fail != nil:
		return nil, false, x.fail
	case err != nil || x.conv.Done() && !x.conv.Valid():
		return nil, false, wrong()
	case as != "" && x.s.name(as) != x.user: // nobody acts for another
		return nil, false, &sasl.Failure{Reason: "authorization failure"}
	}
	return []byte(answer), x.conv.Done(), nil
}

// keys are a user's, or some that no proof fits, always with the same salt.
func (x *scramExchange) keys(ctx context.Context, user string) (scram.StoredCredentials, error) {
	x.user = x.s.name(user)
	h, err := x.s.lookup(ctx, x.user)
	if err != nil {
		x.fail = err
		return scram.StoredCredentials{}, err
	}
	k, ok := h.(scramKeys)
	if ok {
		x.s.iterations.Store(int64(k.iterations))
	} else { // nobody, or somebody with a hash of another kind
		k = scramKeys{int(x.s.iterations.Load()), x.s.invent(x.user, "salt")[:16], x.s.invent(x.user, "stored"), x.s.invent(x.user, "server")}
	}
	return scram.StoredCredentials{KeyFactors: scram.KeyFactors{Salt: string(k.salt), Iters: k.iterations}, StoredKey: k.storedKey, ServerKey: k.server}, nil
}

// invent makes octets that only this process could know.
func (s *Server) invent(user, what string) []byte {
	m := hmac.New(sha256.New, s.secret[:])
	m.Write([]byte(what + "\x00" + user))
	return m.Sum(nil)
}

// User is who the client is or said to be.
func (x *scramExchange) User() string { return x.user }

// Close does nothing: there is nothing to forget.
func (*scramExchange) Close() {}
