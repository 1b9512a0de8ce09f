package postscreen

import (
	"context"
	"net/netip"
	"sync"
)

// score is what the lists in the DNS say of a client.
type score struct {
	points int
	worst  string // the list with the greatest weight that has the client, "" for none
}

// score asks all lists at a time. One that does not answer in time counts nothing.
func (l *Listener) score(ctx context.Context, client netip.Addr) score {
	if len(l.o.Sites) == 0 {
		return score{}
	}
	ctx, cancel := context.WithTimeout(ctx, l.o.DNSBLTimeout)
	defer cancel()
	on := make([]bool, len(l.o.Sites))
	var all sync.WaitGroup
	for i := range l.o.Sites {
		all.Go(func() {
			var err error
			if on[i], err = l.o.Sites[i].Has(ctx, client); err != nil {
				l.o.Log.Warning("dnsblog: lookup error for " + client.String() + " at " + l.o.Sites[i].Domain + ": " + err.Error())
			}
		})
	}
	all.Wait()
	var s score
	heaviest := 0
	for i := range l.o.Sites {
		if !on[i] {
			continue
		}
		site := &l.o.Sites[i]
		s.points += site.Weight
		if site.Weight > heaviest {
			heaviest, s.worst = site.Weight, site.Domain
		}
	}
	return s
}
