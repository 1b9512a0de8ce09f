package dns

import (
	"errors"
	"fmt"
	"strings"

	wire "github.com/miekg/dns"
)

// What one answer may make us do and keep.
const (
	maxHops    = 10  // CNAMEs from the name asked for to the records
	maxRecords = 100 // further ones are dropped, those of the best preference last
)

var (
	errLongChain   = fmt.Errorf("more than %d CNAMEs in a row, or a loop", maxHops)
	errUnsafeAlias = errors.New("CNAME to a name with bytes that must not be shown")
	errLame        = errors.New("lame: neither authoritative nor recursive")
	errIgnored     = errors.New("all records are ignored")
	errUnsafeNames = errors.New("no record holds a name that may be used")
)

// reading is what one message says about a name.
type reading struct {
	status  Status
	cause   error
	name    string // where the CNAMEs in the message led to
	hops    int    // and how many there were
	records []wire.RR
	ttl     uint32 // seconds; of everything that was used
	keep    bool   // ttl is known
	open    bool   // the message does not say what the name at the end has: ask for that
}

// read follows the CNAMEs in m from name, at most hops, to the records of type qtype. m has passed
// checkReply.
func read(m *wire.Msg, name string, qtype uint16, hops int) reading {
	r := reading{name: name, ttl: maxTTL, keep: true}
	for {
		records, alias := at(m.Answer, r.name, qtype)
		if len(records) > 0 {
			return r.found(records)
		}
		if alias == nil {
			return r.end(m)
		}
		r.lowerTTL(alias.Hdr.Ttl)
		if r.hops++; r.hops > hops {
			return r.fail(Failed, errLongChain)
		}
		r.name = lower(alias.Target)
		if r.name != "." && checkName(strings.TrimSuffix(r.name, ".")) != nil {
			return r.fail(BadAnswer, errUnsafeAlias)
		}
	}
}

// at returns what answer holds for the name itself: records of the type, or an alias.
func at(answer []wire.RR, name string, qtype uint16) (records []wire.RR, alias *wire.CNAME) {
	for _, rr := range answer {
		h := rr.Header()
		if h.Class != wire.ClassINET || lower(h.Name) != name {
			continue
		}
		if h.Rrtype == qtype {
			records = append(records, rr)
		} else if c, ok := rr.(*wire.CNAME); ok && alias == nil {
			alias = c
		}
	}
	return records, alias
}

// without is the reading without the records that are to be ignored.
func (r reading) without(ignore func(string) (bool, error)) reading {
	if r.status != Found || len(r.records) == 0 {
		return r
	}
	kept := r.records[:0]
	for _, rr := range r.records {
		no, err := ignore(strings.Join(strings.Fields(rr.String()), " "))
		if err != nil {
			return r.fail(Failed, err)
		}
		if !no {
			kept = append(kept, rr)
		}
	}
	if r.records = kept; len(kept) == 0 {
		r.status, r.cause = NoData, errIgnored
	}
	return r
}

func (r reading) found(records []wire.RR) reading {
	for _, rr := range records {
		r.lowerTTL(rr.Header().Ttl)
	}
	r.status, r.records = Found, best(records)
	return r
}

// end reads the authority section once the chain has ended without records (RFC 2308 §2).
func (r reading) end(m *wire.Msg) reading {
	soa := findSOA(m)
	switch {
	case m.Rcode == wire.RcodeNameError && entitled(m):
		r.status = NXDomain
	case m.Rcode == wire.RcodeSuccess && (soa != nil || r.hops == 0 && entitled(m)):
		r.status = NoData
	case r.hops > 0:
		// A server that does not recurse hands out the alias alone.
		// Invariant: each message that leaves us here took a hop, so asking again ends.
		r.open = true
		return r
	default:
		return r.fail(Failed, errLame)
	}
	if r.keep = soa != nil; r.keep {
		// RFC 2308 §5: the lesser of the SOA's own TTL and its MINIMUM field.
		r.lowerTTL(soa.Hdr.Ttl)
		r.lowerTTL(soa.Minttl)
	}
	return r
}

func (r reading) fail(s Status, cause error) reading {
	r.status, r.cause = s, cause
	return r
}

// maxTTL is the largest TTL there is, in seconds.
const maxTTL = 1<<31 - 1

// lowerTTL lets the answer live no longer than ttl.
func (r *reading) lowerTTL(ttl uint32) {
	if ttl > maxTTL { // RFC 2181 §8: the top bit set means 0
		ttl = 0
	}
	r.ttl = min(r.ttl, ttl)
}

// findSOA returns the SOA record that says how long a "no" holds, or nil.
func findSOA(m *wire.Msg) *wire.SOA {
	for _, rr := range m.Ns {
		if soa, ok := rr.(*wire.SOA); ok {
			return soa
		}
	}
	return nil
}

// checkReply returns why m, a reply to our question, cannot be believed, or nil. What passes is
// either a positive answer or a "no" of a server that is entitled to say so.
func checkReply(m *wire.Msg) error {
	if m.Rcode != wire.RcodeSuccess && m.Rcode != wire.RcodeNameError {
		return errors.New(rcodeText(m))
	}
	if len(m.Answer) > 0 {
		return checkOwner(m)
	}
	if !entitled(m) {
		return errLame
	}
	if m.Authoritative || findSOA(m) != nil {
		return nil
	}
	// RFC 2308 §2.2: NS records without SOA make it a referral, not a "no data".
	for _, rr := range m.Ns {
		if rr.Header().Rrtype == wire.TypeNS && m.Rcode == wire.RcodeSuccess {
			return errors.New("lame: a referral instead of an answer")
		}
	}
	return nil
}

// checkOwner demands that a message with answers answers our question: one about other names alone
// says nothing about ours, least of all "no".
func checkOwner(m *wire.Msg) error {
	name := lower(m.Question[0].Name)
	for _, rr := range m.Answer {
		if lower(rr.Header().Name) == name {
			return nil
		}
	}
	return errors.New("answers about other names only")
}

// entitled reports whether the sender of m may say that something does not exist: it has the zone,
// or asks those who have it, or shows the zone's SOA.
func entitled(m *wire.Msg) bool {
	return m.Authoritative || m.RecursionAvailable || findSOA(m) != nil
}

// rcodeText returns the response code with the reason the server gives (RFC 8914). The server's
// free text is left out: it is a stranger's.
func rcodeText(m *wire.Msg) string {
	s, ok := wire.RcodeToString[m.Rcode]
	if !ok {
		s = fmt.Sprintf("RCODE%d", m.Rcode)
	}
	opt := m.IsEdns0()
	if opt == nil {
		return s
	}
	for _, o := range opt.Option {
		if ede, ok := o.(*wire.EDNS0_EDE); ok {
			return s + " (" + or(wire.ExtendedErrorCodeToString[ede.InfoCode], "reason not known") + ")"
		}
	}
	return s
}
