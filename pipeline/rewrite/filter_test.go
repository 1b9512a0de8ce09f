package rewrite_test

import (
	"testing"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/pipeline/rewrite"
)

func TestWhereAFilterIs(t *testing.T) {
	for _, c := range []struct{ name, filter, nexthop, want string }{
		{"the nexthop of the filter", "scan:[127.0.0.1]:10025", "mx.here.test", "scan:[127.0.0.1]:10025"},
		{"default_filter_nexthop", "scan:", "mx.here.test", "scan:mx.here.test"},
		{"default_filter_nexthop, without a colon", "scan", "mx.here.test", "scan:mx.here.test"},
		{"the recipient's domain", "scan:", "", "scan:far.test"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := world(t, func(o *rewrite.Options) { o.FilterNexthop = c.nexthop })
			to, err := r.Resolve(ctx, &mail.Envelope{Filter: c.filter}, mail.Recipient{Address: "u@far.test"})
			if got := to.Transport + ":" + to.Nexthop; err != nil || got != c.want || to.Recipient != "u@far.test" {
				t.Errorf("got %s for %s, %v; want %s", got, to.Recipient, err, c.want)
			}
		})
	}
}
