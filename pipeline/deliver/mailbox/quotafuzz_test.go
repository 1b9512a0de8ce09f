package mailbox

import (
	"strconv"
	"strings"
	"testing"
)

// Whatever a file says, its limits are positive, and a line more is a message more.
func FuzzQuota(f *testing.F) {
	f.Add("1000S,5C\n100 1\n-50 -1\n")
	f.Add("S,,C\n1 x\n")
	f.Fuzz(func(t *testing.T, text string) {
		q := parseQuota([]byte(text))
		if q == nil {
			return
		}
		if q.limit.bytes < 0 || q.limit.messages < 0 || q.limit == (usage{}) || strings.Contains(q.definition, "\n") {
			t.Fatalf("%q: got %+v", text, q)
		}
		size := int64(len(text))
		more := parseQuota([]byte(strings.TrimRight(text, "\n") + "\n" + strconv.FormatInt(size, 10) + " 1\n"))
		if more == nil || more.limit != q.limit || more.now != q.now.plus(usage{size, 1}) {
			t.Fatalf("%q: %+v became %+v", text, q, more)
		}
	})
}
