package dns

import (
	"errors"
	"net"
	"slices"
	"strings"

	wire "github.com/miekg/dns"
)

var errNotData = errors.New("not a type of data")

// best sorts MX records by preference, leaves all others in the order of the answer, and drops what
// is over the limit.
func best(records []wire.RR) []wire.RR {
	slices.SortStableFunc(records, func(a, b wire.RR) int {
		x, isMX := a.(*wire.MX)
		y, isMX2 := b.(*wire.MX)
		if !isMX || !isMX2 {
			return 0
		}
		return int(x.Preference) - int(y.Preference)
	})
	if len(records) > maxRecords {
		// A copy, so that the rest of a huge answer does not stay with the cache.
		records = slices.Clone(records[:maxRecords])
	}
	return records
}

// dataOf returns the data of rr in presentation form: what follows owner, TTL, class and type.
func dataOf(rr wire.RR) string {
	fields := strings.SplitN(rr.String(), "\t", 5)
	return fields[len(fields)-1]
}

// loopback answers for localhost and all below it without asking (RFC 6761 §6.3); nil for other
// names.
func loopback(q question) *entry {
	if q.name != "localhost." && !strings.HasSuffix(q.name, ".localhost.") {
		return nil
	}
	h := wire.RR_Header{Name: q.name, Rrtype: q.qtype, Class: wire.ClassINET}
	e := &entry{q: q, name: q.name}
	switch q.qtype {
	case wire.TypeA:
		e.records = []wire.RR{&wire.A{Hdr: h, A: net.IPv4(127, 0, 0, 1)}}
	case wire.TypeAAAA:
		e.records = []wire.RR{&wire.AAAA{Hdr: h, AAAA: net.IPv6loopback}}
	default:
		e.err = q.fail(NoData, "", nil)
	}
	return e
}

// unescape returns a character string of the wire package (RFC 1035 §5.1: \X and \DDD) as bytes.
func unescape(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '\\' && i+1 < len(s) {
			i++
			c = s[i]
			if i+2 < len(s) && isDigit(c) && isDigit(s[i+1]) && isDigit(s[i+2]) {
				c = (c-'0')*100 + (s[i+1]-'0')*10 + s[i+2] - '0'
				i += 2
			}
		}
		b = append(b, c)
	}
	return string(b)
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
