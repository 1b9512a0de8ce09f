package local

import (
	"sync"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/queue"
)

// result is what becomes of the recipient: deferred while a part of it is, bounced when a part of it
// failed, else the last part's.
func (x *expansion) result() queue.Result {
	if len(x.parts) == 0 {
		return x.at.Expanded("expanded to nobody")
	}
	worst := &x.parts[len(x.parts)-1]
	for i := range x.parts {
		if p := &x.parts[i]; rank(p.result.Outcome) > rank(worst.result.Outcome) {
			worst = p
		}
	}
	res := worst.result
	if len(x.parts) == 1 && worst.address == x.top.Address && !worst.told {
		return res
	}
	for i := range x.parts {
		p := &x.parts[i]
		r := x.top
		r.Address = p.address
		if r.Original == "" {
			r.Original = x.top.Address
		}
		res.Parts = append(res.Parts, queue.Part{Recipient: r, Result: p.result, Told: p.told})
	}
	return res
}

func rank(o queue.Outcome) int {
	switch o {
	case queue.Deferred4:
		return 2
	case queue.Bounced:
		return 1
	}
	return 0
}

// maxRemembered is how many recipients of which a part is done the memory has.
const maxRemembered = 10_000

// memory has the parts of recipients that were done while others of the same recipient were
// deferred, so that the next attempt does not do them again. It is lost when mtad ends: then they
// are done twice. The zero memory is ready. Safe for concurrent use.
type memory struct {
	mu sync.Mutex
	m  map[[2]string]map[string]part
}

// of returns what is known of a recipient of an entry.
func (m *memory) of(id, address string) map[string]part {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.m[[2]string{id, address}]
}

// keep remembers the parts that are done, or forgets the recipient when it is delivered. One that
// bounced may come again: its notice could not be made, or soft_bounce is on, and then what failed
// is tried again.
func (m *memory) keep(id, address string, x *expansion, all queue.Outcome) {
	m.mu.Lock()
	defer m.mu.Unlock()
	key := [2]string{id, address}
	delete(m.m, key)
	if all == queue.Sent || all == queue.Expanded || len(x.parts) < 2 {
		return
	}
	done, sent := map[string]part{}, false
	for _, p := range x.parts {
		if o := p.result.Outcome; o.Done() && (o != queue.Bounced || !x.o.SoftBounce) {
			done[p.key] = p
			sent = sent || o != queue.Bounced
		}
	}
	if !sent && all == queue.Bounced || len(done) == 0 {
		return
	}
	if m.m == nil {
		m.m = map[[2]string]map[string]part{}
	}
	if len(m.m) >= maxRemembered {
		for k := range m.m { // any: what is forgotten is done twice at worst
			delete(m.m, k)
			break
		}
	}
	m.m[key] = done
}

// original is the address as it was given, or what there is when that is not kept.
func original(r mail.Recipient) string {
	if r.Original == "" {
		return r.Address
	}
	return r.Original
}
