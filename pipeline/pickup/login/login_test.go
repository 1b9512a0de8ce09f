package login_test

import (
	"strings"
	"testing"

	"github.com/mtad/mtad/core/table"
	"github.com/mtad/mtad/pipeline/pickup/login"
)

func senders(t *testing.T, specs ...string) *login.Senders {
	t.Helper()
	m, err := table.OpenMaps(specs, table.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return &login.Senders{Maps: m, NullKey: "<>", Delimiter: "+", Name: func(uid int) string {
		return map[int]string{0: "root", 1: "bob", 2: "eve", 3: "null", 4: "site"}[uid]
	}}
}

func TestWhoMaySendAsWhom(t *testing.T) {
	s := senders(t, "inline:{ {root = *}, {null = <>}, {site = eve, @site.test}, {uid:99 = ghost} }", "pcre:{{/^(bob)$/ $1, $1@Example.test}}")
	for _, c := range []struct {
		name   string
		uid    int
		sender string
		ok     bool
	}{
		{"anybody, with a star", 0, "any@x.test", true},
		{"the null sender, with a star", 0, "", true},
		{"the bare name", 1, "bob", true},
		{"the name with an extension", 1, "bob+x", true},
		{"an address, in any case", 1, "BOB+x@example.test", true},
		{"somebody else", 1, "eve@example.test", false},
		{"the null sender, not listed", 1, "", false},
		{"a user whom no table has", 2, "eve", false},
		{"the null sender, listed", 3, "", true},
		{"but nobody else", 3, "null", false},
		{"a whole domain", 4, "any@SITE.test", true},
		{"not what is below it", 4, "any@h.site.test", false},
		{"a user without a name", 99, "ghost", true},
		{"another one", 98, "ghost", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := s.Allow(t.Context(), c.uid, c.sender)
			if (e == nil) != c.ok {
				t.Fatalf("got %v", e)
			}
			if e != nil && (e.Reply.Code != 550 || !strings.Contains(e.Reply.Text, "<"+c.sender+">")) {
				t.Errorf("refused with %v", e)
			}
		})
	}
}

func TestATableThatCannotBeAskedIsNoAnswer(t *testing.T) {
	if e := senders(t, "fail:x").Allow(t.Context(), 1, "bob"); e == nil || e.Reply.Code != 451 {
		t.Fatalf("got %v", e)
	}
	var open *login.Senders
	if e := open.Allow(t.Context(), 1, "any"); e != nil {
		t.Fatal(e)
	}
}
