package failing_test

import (
	"context"
	"testing"
	"time"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/pipeline/deliver/failing"
	"github.com/mtad/mtad/queue"
)

func TestTheNexthopIsTheAnswer(t *testing.T) {
	bounce, retry, discard := failing.Error(nil), failing.Retry(nil), failing.Discard(nil)
	for _, c := range []struct {
		name    string
		agent   *failing.Agent
		nexthop string
		outcome queue.Outcome
		reply   string
	}{
		{"error bounces with its text", bounce, "no mail accepted for kdent", queue.Bounced, "550 5.0.0 no mail accepted for kdent"},
		{"a leading code overrides", bounce, "5.1.6 has moved", queue.Bounced, "550 5.1.6 has moved"},
		{"a code of class 4 cannot make it temporary", bounce, "4.7.7 go away", queue.Bounced, "550 5.0.0 go away"},
		{"what looks like a code is text", bounce, "5.1 users", queue.Bounced, "550 5.0.0 5.1 users"},
		{"without text", bounce, "", queue.Bounced, "550 5.0.0 mail to this recipient is not accepted"},
		{"a code alone", bounce, "5.7.1", queue.Bounced, "550 5.7.1 mail to this recipient is not accepted"},
		{"retry defers", retry, "4.3.2 down until Monday", queue.Deferred4, "450 4.3.2 down until Monday"},
		{"a code of class 5 cannot make it permanent", retry, "5.4.4 later", queue.Deferred4, "450 4.0.0 later"},
		{"without text either", retry, " ", queue.Deferred4, "450 4.0.0 mail to this recipient is not delivered now"},
		{"discard sends to nowhere", discard, "silently ignored", queue.Sent, "250 2.0.0 silently ignored"},
		{"with a code of its own", discard, "2.7.0 spam", queue.Sent, "250 2.7.0 spam"},
		{"no line break gets into the log", bounce, "one\r\ntwo", queue.Bounced, "550 5.0.0 one  two"},
	} {
		t.Run(c.name, func(t *testing.T) {
			req := &queue.Request{Nexthop: c.nexthop, Recipients: []mail.Recipient{{Address: "a@b"}, {Address: "c@d"}}}
			rs := c.agent.Deliver(context.Background(), req)
			if len(rs) != 2 {
				t.Fatalf("%d results", len(rs))
			}
			for _, r := range rs {
				if r.Outcome != c.outcome || r.Reply.String() != c.reply || r.Relay != "none" || r.Begun.IsZero() {
					t.Errorf("got %+v", r)
				}
			}
		})
	}
}

func TestTheClockIsAsked(t *testing.T) {
	now := time.Unix(1, 0)
	rs := failing.Error(func() time.Time { return now }).Deliver(context.Background(), &queue.Request{Recipients: make([]mail.Recipient, 1)})
	if !rs[0].Begun.Equal(now) {
		t.Errorf("begun %v", rs[0].Begun)
	}
}
