package access

import (
	"context"
	"net/netip"
	"strings"
	"testing"

	"github.com/mtad/mtad/core/mail"
)

func FuzzDNSList(f *testing.F) {
	f.Add("zen.test=127.0.0.[2..11;127]")
	f.Add("x.test=127.0.0.2")
	f.Add("x=[0..255].[1;2].3.[4")
	f.Fuzz(func(t *testing.T, word string) {
		l, err := parseDNSList(word)
		if err != nil {
			return
		}
		if l.domain == "" {
			t.Fatalf("%q: no domain", word)
		}
		l.match(netip.MustParseAddr("127.0.0.2"))
		if l.match(netip.IPv6Loopback()) && l.filter != nil {
			t.Fatalf("%q: an IPv6 address has no four octets", word)
		}
		if l.filter == nil {
			return
		}
		for _, spans := range l.filter {
			for _, s := range spans {
				if s.low < 0 || s.high > 255 || s.low > s.high {
					t.Fatalf("%q: range %v", word, s)
				}
			}
		}
	})
}

func FuzzExpand(f *testing.F) {
	f.Add("$rbl_code Service unavailable; $rbl_class [$rbl_what] blocked using $rbl_domain${rbl_reason?; $rbl_reason}")
	f.Add("${a:${b?c}}$(a)$$x${")
	f.Fuzz(func(t *testing.T, template string) {
		if len(template) > 1000 {
			return
		}
		asked := 0
		text := Expand(template, func(name string) string {
			asked++
			return strings.Repeat("v", len(name)%2)
		})
		if len(text) > 2*len(template) || asked > len(template) {
			t.Fatalf("%q becomes %d bytes by %d names", template, len(text), asked)
		}
		if !strings.Contains(template, "$") && text != template {
			t.Fatalf("%q becomes %q", template, text)
		}
	})
}

func FuzzAction(f *testing.F) {
	for _, s := range []string{"REJECT 5.7.1 no", "521 go", "DEFER_IF_PERMIT 4.7.0", "PREPEND X: y", "permit_mynetworks, reject", "1234567", "BCC a@b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		k := &Compiler{}
		check := &tableCheck{k: k, rule: "check_sender_access fuzz", list: "smtpd_sender_restrictions"}
		if word, _, _ := strings.Cut(strings.TrimSpace(value), " "); strings.Contains(strings.ToLower(value), "sleep") || k.listedNeedsWorld(word, value) {
			return // what is a restriction is fuzzed by nobody here: it asks the world
		}
		codes := DefaultCodes()
		q := &Query{Origin: &mail.Origin{Client: netip.MustParseAddrPort("192.0.2.1:1")}, Sender: "a@b", HasSender: true, Effects: &Effects{}}
		d, e := check.result(context.Background(), nil, &codes, q, value, "a@b", "Sender address")
		switch {
		case (d == Refuse) != (e != nil):
			t.Fatalf("%q: %v with %v", value, d, e)
		case e != nil && (e.Reply.Code < 400 || e.Reply.Code > 599 || e.Reply.Enhanced[0] != byte('0'+e.Reply.Code/100)):
			t.Fatalf("%q: reply %v", value, e.Reply)
		}
	})
}

// listedNeedsWorld reports whether an action is a list of restrictions.
func (k *Compiler) listedNeedsWorld(word, value string) bool {
	q := &Query{Effects: &Effects{}}
	t := &tableCheck{k: k}
	upper := strings.ToUpper(word)
	switch upper {
	case "", "DUNNO", "OK", "REJECT", "DEFER", "DEFER_IF_REJECT", "DEFER_IF_PERMIT":
		return false
	}
	if _, ok := t.effect(q, upper, "x", "x", "x"); ok {
		return false
	}
	if _, ok := replyCode(word); ok {
		return false
	}
	return !digits(strings.TrimSpace(value))
}
