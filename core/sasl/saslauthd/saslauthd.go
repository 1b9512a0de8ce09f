package saslauthd

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/mtad/mtad/core/sasl"
)

// Options of a Server.
type Options struct {
	// Socket is saslauthd_path, the path of the daemon's socket.
	Socket string
	// Service is what the daemon is told (smtpd_sasl_service); Realm is the domain of users
	// without one (smtpd_sasl_local_domain), "" for none.
	Service, Realm string
	// Mechanisms are those of PLAIN and LOGIN that are offered; none: both.
	Mechanisms []string
	// Timeout is for one question (30 s when 0).
	Timeout time.Duration
}

// Server is a SASL server by way of saslauthd. Safe for concurrent use.
type Server struct {
	o   Options
	all []sasl.Mechanism
}

var (
	_ sasl.Server  = (*Server)(nil)
	_ sasl.Checker = (*Server)(nil)
)

// New returns a server. Nothing is connected before somebody logs in.
func New(o Options) *Server {
	if o.Timeout <= 0 {
		o.Timeout = 30 * time.Second
	}
	if len(o.Mechanisms) == 0 {
		o.Mechanisms = []string{"PLAIN", "LOGIN"}
	}
	s := &Server{o: o}
	for _, name := range o.Mechanisms {
		s.all = append(s.all, sasl.Mechanism{Name: name, Props: sasl.Plaintext})
	}
	return s
}

// Mechanisms returns those of the options.
func (s *Server) Mechanisms(context.Context) ([]sasl.Mechanism, error) { return s.all, nil }

// Begin opens an exchange.
func (s *Server) Begin(p sasl.Peer, mechanism string) sasl.Exchange {
	if mechanism == "LOGIN" {
		return sasl.NewLogin(s, p)
	}
	return sasl.NewPlain(s, p)
}

// Check asks the daemon. The name it returns has the realm.
func (s *Server) Check(ctx context.Context, _ sasl.Peer, user, password string) (string, error) {
	name, realm := user, s.o.Realm
	if at := strings.LastIndexByte(user, '@'); at >= 0 {
		name, realm = user[:at], user[at+1:]
	} else if realm != "" {
		user += "@" + realm
	}
	answer, err := s.ask(ctx, name, password, realm)
	switch {
	case err != nil:
		return "", &sasl.Failure{Temporary: true, Reason: "generic failure", Cause: fmt.Errorf("SASL: cannot ask saslauthd at %s: %w", s.o.Socket, err)}
	case strings.HasPrefix(answer, "OK"):
		return user, nil
	case strings.HasPrefix(answer, "NO"):
		return "", &sasl.Failure{Reason: "authentication failure"}
	}
	return "", &sasl.Failure{Temporary: true, Reason: "generic failure", Cause: errors.New("SASL: saslauthd answers neither OK nor NO")}
}

// maxAnswer is the longest answer in bytes.
const maxAnswer = 1024

func (s *Server) ask(ctx context.Context, words ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, s.o.Timeout)
	defer cancel()
	c, err := (&net.Dialer{}).DialContext(ctx, "unix", s.o.Socket)
	if err != nil {
		return "", err
	}
	defer func() { _ = c.Close() }()
	defer context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })()
	var b []byte
	for _, w := range []string{words[0], words[1], s.o.Service, words[2]} {
		b = append(binary.BigEndian.AppendUint16(b, uint16(len(w))), w...)
	}
	if _, err := c.Write(b); err != nil {
		return "", err
	}
	var size [2]byte
	if _, err := io.ReadFull(c, size[:]); err != nil {
		return "", err
	}
	n := binary.BigEndian.Uint16(size[:])
	if n < 2 || n > maxAnswer {
		return "", fmt.Errorf("it answers with %d bytes", n)
	}
	answer := make([]byte, n)
	_, err = io.ReadFull(c, answer)
	return string(answer), err
}
