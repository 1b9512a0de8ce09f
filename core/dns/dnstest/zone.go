package dnstest

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	wire "github.com/miekg/dns"
)

// zone is everything the server knows: records by owner (lower case, final dot). Not safe for
// concurrent use.
type zone struct {
	records map[string][]wire.RR
	nodes   map[string]bool // owners and all names above them: they exist (RFC 8020)
	soa     wire.RR
}

func newZone() *zone {
	soa, err := wire.NewRR(". 60 IN SOA ns.invalid. root.invalid. 1 3600 600 86400 60")
	if err != nil {
		panic("dnstest: built-in SOA: " + err.Error())
	}
	return &zone{records: make(map[string][]wire.RR), nodes: map[string]bool{".": true}, soa: soa}
}

// add parses text and adds its records.
func (z *zone) add(text string) error {
	for line := range strings.Lines(text) {
		rr, err := parseLine(line)
		if err != nil {
			return fmt.Errorf("zone line %q: %w", strings.TrimSpace(line), err)
		}
		if rr == nil {
			continue
		}
		if rr.Header().Rrtype == wire.TypeSOA {
			z.soa = rr
		}
		owner := wire.CanonicalName(rr.Header().Name)
		z.records[owner] = append(z.records[owner], rr)
		for name := owner; name != "."; name = parent(name) {
			z.nodes[name] = true
		}
	}
	return nil
}

// parseLine returns the record on line, or nil if there is only space or a comment.
func parseLine(line string) (wire.RR, error) {
	p := wire.NewZoneParser(strings.NewReader(strings.TrimSpace(line)+"\n"), ".", "")
	p.SetDefaultTTL(300)
	rr, _ := p.Next()
	if err := p.Err(); err != nil || rr == nil {
		return nil, err
	}
	if isEmpty(rr) {
		return nil, errors.New("no data")
	}
	return rr, nil
}

// isEmpty reports whether rr is a record without data, which the parser lets through.
func isEmpty(rr wire.RR) bool {
	make, ok := wire.TypeToRR[rr.Header().Rrtype]
	if !ok {
		return false
	}
	empty := make()
	*empty.Header() = *rr.Header()
	return reflect.DeepEqual(rr, empty)
}

// remove takes all records of name with type qtype out; the name goes on existing.
func (z *zone) remove(name string, qtype uint16) {
	kept := z.records[name][:0:0]
	for _, rr := range z.records[name] {
		if rr.Header().Rrtype != qtype {
			kept = append(kept, rr)
		}
	}
	z.records[name] = kept
}

// answer fills reply for the question in it.
func (z *zone) answer(reply *wire.Msg) {
	q := reply.Question[0]
	name := wire.CanonicalName(q.Name)
	for range 16 { // a loop in the zone is cut here: the client shall see it
		records, exists := z.at(name)
		if !exists {
			reply.Rcode = wire.RcodeNameError
			break
		}
		found, alias := pick(records, q.Qtype)
		reply.Answer = append(reply.Answer, found...)
		if len(found) > 0 {
			return
		}
		if alias == nil {
			break
		}
		reply.Answer = append(reply.Answer, alias)
		name = wire.CanonicalName(alias.(*wire.CNAME).Target)
	}
	reply.Ns = append(reply.Ns, wire.Copy(z.soa))
}

// at returns the records of name, by wildcard if there is no such name (RFC 4592 §3.3.1).
func (z *zone) at(name string) (records []wire.RR, exists bool) {
	if z.nodes[name] {
		return z.records[name], true
	}
	above := parent(name)
	for !z.nodes[above] {
		above = parent(above)
	}
	star := "*." + strings.TrimPrefix(above, ".")
	if !z.nodes[star] {
		return nil, false
	}
	for _, rr := range z.records[star] {
		rr = wire.Copy(rr)
		rr.Header().Name = name
		records = append(records, rr)
	}
	return records, true
}

// pick returns the records of one type, and the alias if there is one.
func pick(records []wire.RR, qtype uint16) (found []wire.RR, alias wire.RR) {
	for _, rr := range records {
		switch t := rr.Header().Rrtype; {
		case t == qtype:
			found = append(found, rr)
		case t == wire.TypeCNAME:
			alias = rr
		}
	}
	return found, alias
}

// parent returns the name above name: "." for a top-level name and for ".".
func parent(name string) string {
	if next, end := wire.NextLabel(name, 0); !end {
		return name[next:]
	}
	return "."
}
