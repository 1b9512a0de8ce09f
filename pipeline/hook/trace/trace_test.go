package trace

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

// clock is a time that a test moves.
type clock struct{ now time.Time }

func (c *clock) read() time.Time { return c.now }

func newRecorder(t *testing.T, rules ...Rule) (*Recorder, *clock) {
	t.Helper()
	c := &clock{time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)}
	r := New(Options{Clock: c.read})
	for _, rule := range rules {
		rule.Until = c.now.Add(time.Hour)
		if err := r.Start(rule); err != nil {
			t.Fatal(err)
		}
	}
	return r, c
}

func TestPatterns(t *testing.T) {
	for _, c := range []struct {
		pattern, s string
		want       bool
	}{
		{"a@b.test", "A@B.test", true}, {"a@b.test", "xa@b.test", false}, {"@b.test", "any@B.TEST", true}, {"@b.test", "any@sub.b.test", false},
		{"*", "", true}, {"*@b.test", "x@b.test", true}, {"a*b*c", "a1b2b3c", true}, {"a*b*c", "a1c", false}, {"ab*ba", "aba", false},
		{"192.0.2.*", "192.0.2.77", true}, {"", "", true}, {"", "x", false},
	} {
		if got := match(c.pattern, c.s); got != c.want {
			t.Errorf("%q and %q: %v", c.pattern, c.s, got)
		}
	}
}

func TestOnlyMessagesThatARuleMeansAreKept(t *testing.T) {
	r, _ := newRecorder(t, Rule{From: "@b.test", To: "*@d.test"})
	rec := r.Add(&Record{Origin: "smtp"}, About{Sender: "a@b.test"}, Step{Hook: "mail"})
	if n := len(r.State().Records); n != 0 {
		t.Fatalf("%d records before there is a recipient", n)
	}
	rec = r.Add(rec, About{Sender: "a@b.test", Recipients: []string{"c@d.test"}}, Step{Hook: "rcpt"})
	if got := r.State().Records; len(got) != 1 || got[0].ID != "NOQUEUE-1" {
		t.Fatalf("%+v", got)
	}
	r.Named(rec, About{ID: "ID1", Sender: "a@b.test"})
	r.End(rec, "queued")
	// What comes later comes by the queue id alone.
	r.Add(&Record{}, About{ID: "ID1", Sender: "a@b.test", Recipients: []string{"c@d.test"}}, Step{Hook: "route"})
	got, ok := r.Find("ID1")
	if !ok || got.Outcome != "queued" || len(got.Steps) != 3 || got.Steps[0].Hook != "mail" || got.Steps[2].Hook != "route" {
		t.Errorf("%+v", got)
	}
	if _, ok := r.Find("NOQUEUE-1"); ok {
		t.Error("the record still has its first name")
	}
	other := r.Add(&Record{}, About{ID: "ID2", Sender: "a@other.test", Recipients: []string{"c@d.test"}}, Step{Hook: "rcpt"})
	if _, ok := r.Find("ID2"); ok || len(other.Steps) != 1 {
		t.Error("another's message is traced")
	}
}

func TestARuleEndsByItself(t *testing.T) {
	var none *Recorder
	r, c := newRecorder(t)
	if none.On() || r.On() {
		t.Error("on without a rule")
	}
	for _, until := range []time.Time{{}, c.now, c.now.Add(MaxFor + time.Hour)} {
		if r.Start(Rule{Until: until}) == nil {
			t.Errorf("a rule until %v is taken", until)
		}
	}
	for i := range MaxRules + 1 {
		if err := r.Start(Rule{Until: c.now.Add(time.Minute)}); (err == nil) != (i < MaxRules) {
			t.Errorf("rule %d: %v", i, err)
		}
	}
	if !r.On() {
		t.Error("off with rules")
	}
	c.now = c.now.Add(time.Minute)
	if r.On() {
		t.Error("on behind the end")
	}
	r.Add(&Record{}, About{ID: "ID1"}, Step{})
	if _, ok := r.Find("ID1"); ok || len(r.State().Rules) != 0 {
		t.Error("a rule that ended still counts")
	}
}

func TestTheOldestGoFirstAndNothingGrows(t *testing.T) {
	r, _ := newRecorder(t, Rule{})
	for i := range MaxRecords + 10 {
		r.Add(&Record{}, About{ID: fmt.Sprint(i)}, Step{Diff: "x"})
	}
	if _, ok := r.Find("9"); ok || len(r.State().Records) != MaxRecords {
		t.Errorf("%d records", len(r.State().Records))
	}
	rec := &Record{}
	for range 100 {
		rec = r.Add(rec, About{ID: "big"}, Step{Diff: strings.Repeat("x", 64<<10)})
	}
	if got, ok := r.Find("big"); !ok || len(got.Steps) > 16 || got.Cut != 100-len(got.Steps) {
		t.Errorf("%v: %d steps, %d cut", ok, len(got.Steps), got.Cut)
	}
	for i := range 100 {
		rec := &Record{}
		for range 15 {
			rec = r.Add(rec, About{ID: fmt.Sprint("full", i)}, Step{Diff: strings.Repeat("x", 64<<10)})
		}
	}
	sum := 0
	for _, rec := range r.order {
		sum += rec.bytes
	}
	if sum != r.bytes || sum > MaxBytes || len(r.records) != len(r.order) {
		t.Errorf("%d bytes, counted %d; %d records, %d in order", sum, r.bytes, len(r.records), len(r.order))
	}
	r.Forget()
	if r.Add(rec, About{ID: "big"}, Step{}); r.bytes < 0 || len(r.State().Records) > 1 {
		t.Errorf("behind Forget: %d bytes", r.bytes)
	}
}

func TestManyMessagesAtATime(t *testing.T) {
	r, _ := newRecorder(t, Rule{})
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			rec := &Record{}
			for range 100 {
				rec = r.Add(rec, About{ID: fmt.Sprint(i), Sender: "a@b"}, Step{})
				r.State()
			}
			r.End(rec, "queued")
		})
	}
	all.Wait()
	if got, _ := r.Find("7"); len(got.Steps) != 100 {
		t.Errorf("%d steps", len(got.Steps))
	}
}
