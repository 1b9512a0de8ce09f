package dovecot

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"strconv"

	"github.com/mtad/mtad/core/sasl"
)

// exchange is one authentication over a connection.
type exchange struct {
	c         *Client
	peer      sasl.Peer
	mechanism string

	l    *link // nil before the first answer
	id   uint32
	ch   chan answer
	user string
	over bool
}

// Next asks the server.
func (x *exchange) Next(ctx context.Context, response []byte) (challenge []byte, done bool, err error) {
	if x.over {
		return nil, false, lost(errors.New("the exchange is over"))
	}
	var a answer
	if x.l == nil {
		a, err = x.begin(ctx, response)
	} else {
		a, err = x.ask(ctx, x.proceed(response))
	}
	if err != nil {
		x.Close()
		return nil, false, lost(err)
	}
	if user, ok := a.arg("user"); ok {
		x.user = user
	}
	switch a.verb {
	case "CONT":
		return x.challenge(a)
	case "OK":
		x.finish()
		if x.user == "" {
			return nil, false, lost(errors.New("the authentication server lets in a user without a name"))
		}
		return nil, true, nil
	}
	x.finish()
	reason, _ := a.arg("reason")
	return nil, false, &sasl.Failure{Temporary: a.temporary(), Reason: reason}
}

// lost is the failure of an exchange that the server did not decide.
func lost(cause error) *sasl.Failure {
	return &sasl.Failure{Temporary: true, Reason: "Connection lost to authentication server", Cause: cause}
}

func (x *exchange) challenge(a answer) ([]byte, bool, error) {
	if len(a.args) == 0 {
		return nil, false, nil
	}
	challenge, err := base64.StdEncoding.DecodeString(a.args[0])
	if err != nil {
		x.Close()
		return nil, false, lost(errors.New("the authentication server sent a challenge that is not base64"))
	}
	return challenge, false, nil
}

// begin asks AUTH: over the connection that is there, and if that turns out to be dead over a new one.
func (x *exchange) begin(ctx context.Context, response []byte) (a answer, err error) {
	for range 2 {
		l, used, err := x.c.link(ctx)
		if err != nil {
			return a, fmt.Errorf("SASL: Connect to %s failed: %w", x.c.o.Name, err)
		}
		x.l = l
		x.id, x.ch = l.enter()
		a, err = x.ask(ctx, x.first(response))
		if err == nil || !used || !errors.Is(err, errLost) {
			return a, err
		}
		l.leave(x.id)
		x.l = nil
	}
	return a, errLost
}

// ask sends a line and waits for its answer.
func (x *exchange) ask(ctx context.Context, line []byte) (answer, error) {
	if err := x.l.write(line, x.c.o.Timeout); err != nil {
		return answer{}, err
	}
	return x.l.wait(ctx, x.ch, x.c.o.Timeout)
}

// first is the AUTH line. "nologin" says that nobody asks for the user's data afterwards; the
// response is last, as the protocol wants it.
func (x *exchange) first(response []byte) []byte {
	b := append([]byte("AUTH\t"), strconv.FormatUint(uint64(x.id), 10)...)
	b = append(append(append(b, '\t'), x.mechanism...), "\tservice="...)
	b = append(append(b, escape(x.peer.Service)...), "\tnologin"...)
	b = appendEnd(b, 'l', x.peer.Local)
	b = appendEnd(b, 'r', x.peer.Remote)
	if x.peer.TLS {
		b = append(b, "\tsecured"...)
	}
	if x.peer.ClientCert {
		b = append(b, "\tvalid-client-cert"...)
	}
	if response != nil {
		b = base64.StdEncoding.AppendEncode(append(b, "\tresp="...), response)
	}
	return append(b, '\n')
}

// appendEnd appends an end of the connection: lip and lport, or rip and rport.
func appendEnd(b []byte, side byte, end netip.AddrPort) []byte {
	if !end.IsValid() {
		return b
	}
	b = append(append(b, '\t', side), "ip="...)
	b = end.Addr().Unmap().WithZone("").AppendTo(b)
	b = append(append(b, '\t', side), "port="...)
	return strconv.AppendUint(b, uint64(end.Port()), 10)
}

// proceed is a CONT line.
func (x *exchange) proceed(response []byte) []byte {
	b := append([]byte("CONT\t"), strconv.FormatUint(uint64(x.id), 10)...)
	return append(base64.StdEncoding.AppendEncode(append(b, '\t'), response), '\n')
}

// User is the name that the server gave.
func (x *exchange) User() string { return x.user }

// finish is the end of an exchange that the server decided.
func (x *exchange) finish() {
	x.over = true
	if x.l != nil {
		x.l.leave(x.id)
	}
}

// Close has the server forget an exchange that is not over.
func (x *exchange) Close() {
	if !x.over && x.l != nil {
		_ = x.l.write(append(strconv.AppendUint([]byte("CANCEL\t"), uint64(x.id), 10), '\n'), x.c.o.Timeout)
	}
	x.finish()
}
