package postscreen

import (
	"strconv"
	"strings"
	"time"
)

// pass is until when the tests count that a client has passed.
type pass struct {
	greet, dnsbl time.Time
	deep         [numTests]time.Time
}

// String is "GREET;DNSBL;PIPELINING;FORBIDDEN;BARENEWLINE" in seconds since 1970.
func (p pass) String() string {
	var b strings.Builder
	for i, t := range append([]time.Time{p.greet, p.dnsbl}, p.deep[:]...) {
		if i > 0 {
			b.WriteByte(';')
		}
		n := int64(0)
		if !t.IsZero() {
			n = t.Unix()
		}
		b.WriteString(strconv.FormatInt(n, 10))
	}
	return b.String()
}

// parsePass reads what String wrote; fields may be missing at the end, as those written before there were
// tests after the greeting.
func parsePass(s string) (p pass, ok bool) {
	fields := strings.Split(s, ";")
	if len(fields) < 2 || len(fields) > 2+numTests {
		return pass{}, false
	}
	to := []*time.Time{&p.greet, &p.dnsbl}
	for i := range p.deep {
		to = append(to, &p.deep[i])
	}
	for i, f := range fields {
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return pass{}, false
		}
		*to[i] = time.Unix(n, 0)
	}
	return p, true
}

// holds says whether no test before the greeting has to be made again.
func (p pass) holds(now time.Time, lists bool) bool {
	return now.Before(p.greet) && (!lists || now.Before(p.dnsbl))
}
