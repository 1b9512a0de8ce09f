package smtp_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/mtad/mtad/core/dns"
	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/pipeline/deliver/smtp"
	"github.com/mtad/mtad/queue"
)

func fail(s dns.Status, name string, t dns.Type) error {
	return &dns.Error{Status: s, Name: name, Type: t, Cause: errors.New("so it is")}
}

// Each case is one request in a world of its own.
func TestDeliver(t *testing.T) {
	mx1, mx2 := hello("mx1.to.test", offers), hello("mx2.to.test", offers)
	for _, c := range []struct {
		name    string
		world   func(w *world)
		options func(o *smtp.Options)
		nexthop string
		rcpts   string
		want    string
		log     string
	}{
		{
			name: "the best host gets the message",
			world: func(w *world) {
				w.usual()
				w.server("192.0.2.1:25", mx1+takes("x@to.test", "y@to.test"))
			},
			rcpts: "x@to.test y@to.test",
			want: `
				sent 2.0.0 mx1.to.test[192.0.2.1]:25 (250 2.0.0 Ok: queued as 1A)
				sent 2.0.0 mx1.to.test[192.0.2.1]:25 (250 2.0.0 Ok: queued as 1A)`,
		},
		{
			name: "the next host gets it when the best one does not answer",
			world: func(w *world) {
				w.usual()
				w.server("192.0.2.2:25", mx2+takes("x@to.test"))
			},
			want: `sent 2.0.0 mx2.to.test[192.0.2.2]:25 (250 2.0.0 Ok: queued as 1A)`,
			log:  `connect to mx1.to.test[192.0.2.1]:25: Connection refused`,
		},
		{
			name:  "nobody answers",
			world: func(w *world) { w.usual() },
			want:  `deferred 4.4.1 none (connect to mx2.to.test[192.0.2.2]:25: Connection refused) dead`,
			log: `
				connect to mx1.to.test[192.0.2.1]:25: Connection refused
				connect to mx2.to.test[192.0.2.2]:25: Connection refused`,
		},
		{
			name: "a connection that takes too long",
			world: func(w *world) {
				w.host("to.test", "192.0.2.1")
				w.server("192.0.2.1:25", "HANG")
			},
			options: func(o *smtp.Options) { o.ConnectTimeout = time.Millisecond },
			want:    `deferred 4.4.1 none (connect to to.test[192.0.2.1]:25: Connection timed out) dead`,
			log:     `connect to to.test[192.0.2.1]:25: Connection timed out`,
		},
		{
			name: "a domain without MX is its own host",
			world: func(w *world) {
				w.host("to.test", "192.0.2.9")
				w.server("192.0.2.9:25", hello("to.test", offers)+takes("x@to.test"))
			},
			want: `sent 2.0.0 to.test[192.0.2.9]:25 (250 2.0.0 Ok: queued as 1A)`,
		},
		{
			name:  "a domain that takes no mail",
			world: func(w *world) { w.fails["MX to.test"] = fail(dns.NullMX, "to.test", dns.TypeMX) },
			want:  `bounced 5.1.10 none (Domain to.test does not accept mail (nullMX))`,
		},
		{
			name:  "a domain that does not exist",
			world: func(w *world) { w.fails["MX to.test"] = fail(dns.NXDomain, "to.test", dns.TypeMX) },
			want: `bounced 5.4.4 none (Host or domain name not found. Name service error for name=to.test ` +
				`type=A: Host not found)`,
		},
		{
			name: "hosts that do not exist",
			world: func(w *world) {
				w.domain("to.test", "10 mx1.to.test", "10 mx2.to.test")
			},
			want: `bounced 5.4.4 none (Host or domain name not found. Name service error for name=mx2.to.test ` +
				`type=A: Host not found)`,
		},
		{
			name: "hosts that do not exist, when that is to be waited out",
			world: func(w *world) {
				w.domain("to.test", "10 mx1.to.test")
			},
			options: func(o *smtp.Options) { o.DeferWithoutMXAddress = true },
			want: `deferred 4.4.4 none (Host or domain name not found. Name service error for name=mx1.to.test ` +
				`type=A: Host not found) dead`,
		},
		{
			name: "one host does not exist, of the other nobody knows",
			world: func(w *world) {
				w.domain("to.test", "10 mx1.to.test", "20 mx2.to.test")
				w.fails["A mx1.to.test"] = fail(dns.Failed, "mx1.to.test", dns.TypeA)
			},
			want: `deferred 4.4.3 none (Host or domain name not found. Name service error for name=mx1.to.test ` +
				`type=A: Host not found, try again) dead`,
		},
		{
			name:  "the DNS does not answer",
			world: func(w *world) { w.fails["MX to.test"] = fail(dns.Failed, "to.test", dns.TypeMX) },
			want: `deferred 4.4.3 none (Host or domain name not found. Name service error for name=to.test ` +
				`type=MX: Host not found, try again) dead`,
		},
		{
			name:  "an error without a name is no answer either",
			world: func(w *world) { w.fails["MX to.test"] = errors.New("out of memory") },
			want:  `deferred 4.4.3 none (Name service error) dead`,
		},
		{
			name: "the DNS does not answer, and that does not matter",
			world: func(w *world) {
				w.fails["MX to.test"] = fail(dns.Failed, "to.test", dns.TypeMX)
				w.host("to.test", "192.0.2.9")
				w.server("192.0.2.9:25", hello("to.test", offers)+takes("x@to.test"))
			},
			options: func(o *smtp.Options) { o.IgnoreMXErrors = true },
			want:    `sent 2.0.0 to.test[192.0.2.9]:25 (250 2.0.0 Ok: queued as 1A)`,
		},
		{
			name: "we are the best host",
			world: func(w *world) {
				w.domain("to.test", "10 us.test", "20 mx2.to.test")
				w.host("us.test", "192.0.2.99")
				w.host("mx2.to.test", "192.0.2.2")
			},
			want: `bounced 5.4.6 none (mail for to.test loops back to myself)`,
		},
		{
			name: "a domain without MX that is us",
			world: func(w *world) {
				w.host("to.test", "192.0.2.99")
			},
			want: `bounced 5.4.6 none (mail for to.test loops back to myself)`,
		},
		{
			name: "a sixth address does not matter, nor do exchangers behind five",
			world: func(w *world) {
				w.domain("to.test", "10 mx1.to.test", "20 mx2.to.test", "30 not.looked.up.test")
				w.host("mx1.to.test", "192.0.2.1", "192.0.2.2", "192.0.2.3")
				w.host("mx2.to.test", "192.0.2.3", "192.0.2.4", "192.0.2.5", "192.0.2.6")
			},
			options: func(o *smtp.Options) { o.Protocols, o.KeepOrder = dns.IPv4, true },
			want:    `deferred 4.4.1 none (connect to mx2.to.test[192.0.2.5]:25: Connection refused) dead`,
			log: `
				connect to mx1.to.test[192.0.2.1]:25: Connection refused
				connect to mx1.to.test[192.0.2.2]:25: Connection refused
				connect to mx1.to.test[192.0.2.3]:25: Connection refused
				connect to mx2.to.test[192.0.2.4]:25: Connection refused
				connect to mx2.to.test[192.0.2.5]:25: Connection refused`,
		},
		{
			name: "hosts behind us are left out",
			world: func(w *world) {
				w.domain("to.test", "10 mx1.to.test", "20 mail.test", "20 mx2.to.test", "30 mx3.to.test")
				w.host("mx1.to.test", "192.0.2.1")
				w.host("mx2.to.test", "192.0.2.2")
			},
			want: `deferred 4.4.1 none (connect to mx1.to.test[192.0.2.1]:25: Connection refused) dead`,
			log:  `connect to mx1.to.test[192.0.2.1]:25: Connection refused`,
		},
		{
			name: "a host that says it is us",
			world: func(w *world) {
				w.host("to.test", "192.0.2.1")
				w.server("192.0.2.1:25", hello("me.test", offers))
			},
			want: `bounced 5.4.6 to.test[192.0.2.1]:25 (mail for to.test loops back to myself)`,
			log:  `warning: host to.test[192.0.2.1] greeted me with my own hostname me.test`,
		},
		{
			name: "on another port we may well be meant",
			world: func(w *world) {
				w.server("192.0.2.99:10026", hello("me.test", offers)+takes("x@to.test"))
			},
			nexthop: "[192.0.2.99]:10026",
			want:    `sent 2.0.0 192.0.2.99[192.0.2.99]:10026 (250 2.0.0 Ok: queued as 1A)`,
		},
		{
			name: "a refusal at the greeting is no verdict on anybody",
			world: func(w *world) {
				w.usual()
				w.server("192.0.2.1:25", "S: 554 5.7.1 go away")
				w.server("192.0.2.2:25", "S: 421 4.3.2 busy")
			},
			want: `deferred 4.3.2 mx2.to.test[192.0.2.2]:25 (host mx2.to.test[192.0.2.2] refused to talk to me: 421 4.3.2 busy) dead`,
			log:  `4TEST: host mx1.to.test[192.0.2.1] refused to talk to me: 554 5.7.1 go away`,
		},
		{
			name: "a refusal at the last greeting is temporary",
			world: func(w *world) {
				w.host("to.test", "192.0.2.1")
				w.server("192.0.2.1:25", "S: 554 5.7.1 go away")
			},
			want: `deferred 4.7.1 to.test[192.0.2.1]:25 (host to.test[192.0.2.1] refused to talk to me: 554 5.7.1 go away) dead`,
		},
		{
			name: "a refusal at the greeting is a verdict when the admin says so",
			world: func(w *world) {
				w.host("to.test", "192.0.2.1")
				w.server("192.0.2.1:25", "S: 554 go away")
			},
			options: func(o *smtp.Options) { o.BounceAtGreeting = true },
			want:    `bounced 5.0.0 to.test[192.0.2.1]:25 (host to.test[192.0.2.1] refused to talk to me: 554 go away)`,
		},
		{
			name: "a refusal of EHLO and HELO",
			world: func(w *world) {
				w.host("to.test", "192.0.2.1")
				w.server("192.0.2.1:25", `
					S: 220 to.test
					C: EHLO me.test
					S: 550 who
					C: HELO me.test
					S: 550 really, who`)
			},
			want: `bounced 5.0.0 to.test[192.0.2.1]:25 (host to.test[192.0.2.1] refused to talk to me: 550 really, who)`,
		},
		{
			name: "a connection lost before the greeting",
			world: func(w *world) {
				w.host("to.test", "192.0.2.1")
				w.server("192.0.2.1:25", "CLOSE")
			},
			want: `deferred 4.4.2 to.test[192.0.2.1]:25 (lost connection with to.test[192.0.2.1] while receiving the initial server greeting) dead`,
		},
		{
			name: "each recipient has its own fate, and the deferred ones another chance",
			world: func(w *world) {
				w.usual()
				w.server("192.0.2.1:25", mx1+`
					C: MAIL FROM:<a@from.test>
					C: RCPT TO:<x@to.test>
					C: RCPT TO:<y@to.test>
					C: RCPT TO:<z@to.test>
					C: RCPT TO:<w@to.test>
					C: DATA
					S: 250 ok
					S: 450 4.2.0 <x@to.test>: greylisted
					S: 550 5.1.1 <y@to.test>: no such user
					S: 250 ok
					S: 451 later
					S: 354 go
					C: Subject: x
					C: 
					C: hello
					C: .
					S: 250 2.0.0 queued as 1`)
				w.server("192.0.2.2:25", mx2+`
					C: MAIL FROM:<a@from.test>
					C: RCPT TO:<x@to.test>
					C: RCPT TO:<w@to.test>
					C: DATA
					S: 250 ok
					S: 250 ok
					S: 451-4.3.0 much
					S: 451 4.3.0 later
					S: 354 go
					C: Subject: x
					C: 
					C: hello
					C: .
					S: 250 2.0.0 queued as 2`)
			},
			rcpts: "x@to.test y@to.test z@to.test w@to.test",
			want: `
				sent 2.0.0 mx2.to.test[192.0.2.2]:25 (250 2.0.0 queued as 2)
				bounced 5.1.1 mx1.to.test[192.0.2.1]:25 (host mx1.to.test[192.0.2.1] said: 550 5.1.1 <y@to.test>: no such user (in reply to RCPT TO command))
				sent 2.0.0 mx1.to.test[192.0.2.1]:25 (250 2.0.0 queued as 1)
				deferred 4.3.0 mx2.to.test[192.0.2.2]:25 (host mx2.to.test[192.0.2.2] said: 451-4.3.0 much 451 4.3.0 later (in reply to RCPT TO command))`,
			log: `4TEST: host mx1.to.test[192.0.2.1] said: 450 4.2.0 <x@to.test>: greylisted (in reply to RCPT TO command)`,
		},
		{
			name: "MAIL refused",
			world: func(w *world) {
				w.host("to.test", "192.0.2.1")
				w.server("192.0.2.1:25", hello("to.test")+"C: MAIL FROM:<a@from.test>\nS: 550 5.1.8 bad sender")
			},
			rcpts: "x@to.test y@to.test",
			want: `
				bounced 5.1.8 to.test[192.0.2.1]:25 (host to.test[192.0.2.1] said: 550 5.1.8 bad sender (in reply to MAIL FROM command))
				bounced 5.1.8 to.test[192.0.2.1]:25 (host to.test[192.0.2.1] said: 550 5.1.8 bad sender (in reply to MAIL FROM command))`,
		},
		{
			name: "the text refused",
			world: func(w *world) {
				w.host("to.test", "192.0.2.1")
				w.server("192.0.2.1:25", hello("to.test", offers)+strings.Replace(takes("x@to.test"), "250 2.0.0 Ok: queued as 1A", "554 5.6.0 spam", 1))
			},
			want: `bounced 5.6.0 to.test[192.0.2.1]:25 (host to.test[192.0.2.1] said: 554 5.6.0 spam (in reply to end of DATA command))`,
		},
		{
			name: "DATA deferred, and the second host too",
			world: func(w *world) {
				w.usual()
				for _, a := range []string{"1", "2"} {
					w.server("192.0.2."+a+":25", hello("mx"+a+".to.test")+`
						C: MAIL FROM:<a@from.test>
						S: 250 ok
						C: RCPT TO:<x@to.test>
						S: 250 ok
						C: DATA
						S: 450 no room`)
				}
			},
			want: `deferred 4.0.0 mx2.to.test[192.0.2.2]:25 (host mx2.to.test[192.0.2.2] said: 450 no room (in reply to DATA command))`,
			log:  `4TEST: host mx1.to.test[192.0.2.1] said: 450 no room (in reply to DATA command)`,
		},
		{
			name: "a connection lost behind the text",
			world: func(w *world) {
				w.host("to.test", "192.0.2.1")
				w.server("192.0.2.1:25", hello("to.test", offers)+strings.Replace(takes("x@to.test"), "S: 250 2.0.0 Ok: queued as 1A", "CLOSE", 1))
			},
			want: `deferred 4.4.2 to.test[192.0.2.1]:25 (lost connection with to.test[192.0.2.1] while sending end of data -- message may be sent more than once)`,
		},
		{
			name: "a server that talks nonsense",
			world: func(w *world) {
				w.host("to.test", "192.0.2.1")
				w.server("192.0.2.1:25", hello("to.test")+"C: MAIL FROM:<a@from.test>\nS: okay okay")
			},
			want: `deferred 4.5.0 to.test[192.0.2.1]:25 (protocol error in reply from to.test[192.0.2.1] while sending MAIL FROM)`,
		},
		{
			name: "a connection that ends by 421",
			world: func(w *world) {
				w.host("to.test", "192.0.2.1")
				w.server("192.0.2.1:25", hello("to.test")+`
					C: MAIL FROM:<a@from.test>
					S: 250 ok
					C: RCPT TO:<x@to.test>
					S: 421 4.7.0 slow down
					CLOSE`)
			},
			rcpts: "x@to.test y@to.test",
			want: `
				deferred 4.7.0 to.test[192.0.2.1]:25 (host to.test[192.0.2.1] said: 421 4.7.0 slow down (in reply to RCPT TO command))
				deferred 4.7.0 to.test[192.0.2.1]:25 (host to.test[192.0.2.1] said: 421 4.7.0 slow down (in reply to RCPT TO command))`,
		},
		{
			name: "two sessions are enough",
			world: func(w *world) {
				w.domain("to.test", "10 mx1.to.test", "20 mx2.to.test", "30 mx3.to.test", "40 mx4.to.test")
				for _, a := range []string{"1", "2", "3", "4"} {
					w.host("mx"+a+".to.test", "192.0.2."+a)
				}
				w.server("192.0.2.2:25", hello("x")+"C: MAIL FROM:<a@from.test>\nS: 450 two")
				w.server("192.0.2.3:25", hello("x")+"C: MAIL FROM:<a@from.test>\nS: 450 three")
			},
			want: `deferred 4.0.0 mx3.to.test[192.0.2.3]:25 (host mx3.to.test[192.0.2.3] said: 450 three (in reply to MAIL FROM command))`,
			log: `
				connect to mx1.to.test[192.0.2.1]:25: Connection refused
				4TEST: host mx2.to.test[192.0.2.2] said: 450 two (in reply to MAIL FROM command)`,
		},
		{
			name: "five addresses are enough, and both families have one",
			world: func(w *world) {
				w.host("to.test", "192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4", "192.0.2.5", "2001:db8::1")
				w.server("[2001:db8::1]:25", hello("to.test", offers)+takes("x@to.test"))
			},
			options: func(o *smtp.Options) { o.Prefer, o.KeepOrder = dns.IPv4, true },
			want:    `sent 2.0.0 to.test[2001:db8::1]:25 (250 2.0.0 Ok: queued as 1A)`,
			log: `
				connect to to.test[192.0.2.1]:25: Connection refused
				connect to to.test[192.0.2.2]:25: Connection refused
				connect to to.test[192.0.2.3]:25: Connection refused
				connect to to.test[192.0.2.4]:25: Connection refused`,
		},
		{
			name: "the preferred family goes first",
			world: func(w *world) {
				w.host("to.test", "192.0.2.1", "2001:db8::1")
				w.server("192.0.2.1:25", hello("to.test", offers)+takes("x@to.test"))
			},
			options: func(o *smtp.Options) { o.Prefer = dns.IPv6 },
			want:    `sent 2.0.0 to.test[192.0.2.1]:25 (250 2.0.0 Ok: queued as 1A)`,
			log:     `connect to to.test[2001:db8::1]:25: Connection refused`,
		},
		{
			name: "several destinations are tried in order",
			world: func(w *world) {
				w.host("b.test", "192.0.2.2")
				w.host("c.test", "192.0.2.3")
				w.server("192.0.2.3:2525", hello("c.test", offers)+takes("x@to.test"))
			},
			nexthop: "a.test, [b.test]:26 c.test:2525",
			want:    `sent 2.0.0 c.test[192.0.2.3]:2525 (250 2.0.0 Ok: queued as 1A)`,
			log:     `connect to b.test[192.0.2.2]:26: Connection refused`,
		},
		{
			name: "a destination that does not exist does not bounce while another may come back",
			world: func(w *world) {
				w.host("b.test", "192.0.2.2")
			},
			nexthop: "b.test, a.test",
			want:    `deferred 4.4.1 none (connect to b.test[192.0.2.2]:25: Connection refused) dead`,
			log:     `connect to b.test[192.0.2.2]:25: Connection refused`,
		},
		{
			name: "the fallback relay takes what nobody else takes",
			world: func(w *world) {
				w.host("fallback.test", "192.0.2.7")
				w.server("192.0.2.7:25", hello("fallback.test", offers)+takes("x@to.test"))
			},
			options: func(o *smtp.Options) { o.FallbackRelay = []string{"[fallback.test]"} },
			want:    `sent 2.0.0 fallback.test[192.0.2.7]:25 (250 2.0.0 Ok: queued as 1A)`,
		},
		{
			name:    "a nexthop that is none",
			world:   func(*world) {},
			nexthop: "[to.test",
			want:    `deferred 4.3.5 none (mail system configuration error)`,
		},
		{
			name: "recipients over the server's limit go in another transaction at once",
			world: func(w *world) {
				w.host("to.test", "192.0.2.1")
				w.server("192.0.2.1:25", hello("to.test", offers)+`
					C: MAIL FROM:<a@from.test>
					C: RCPT TO:<x@to.test>
					C: RCPT TO:<y@to.test>
					C: RCPT TO:<z@to.test>
					C: RCPT TO:<w@to.test>
					C: DATA
					S: 250 ok
					S: 250 ok
					S: 452 4.5.3 too many recipients
					S: 552 too many recipients
					S: 452 4.2.2 mailbox full
					S: 354 go
					C: Subject: x
					C: 
					C: hello
					C: .
					S: 250 2.0.0 queued as 1
				`+strings.Replace(takes("y@to.test", "z@to.test"), "queued as 1A", "queued as 2", 1))
			},
			rcpts: "x@to.test y@to.test z@to.test w@to.test",
			want: `
				sent 2.0.0 to.test[192.0.2.1]:25 (250 2.0.0 queued as 1)
				sent 2.0.0 to.test[192.0.2.1]:25 (250 2.0.0 Ok: queued as 2) use 2
				sent 2.0.0 to.test[192.0.2.1]:25 (250 2.0.0 Ok: queued as 2) use 2
				deferred 4.2.2 to.test[192.0.2.1]:25 (host to.test[192.0.2.1] said: 452 4.2.2 mailbox full (in reply to RCPT TO command))`,
		},
		{
			name: "an address that cannot be sent bounces alone",
			world: func(w *world) {
				w.host("to.test", "192.0.2.1")
				w.server("192.0.2.1:25", hello("to.test", offers)+takes("x@to.test"))
			},
			rcpts: "x@to.test bad<>@to.test",
			want: `
				sent 2.0.0 to.test[192.0.2.1]:25 (250 2.0.0 Ok: queued as 1A)
				bounced 5.1.3 to.test[192.0.2.1]:25 (Bad recipient address syntax)`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			c.world(w)
			ownAddrs := func(o *smtp.Options) {
				w.host("me-really.test", "192.0.2.99")
				o.OwnAddrs, o.OwnNames = w.addrs["me-really.test"], []string{"Mail.test."}
			}
			if c.options == nil {
				c.options = func(*smtp.Options) {}
			}
			a := w.agent(ownAddrs, c.options)
			if c.rcpts == "" {
				c.rcpts = "x@to.test"
			}
			r := request(strings.Fields(c.rcpts)...)
			if c.nexthop != "" {
				r.Nexthop = c.nexthop
			}
			expect(t, w.deliver(a, r), c.want)
			if got := w.logged(); got != trim(c.log) {
				t.Errorf("logged:\n%s\nwant:\n%s", got, trim(c.log))
			}
		})
	}
}

