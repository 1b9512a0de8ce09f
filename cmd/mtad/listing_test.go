package main

import (
	"bufio"
	"bytes"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/mtad/mtad/pipeline/ctl"
)

// at is a time that prints the same in every zone.
var at = time.Date(2026, 11, 23, 2, 42, 20, 0, time.Local).Unix()

// TestListing compares with what Postfix 3.7's postqueue -p printed for the same queue.
func TestListing(t *testing.T) {
	deferred := ctl.Item{Queue: "deferred", ID: "CA0D798482C", Arrival: at, Size: 254, Sender: "a@b.example", Recipients: []ctl.Waiting{
		{Address: "c@d.example", Reason: "deferred transport"}, {Address: "e@f.example", Reason: "deferred transport"}}}
	with := func(change func(*ctl.Item)) ctl.Item {
		it := deferred
		it.Recipients = append([]ctl.Waiting(nil), deferred.Recipients...)
		change(&it)
		return it
	}
	tests := []struct {
		name  string
		look  look
		items []ctl.Item
		want  string
	}{
		{"an empty queue", shortLook, nil, "Mail queue is empty\n"},
		{"one entry", shortLook, []ctl.Item{deferred}, `-Queue ID-  --Size-- ----Arrival Time---- -Sender/Recipient-------
CA0D798482C     254 Mon Nov 23 02:42:20  a@b.example
                                                          (deferred transport)
                                         c@d.example
                                         e@f.example

-- 0 Kbytes in 1 Request.
`},
		{"marks and several entries", shortLook, []ctl.Item{
			with(func(it *ctl.Item) { it.ID, it.Queue, it.Recipients = "1", "active", it.Recipients[:1] }),
			with(func(it *ctl.Item) { it.ID, it.Queue, it.Recipients = "2", "hold", nil }),
			with(func(it *ctl.Item) { it.ID, it.Expire, it.Recipients, it.Size = "3", true, nil, 12345678 }),
		}, `-Queue ID-  --Size-- ----Arrival Time---- -Sender/Recipient-------
1*              254 Mon Nov 23 02:42:20  a@b.example
                                                          (deferred transport)
                                         c@d.example

2!              254 Mon Nov 23 02:42:20  a@b.example

3#          12345678 Mon Nov 23 02:42:20  a@b.example

-- 12056 Kbytes in 3 Requests.
`},
		{"reasons that differ, none, and one too long for the line", shortLook, []ctl.Item{with(func(it *ctl.Item) {
			it.Recipients[1].Reason = strings.Repeat("r", 80)
			it.Recipients = append(it.Recipients, ctl.Waiting{Address: "fresh@x.example"})
		})}, `-Queue ID-  --Size-- ----Arrival Time---- -Sender/Recipient-------
CA0D798482C     254 Mon Nov 23 02:42:20  a@b.example
                                         fresh@x.example
                                                          (deferred transport)
                                         c@d.example
(` + strings.Repeat("r", 80) + `)
                                         e@f.example

-- 0 Kbytes in 1 Request.
`},
		{"long queue ids", longLook, []ctl.Item{
			with(func(it *ctl.Item) {
				it.ID, it.Size, it.Recipients = "4jXrBS4kLCz1SCM7", 249, it.Recipients[:1]
			})}, `----Queue ID----- --Size-- ---Arrival Time---- --Sender/Recipient------
4jXrBS4kLCz1SCM7       249 Mon Nov 23 02:42:20 a@b.example
                                                          (deferred transport)
                                               c@d.example

-- 0 Kbytes in 1 Request.
`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var b bytes.Buffer
			l := &listing{w: bufio.NewWriter(&b), look: tt.look}
			for i := range tt.items {
				if !l.add(&tt.items[i]) {
					t.Fatal("add failed")
				}
			}
			l.end()
			if err := l.w.Flush(); err != nil || b.String() != tt.want {
				t.Errorf("got\n%s\nwant\n%s", b.String(), tt.want)
			}
		})
	}
}

func TestGetopt(t *testing.T) {
	tests := []struct {
		name, args string
		opts       []option
		rest       []string
		wantErr    bool
	}{
		{"nothing", "", nil, nil, false},
		{"joined letters", "-ab", []option{{'a', ""}, {'b', ""}}, nil, false},
		{"a value in the word", "-avx", []option{{'a', ""}, {'v', "x"}}, nil, false},
		{"a value in the next word", "-v -a", []option{{'v', "-a"}}, nil, false},
		{"an optional value", "-q -qx y", []option{{'q', ""}, {'q', "x"}}, []string{"y"}, false},
		{"arguments before options", "x -a y", []option{{'a', ""}}, []string{"x", "y"}, false},
		{"the end of options", "-a -- -b --", []option{{'a', ""}}, []string{"-b", "--"}, false},
		{"a dash alone is an argument", "-", nil, []string{"-"}, false},
		{"an unknown letter", "-z", nil, nil, true},
		{"a colon is no letter", "-:", nil, nil, true},
		{"a missing value", "-v", nil, nil, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			opts, rest, err := getopt(strings.Fields(tt.args), "abv:q::")
			if (err != nil) != tt.wantErr || !reflect.DeepEqual(opts, tt.opts) || !reflect.DeepEqual(rest, tt.rest) {
				t.Errorf("got %v %v %v", opts, rest, err)
			}
		})
	}
}

func TestEveryVerbHasHelpThatFitsAScreen(t *testing.T) {
	for _, v := range verbs() {
		if !strings.HasPrefix(v.help, "usage: ") {
			t.Errorf("%s: help begins with %.20q", v.name, v.help)
		}
		fitsScreen(t, v.name, v.help)
	}
	fitsScreen(t, "mtad", overview())
}

func fitsScreen(t *testing.T, name, text string) {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if len(lines) > 40 {
		t.Errorf("%s: %d lines", name, len(lines))
	}
	for _, l := range lines {
		if len(l) > 80 {
			t.Errorf("%s: a line of %d characters: %s", name, len(l), l)
		}
	}
}

func TestGecosName(t *testing.T) {
	tests := []struct{ gecos, user, want string }{
		{"Jo Doe,Room 1,,", "jo", "Jo Doe"}, {"& Doe", "jo", "Jo Doe"}, {"", "jo", ""}, {"&", "ümit", "Ümit"}, {"&", "", ""},
	}
	for _, tt := range tests {
		if got := gecosName(tt.gecos, tt.user); got != tt.want {
			t.Errorf("%q of %q: got %q, want %q", tt.gecos, tt.user, got, tt.want)
		}
	}
}
