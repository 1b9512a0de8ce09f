package console

import (
	"bytes"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/mtad/mtad/queue"
)

func FuzzForm(f *testing.F) {
	for _, s := range []string{"", "queue=hold&site=a.test&older=2h&smaller=1M", "action=delete&all=1&before=1&younger=1w", "id=A&id=B&action=hold",
		"larger=99999999999999k", "older=9999999999w", "queue=x", "sender=%ff%00", "action=hold&all=1&reason=" + strings.Repeat("x", 1100)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, query string) {
		q, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		o, err := parseOrder(q)
		if err == nil && len(o.IDs) == 0 && q.Get("all") != "1" {
			t.Fatalf("%q means everything without saying so", query)
		}
		sel, err := parseSelector(q)
		if err != nil {
			return
		}
		if sel.Older < 0 || sel.Younger < 0 || sel.Larger < 0 || sel.Smaller < 0 {
			t.Fatalf("%q: a negative bound: %+v", query, sel)
		}
		again := url.Values{}
		for _, p := range pairs(&sel) {
			again.Add(p.Name, p.Value)
		}
		back, err := parseSelector(again)
		if err != nil || fmt.Sprint(back) != fmt.Sprint(sel) {
			t.Fatalf("%q: %+v came back as %+v, %v", query, sel, back, err)
		}
	})
}

func FuzzAccounts(f *testing.F) {
	f.Add([]byte("# x\nalice:act,read:" + nobodysHash + "\n"))
	f.Add([]byte("a:b:c"))
	f.Fuzz(func(t *testing.T, text []byte) {
		all, err := parseAccounts(text)
		if err != nil {
			return
		}
		for name, a := range all {
			if name != a.name || !validName(name) || !a.may(View) || len(a.hash) != 60 {
				t.Fatalf("%q: account %+v", text, a)
			}
			if r, err := ParseRights(a.rights.String()); err != nil || r != a.rights {
				t.Fatalf("rights %s came back as %v, %v", a.rights, r, err)
			}
		}
	})
}

func FuzzShown(f *testing.F) {
	f.Add("a\u202eb\xff\x00é日本")
	f.Fuzz(func(t *testing.T, s string) {
		for _, limit := range []int{3, maxShown} {
			got := shown(s, limit)
			if !utf8.ValidString(got) {
				t.Fatalf("%q is no UTF-8: %q", s, got)
			}
			for _, r := range got {
				if r < ' ' || unicode.Is(unicode.Cf, r) {
					t.Fatalf("%q is shown with %U: %q", s, r, got)
				}
			}
		}
	})
}

func TestShownKeepsWhatPeopleWrite(t *testing.T) {
	for in, want := range map[string]string{
		"plain text": "plain text", "Grüße, 日本, עברית": "Grüße, 日本, עברית", "a\tb": "a⟨U+0009⟩b", "a\u00a0b": "a⟨U+00A0⟩b", "\xc3": "⟨C3⟩",
	} {
		if got := shown(in, 100); got != want {
			t.Errorf("%q: got %q", in, got)
		}
	}
	if got := shown("aaaé", 4); got != "aaa…" {
		t.Errorf("a cut within a character: %q", got)
	}
	if got := block("a\tb\r\n\x07c\n"); got != "a\tb\n⟨U+0007⟩c\n" {
		t.Errorf("got %q", got)
	}
}

func TestRatesForget(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	r := NewRates()
	r.clock = func() time.Time { return now }
	r.Accepted()
	r.Delivered(queue.Sent, time.Second, 0, 0, time.Hour)
	for _, c := range []struct {
		after          time.Duration
		one, ten, hour uint32
	}{{0, 1, 1, 1}, {50 * time.Second, 1, 1, 1}, {time.Minute, 0, 1, 1}, {9 * time.Minute, 0, 1, 1}, {10 * time.Minute, 0, 0, 1}, {59 * time.Minute, 0, 0, 1}, {time.Hour, 0, 0, 0}} {
		now = time.Unix(1_800_000_000, 0).Add(c.after)
		one, ten, hour := r.sum(time.Minute), r.sum(10*time.Minute), r.sum(time.Hour)
		if one.n[accepted] != c.one || ten.n[sent] != c.ten || hour.n[sent] != c.hour {
			t.Errorf("after %v: %d %d %d", c.after, one.n[accepted], ten.n[sent], hour.n[sent])
		}
	}
	m := r.minutes()
	for i := range m {
		if m[i] != [kinds]uint32{} {
			t.Errorf("minute %d: %v", i, m[i])
		}
	}
	r.Delivered(queue.Bounced, 0, 0, 0, 0) // takes the slot of an hour ago
	if s := r.sum(time.Hour); s.n[sent] != 0 || s.n[bounced] != 1 || r.minutes()[59][bounced] != 1 {
		t.Errorf("got %v", s.n)
	}
}

