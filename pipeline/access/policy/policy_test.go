package policy_test

import (
	"bufio"
	"context"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/pipeline/access"
	"github.com/mtad/mtad/pipeline/access/policy"
)

// service is a policy server that answers each connection's requests with what script says.
type service struct {
	addr     string
	mu       sync.Mutex
	requests []string
	conns    int
}

// serve starts a service; "" in answers closes the connection.
func serve(t *testing.T, answers ...string) *service {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &service{addr: l.Addr().String()}
	var done sync.WaitGroup
	done.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.conns++
			s.mu.Unlock()
			done.Go(func() { s.talk(c, &answers) })
		}
	})
	t.Cleanup(func() { _ = l.Close(); done.Wait() })
	return s
}

func (s *service) talk(c net.Conn, answers *[]string) {
	defer func() { _ = c.Close() }()
	r := bufio.NewReader(c)
	for {
		var request strings.Builder
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				return
			}
			if line == "\n" {
				break
			}
			request.WriteString(line)
		}
		s.mu.Lock()
		s.requests = append(s.requests, request.String())
		answer := ""
		if len(*answers) > 0 {
			answer, *answers = (*answers)[0], (*answers)[1:]
		}
		s.mu.Unlock()
		if answer == "" {
			return
		}
		if _, err := c.Write([]byte(answer)); err != nil {
			return
		}
	}
}

func query() *access.Query {
	return &access.Query{Origin: &mail.Origin{Client: netip.MustParseAddrPort("203.0.113.9:4711"), ClientName: "c.test", ReverseName: "r.test",
		Helo: "h.test\nrecipient=evil", Proto: "ESMTP"}, Sender: "s@x.test", HasSender: true, Recipient: "r@y.test", HasRecipient: true, State: "RCPT",
		Recipients: 2, Size: 12, Server: netip.MustParseAddrPort("192.0.2.1:25"), Instance: "i.1"}
}

func options() policy.Options {
	return policy.Options{Timeout: 20 * time.Second, TryLimit: 2, DefaultAction: "451 4.3.5 Server configuration problem"}
}

func TestARequestHasPostfixsAttributes(t *testing.T) {
	s := serve(t, "action=REJECT no\n\n", "action=DUNNO\n\n")
	c, err := policy.New("inet:"+s.addr+", policy_context=here", options())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if got := c.Ask(context.Background(), query()); got != "REJECT no" {
		t.Fatalf("got %q", got)
	}
	if got := c.Ask(context.Background(), query()); got != "DUNNO" {
		t.Fatalf("got %q", got)
	}
	if s.conns != 1 {
		t.Fatalf("%d connections for two requests", s.conns)
	}
	want := "request=smtpd_access_policy protocol_state=RCPT protocol_name=ESMTP client_address=203.0.113.9 client_name=c.test client_port=4711 " +
		"reverse_client_name=r.test server_address=192.0.2.1 server_port=25 helo_name=h.test|recipient=evil sender=s@x.test recipient=r@y.test recipient_count=0 queue_id= instance=i.1 size=12"
	got := strings.ReplaceAll(strings.ReplaceAll(s.requests[0], "h.test recipient", "h.test|recipient"), "\n", " ")
	if !strings.HasPrefix(got, want) || !strings.Contains(got, " policy_context=here ") {
		t.Fatalf("got %q", got)
	}
}

func TestAFailingServiceGetsTheDefaultAction(t *testing.T) {
	for _, c := range []struct{ name, answer string }{
		{"it closes the connection", ""}, {"it answers without action", "x=y\n\n"}, {"it answers nonsense", "hello\n\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := serve(t, c.answer, c.answer)
			warnings := 0
			o := options()
			o.Warn = func(string) { warnings++ }
			k, err := policy.New("inet:"+s.addr, o)
			if err != nil {
				t.Fatal(err)
			}
			defer k.Close()
			if got := k.Ask(context.Background(), query()); got != o.DefaultAction || warnings != 2 {
				t.Fatalf("got %q after %d warnings", got, warnings)
			}
		})
	}
}

func TestAClosedConnectionIsReplaced(t *testing.T) {
	s := serve(t, "action=OK\n\n", "", "action=DUNNO\n\n")
	o := options()
	o.TryLimit = 1
	c, err := policy.New("inet:"+s.addr, o)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, want := range []string{"OK", "DUNNO"} {
		if got := c.Ask(context.Background(), query()); got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
	}
}

func TestSpecifications(t *testing.T) {
	for spec, ok := range map[string]bool{
		"inet:127.0.0.1:1": true, "unix:private/p": true, "inet:1, timeout=3s, default_action=DUNNO": true,
		"": false, "hash:x": false, "inet:": false, "inet:1, colour=red": false, "inet:1, timeout": false, "inet:1, timeout=x": false,
	} {
		if _, err := policy.New(spec, options()); (err == nil) != ok {
			t.Errorf("%q: got %v", spec, err)
		}
	}
}
