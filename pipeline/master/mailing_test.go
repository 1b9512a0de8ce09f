package master_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
)

// A mailing to ten thousand recipients of one site takes as few transactions as with Postfix, on no more
// connections than there may be deliveries at a time; each recipient gets it once.
func TestAMailingToOneSiteTakesAsFewTransactionsAsPostfixs(t *testing.T) {
	need(t, "postfix", "postfix")
	needRoot(t)
	const recipients = 10_000
	const most = 20 // deliveries at a time, so connections
	lines := "smtpd_recipient_limit = 20000\ndefault_destination_recipient_limit = 50\ndefault_destination_concurrency_limit = 20\nsmtp_connection_cache_time_limit = 60s\n"
	site := func() (*sink, *atomic.Int32) {
		calls := new(atomic.Int32)
		return newSink(t, func(s *sink) {
			s.answer = func(command string) string {
				if command == "CONNECT" {
					calls.Add(1)
				}
				return ""
			}
		}), calls
	}
	theirs, theirCalls := site()
	ours, ourCalls := site()
	p := newPostfix(t, theirs.nexthop(), func(p *postfix) { setIn(t, p.etc+"/main.cf", lines) })
	d := start(t, "relayhost = "+ours.nexthop(), lines)
	front := *d
	front.addr = p.addr
	counts := func(via daemon, s *sink, log *logbook) int {
		c := via.hello()
		c.do("MAIL FROM:<list@sender.test>", "250")
		var b strings.Builder
		for i := range recipients {
			fmt.Fprintf(&b, "RCPT TO:<member%d@one.test>\r\n", i)
		}
		sent := make(chan struct{})
		go func() { defer close(sent); c.send([]byte(b.String())) }()
		for range recipients {
			if got := c.reply(); !strings.HasPrefix(got, "250") {
				t.Errorf("RCPT: %s", got)
			}
		}
		<-sent
		c.do("DATA", "354")
		c.send([]byte("Subject: news\r\n\r\nbody\r\n.\r\n"))
		c.reply()
		log.wait(t, `: removed`)
		seen, all := map[string]int{}, s.messages()
		for _, m := range all {
			for _, to := range m.to {
				seen[to]++
			}
		}
		if len(seen) != recipients {
			t.Errorf("%d recipients got it, want %d", len(seen), recipients)
		}
		for to, n := range seen {
			if n != 1 {
				t.Errorf("%s got it %d times", to, n)
			}
		}
		return len(all)
	}
	want, got := counts(front, theirs, p.log), counts(*d, ours, d.log)
	t.Logf("Postfix: %d transactions on %d connections; mtad: %d on %d", want, theirCalls.Load(), got, ourCalls.Load())
	if got > want {
		t.Errorf("%d transactions, Postfix takes %d", got, want)
	}
	if n := ourCalls.Load(); n > max(most, theirCalls.Load()) {
		t.Errorf("%d connections, Postfix takes %d", n, theirCalls.Load())
	}
}
