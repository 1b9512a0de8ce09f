package postscreen

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"time"
)

// Deep are the tests after the greeting, which a session with the built-in server makes: clients that pass come
// back, and go on to the real one then.
type Deep struct {
	// Pipelining, Forbidden and BareNewline are the tests of commands sent without leave, of commands of
	// other protocols, and of lines that end with LF alone (pipelining_…, non_smtp_command_…,
	// bare_newline_…).
	Pipelining, Forbidden, BareNewline Test
	// IsForbidden says which words are commands of other protocols (forbidden_commands); word is in upper
	// case. Header lines always are. nil: none.
	IsForbidden func(word string) bool
	// Commands is how many commands a session may have (command_count_limit), 0 for any number.
	Commands int
	// HeloRequired and NoVRFY are helo_required and disable_vrfy_command; SizeLimit is message_size_limit
	// in bytes, which EHLO names; Discard returns the EHLO keywords that a client is not offered
	// (discard_ehlo_keywords, discard_ehlo_keyword_address_maps), nil for none.
	HeloRequired, NoVRFY bool
	SizeLimit            int64
	Discard              func(client netip.Addr) []string
	// Filter replaces a command (command_filter); nil: none is replaced.
	Filter func(command string) (replaced string, found bool, err error)
	// Footer returns what is said in the place of a negative reply (reject_footer, reject_footer_maps);
	// value has the attributes of the session. nil: the reply itself.
	Footer func(reply string, value func(name string) string) string
	// TLS offers STARTTLS, nil does not; RequireTLS refuses everything without it.
	TLS        *tls.Config
	RequireTLS bool
}

// Test is one test after the greeting.
type Test struct {
	Enable bool
	Action Action
	// TTL is how long it counts that a client has passed.
	TTL time.Duration
}

// tests are the tests in the order of pass.
func (d *Deep) tests() [numTests]*Test {
	return [numTests]*Test{&d.Pipelining, &d.Forbidden, &d.BareNewline}
}

// The tests after the greeting.
const (
	pipelining = iota
	forbidden
	bareNewline
	numTests
)

// deep has a session with a client that has to make tests after the greeting, or may not pass whatever
// it does (veto). It returns false: the client does not go on.
func (t *trial) deep(p pass, veto bool) bool {
	o := &t.l.o
	s := t.session(refusal{Enforce, "4.3.2", "Service currently unavailable"}, 450)
	now := o.Clock()
	for i, test := range o.Deep.tests() {
		s.todo[i] = test.Enable && !now.Before(p.deep[i])
	}
	began := now
	s.serve()
	switch {
	case s.lost:
		o.Log.Info(fmt.Sprintf("HANGUP after %.1f from %s in tests after SMTP handshake", o.Clock().Sub(began).Seconds(), t.client))
	case s.reached && !s.failed && !veto:
		for i, test := range o.Deep.tests() {
			switch {
			case s.todo[i]:
				p.deep[i] = o.Clock().Add(test.TTL)
			case s.ignored[i]: // the test is made again, but not so soon that nobody gets through
				p.deep[i] = o.Clock().Add(o.shortest())
			}
		}
		t.remember(p)
		o.Log.Info("PASS NEW " + t.client)
	}
	o.Log.Info("DISCONNECT " + t.client)
	return false
}

// shortest is the least time for which it counts that a client has passed a test.
func (o *Options) shortest() time.Duration {
	d := min(o.GreetTTL, o.DNSBLTTL)
	for _, test := range o.Deep.tests() {
		if test.Enable {
			d = min(d, test.TTL)
		}
	}
	return d
}

// needed says whether a client has yet to pass a test after the greeting.
func (d *Deep) needed(p pass, now time.Time) bool {
	for i, test := range d.tests() {
		if test.Enable && !now.Before(p.deep[i]) {
			return true
		}
	}
	return false
}

// vetoed reports whether clients cannot pass at the address that they came to (allowlist_interfaces).
func (t *trial) vetoed(c net.Conn) bool {
	f := t.l.o.AllowAt
	if f == nil || f(addrPort(c.LocalAddr()).Addr()) {
		return false
	}
	t.l.o.Log.Info("ALLOWLIST VETO " + t.client)
	return true
}
