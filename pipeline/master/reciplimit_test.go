package master_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// The recipients of one message go in transactions of at most TRANSPORT_destination_recipient_limit, which
// is default_destination_recipient_limit unless the transport has its own.
func TestTheRecipientLimitOfATransportIsItsOwn(t *testing.T) { // N12, N13
	for _, c := range []struct {
		settings []string
		want     string
	}{
		{[]string{"default_destination_recipient_limit = 3"}, "[1 3 3]"},
		{[]string{"default_destination_recipient_limit = 3", "smtp_destination_recipient_limit = 5"}, "[2 5]"},
		{[]string{"smtp_destination_recipient_limit = 1"}, "[1 1 1 1 1 1 1]"},
		{[]string{"relay_destination_recipient_limit = 2"}, "[7]"},
	} {
		t.Run(strings.Join(c.settings, " "), func(t *testing.T) {
			s := newSink(t)
			d := start(t, append(c.settings, "relayhost = "+s.nexthop())...)
			cl := d.hello()
			cl.do("MAIL FROM:<a@sender.test>", "250")
			for i := range 7 {
				cl.do(fmt.Sprintf("RCPT TO:<u%d@far.test>", i), "250")
			}
			cl.do("DATA", "354")
			cl.do("Subject: x\r\n\r\nx\r\n.", "250")
			cl.do("QUIT", "221")
			d.log.waitCount(t, `status=sent`, 7)
			var sizes []int
			for _, m := range s.messages() {
				sizes = append(sizes, len(m.to))
			}
			slices.Sort(sizes)
			if got := fmt.Sprint(sizes); got != c.want {
				t.Errorf("transactions of %s recipients, want %s", got, c.want)
			}
		})
	}
}