func TestTheJournalKeepsTheNewestWholeLines(t *testing.T) {
	j := NewJournal()
	j.half = 1000
	for i := range 500 {
		fmt.Fprintf(j, "Nov 23 mail postfix/smtp[1]: ID%d: line %d\n", i%2, i)
	}
	got := j.Lines("ID1")
	if len(got) < 20 || len(j.now)+len(j.old) > 2000 || !strings.HasSuffix(got[len(got)-1], "line 499") || !strings.HasPrefix(got[0], "Nov 23 ") {
		t.Errorf("%d lines of %d bytes: %q", len(got), len(j.now)+len(j.old), got)
	}
	if n, err := j.Write(bytes.Repeat([]byte("x"), 5000)); n != 5000 || err != nil {
		t.Errorf("a piece that is too large: %d, %v", n, err)
	}
	if (*Journal)(nil).Lines("ID1") != nil || j.Lines("") != nil {
		t.Error("there are lines of nothing")
	}
}

func TestTheThrottleIsBounded(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	th := newThrottle(func() time.Time { return now })
	for i := range maxClients + 100 {
		now = now.Add(time.Millisecond)
		a := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		if _, ok := th.begin(a); !ok {
			t.Fatalf("client %d waits", i)
		}
		th.end(a, false)
	}
	if len(th.m) > maxClients {
		t.Errorf("%d clients are kept", len(th.m))
	}
	one, two := netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::2")
	if clientKey(one) != clientKey(two) || clientKey(one) == clientKey(netip.MustParseAddr("2001:db8:0:1::1")) {
		t.Error("a network of IPv6 is one client")
	}
	for range maxHashing {
		if _, ok := th.begin(one); !ok {
			t.Fatal("a first attempt waits")
		}
	}
	if wait, ok := th.begin(two); ok || wait <= 0 {
		t.Error("too many passwords are compared at a time")
	}
}

func TestTheShapeIsBoundedAndCounted(t *testing.T) {
	tl := tally{rows: map[string]*row{}}
	for i := range maxDomains + 500 {
		tl.add(fmt.Sprintf("d%d.test", i), i%buckets)
	}
	if len(tl.rows) != maxDomains+1 || tl.all.Total != maxDomains+500 {
		t.Errorf("%d rows, %d in all", len(tl.rows), tl.all.Total)
	}
	top := tl.top()
	sum := 0
	for _, r := range top {
		sum += r.Total
	}
	if len(top) != topDomains+1 || top[topDomains].Domain != otherName || sum != tl.all.Total {
		t.Errorf("%d rows with %d in all, the last %s", len(top), sum, top[len(top)-1].Domain)
	}
	for age, want := range map[time.Duration]int{-time.Second: 0, 0: 0, 5 * time.Minute: 1, 9 * time.Minute: 1, 10 * time.Minute: 2, 1280 * time.Minute: 9, 1000 * time.Hour: 9} {
		if got := bucketOf(age); got != want {
			t.Errorf("%v is in bucket %d, want %d", age, got, want)
		}
	}
}

func TestTimesAndSizesForPeople(t *testing.T) {
	for got, want := range map[string]string{
		ageText(0): "0 s", ageText(90 * time.Second): "1 min 30 s", ageText(26 * time.Hour): "1 d 2 h", ageText(-time.Hour): "0 s", ageText(time.Hour): "1 h",
		tookText(1500 * time.Microsecond): "1 ms", tookText(2500 * time.Millisecond): "2.5 s", tookText(10): "1 µs",
		sizeText(10): "10 B", sizeText(10 << 20): "10.0 MiB", formAge(48 * time.Hour): "2d", formAge(90 * time.Minute): "90m", formAge(90 * time.Second): "1m30s",
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
