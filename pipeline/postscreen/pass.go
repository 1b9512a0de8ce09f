package postscreen

import (
	"strconv"
	"strings"
	"time"
)

// pass is until when the tests count that a client has passed.
type pass struct{ greet, dnsbl time.Time }

// String is "GREET;DNSBL" in seconds since 1970.
func (p pass) String() string {
	return strconv.FormatInt(p.greet.Unix(), 10) + ";" + strconv.FormatInt(p.dnsbl.Unix(), 10)
}

func parsePass(s string) (p pass, ok bool) {
	greet, dnsbl, ok := strings.Cut(s, ";")
	g, err1 := strconv.ParseInt(greet, 10, 64)
	d, err2 := strconv.ParseInt(dnsbl, 10, 64)
	if !ok || err1 != nil || err2 != nil {
		return pass{}, false
	}
	return pass{time.Unix(g, 0), time.Unix(d, 0)}, true
}

// holds says whether no test has to be made again.
func (p pass) holds(now time.Time, lists bool) bool {
	return now.Before(p.greet) && (!lists || now.Before(p.dnsbl))
}