func TestResultsSayWhoAndWhen(t *testing.T) {
	w := newWorld(t)
	w.usual()
	w.server("192.0.2.1:25", hello("mx1.to.test", offers, "DSN")+takes("x@to.test"))
	before := time.Now()
	r := w.deliver(w.agent(), request("x@to.test"))[0]
	if r.RemoteMTA != "mx1.to.test" || !r.DSNRelayed || r.ConnUse != 1 {
		t.Errorf("%+v", r)
	}
	if r.Begun.Before(before) || r.Setup.Before(r.Begun) || r.Setup.After(time.Now()) {
		t.Errorf("begun %v, setup %v", r.Begun, r.Setup)
	}
}

func TestTextThatCannotBeOpenedDefers(t *testing.T) {
	w := newWorld(t)
	w.usual()
	for _, a := range []string{"1", "2"} {
		w.server("192.0.2."+a+":25", hello("mx", offers))
	}
	r := request("x@to.test")
	r.Open = func() (mail.Content, error) { return nil, errors.New("disk on fire") }
	got := w.deliver(w.agent(), r)
	expect(t, got, `deferred 4.3.0 mx2.to.test[192.0.2.2]:25 (the message cannot be read)`)
	if got[0].Cause == nil || got[0].RemoteMTA != "" {
		t.Errorf("%+v", got[0])
	}
}

func TestACancelledDeliveryIsDeferred(t *testing.T) {
	for _, c := range []struct {
		name   string
		script string // of the peer, until it waits for the delivery to end
	}{
		{"while connecting", "HANG"},
		{"while waiting for the greeting", "CALL"},
		{"while waiting for a reply", hello("to.test") + "C: MAIL FROM:<a@from.test>\nCALL"},
		{"while waiting for the last reply", hello("to.test", offers) +
			strings.Replace(takes("x@to.test"), "S: 250 2.0.0 Ok: queued as 1A", "CALL", 1)},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.host("to.test", "192.0.2.1", "192.0.2.2")
			w.server("192.0.2.1:25", c.script)
			ctx, cancel := context.WithCancel(t.Context())
			w.onCall = cancel
			a := w.agent(func(o *smtp.Options) { o.KeepOrder = true })
			got := a.Deliver(ctx, request("x@to.test"))
			if got[0].Outcome != queue.Deferred4 || got[0].Reply.Text != "delivery was interrupted" || got[0].DeadSite {
				t.Errorf("%s", shown(got))
			}
		})
	}
}
