package ctl_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/pipeline/ctl"
	"github.com/mtad/mtad/queue"
)

func (d *daemon) Expire(_ context.Context, id string) error { return d.note("expire %s", id) }
func (d *daemon) Find(_ context.Context, id string) (*queue.Entry, *queue.Record, error) {
	for i, e := range d.entries {
		if e.ID == id {
			return e, d.records[i], nil
		}
	}
	return nil, nil, queue.ErrNotFound
}
func (d *daemon) Open(_ context.Context, id string) (mail.Content, error) {
	return mail.Bytes("Subject: " + id + "\r\n\r\ntext\r\n"), d.err
}
func (d *daemon) Why(_ context.Context, id string) (ctl.Why, error) {
	return ctl.Why{Reason: "because of " + id, Attempts: 3}, d.err
}
func (d *daemon) Resolve(_ context.Context, address string) (queue.Route, error) {
	return queue.Route{Transport: "smtp", Nexthop: "next", Recipient: address}, d.err
}
func (d *daemon) Note(tag, level, text string) { _ = d.note("log %s %s %s", tag, level, text) }
func (d *daemon) Session(_ context.Context, conn net.Conn, uid int) error {
	defer conn.Close()
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err == nil {
		_, err = fmt.Fprintf(conn, "%d said %s", uid, line)
	}
	return err
}
func (d *daemon) Suspend(s ctl.Suspension) error {
	return d.note("suspend %s%s %s %v", s.Nexthop, s.Service, s.Reason, s.Until.IsZero())
}
func (d *daemon) Resume(_ context.Context, s ctl.Suspension) error {
	return d.note("resume %s%s", s.Nexthop, s.Service)
}
func (d *daemon) Suspensions() []ctl.Suspension {
	return []ctl.Suspension{{Nexthop: "dead.example", Reason: "r"}}
}

// crowd is a daemon with entries in all states.
func crowd() *daemon {
	d := &daemon{}
	add := func(id string, s queue.State, expire bool) {
		d.entries = append(d.entries, &queue.Entry{Envelope: mail.Envelope{ID: id, Recipients: []mail.Recipient{{Address: "a@" + id + ".example"}}}})
		d.records = append(d.records, &queue.Record{State: s, Expire: expire, Recipients: make([]queue.Progress, 1)})
	}
	add("A", queue.Active, false)
	add("I", queue.Incoming, false)
	add("D", queue.Deferred, false)
	add("X", queue.Deferred, true)
	add("H", queue.Hold, false)
	add("C", queue.Corrupt, false)
	return d
}

func TestActionsConcernTheEntriesThatPostsuperWouldTouch(t *testing.T) {
	tests := []struct {
		action ctl.Action
		queues []string
		want   string
	}{
		{ctl.Delete, nil, "A D H I X"},
		{ctl.Delete, []string{"deferred"}, "D X"},
		{ctl.Delete, []string{"corrupt"}, "C"},
		{ctl.Hold, nil, "A D I X"},
		{ctl.Hold, []string{"hold"}, ""},
		{ctl.Release, nil, "H"},
		{ctl.Release, []string{"deferred"}, ""},
		{ctl.Requeue, nil, "A D H I X"},
		{ctl.Expire, nil, "A D H I"},
		{ctl.Free, nil, "A D H I"},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.action, tt.queues), func(t *testing.T) {
			w := start(t, socket(t), crowd())
			sel := ctl.Selector{Queues: tt.queues}
			var all, byID []string
			if err := w.ActAll(t.Context(), tt.action, &sel, func(d ctl.Done) { all = append(all, d.ID) }); err != nil {
				t.Fatal(err)
			}
			ids := []string{"C", "H", "NONE", "X", "D", "I", "A"}
			if err := w.Act(t.Context(), tt.action, ids, &sel, func(d ctl.Done) { byID = append(byID, d.ID) }); err != nil {
				t.Fatal(err)
			}
			slices.Sort(all)
			slices.Sort(byID)
			if got := strings.Join(all, " "); got != tt.want {
				t.Errorf("all: %q, want %q", got, tt.want)
			}
			if got := strings.Join(byID, " "); got != tt.want {
				t.Errorf("by id: %q, want %q", got, tt.want)
			}
		})
	}
}

func TestFreeSaysWhichHalfWasDone(t *testing.T) {
	w := start(t, socket(t), crowd())
	got := map[string]ctl.Done{}
	if err := w.Act(t.Context(), ctl.Free, []string{"H", "D"}, &ctl.Selector{}, func(d ctl.Done) { got[d.ID] = d }); err != nil {
		t.Fatal(err)
	}
	want := map[string]ctl.Done{"H": {ID: "H", Expired: true, Released: true}, "D": {ID: "D", Expired: true}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v", got)
	}
}

func TestManyIDsGoInSeveralRequests(t *testing.T) {
	d := &daemon{}
	var ids []string
	for i := range 2500 {
		id := fmt.Sprintf("ID%05d", i)
		ids = append(ids, id)
		d.entries = append(d.entries, &queue.Entry{Envelope: mail.Envelope{ID: id}})
		d.records = append(d.records, &queue.Record{State: queue.Deferred})
	}
	w := start(t, socket(t), d)
	n := 0
	if err := w.Act(t.Context(), ctl.Delete, ids, &ctl.Selector{}, func(ctl.Done) { n++ }); err != nil || n != len(ids) {
		t.Errorf("%d of %d, %v", n, len(ids), err)
	}
}

func TestAFailureOfOneEntryDoesNotKeepTheOthers(t *testing.T) {
	d := crowd()
	d.err = status.New(451, "4.3.0", "Disk trouble").Because(errors.New("i/o error"))
	w := start(t, socket(t), d)
	failed := 0
	err := w.Act(t.Context(), ctl.Delete, []string{"D", "H"}, &ctl.Selector{}, func(d ctl.Done) {
		if d.Failure == "Disk trouble: i/o error" {
			failed++
		}
	})
	if err != nil || failed != 2 {
		t.Errorf("%d failures, %v", failed, err)
	}
}

func TestBadActionsAndSelectorsAreRefused(t *testing.T) {
	w := start(t, socket(t), crowd())
	for _, sel := range []ctl.Selector{{Queues: []string{"nosuch"}}, {Reason: strings.Repeat("x", 2000)}} {
		err := w.ActAll(t.Context(), ctl.Delete, &sel, func(ctl.Done) {})
		var e *status.Error
		if !errors.As(err, &e) || e.Reply.Code != 501 {
			t.Errorf("%+v: %v", sel, err)
		}
	}
	if err := w.ActAll(t.Context(), "explode", &ctl.Selector{}, func(ctl.Done) {}); err == nil {
		t.Error("an unknown action was done")
	}
	if len(w.asked) > 0 {
		t.Errorf("asked %q", w.asked)
	}
}

func TestListAndFlushTakeSelectors(t *testing.T) {
	w := start(t, socket(t), crowd())
	var got []string
	sel := ctl.Selector{Site: "D.example"}
	if err := w.Client.List(t.Context(), &sel, func(it *ctl.Item) bool { got = append(got, it.ID); return true }); err != nil || !slices.Equal(got, []string{"D"}) {
		t.Errorf("listed %q %v", got, err)
	}
	if n, err := w.Client.Flush(t.Context(), &sel); err != nil || n != 1 {
		t.Errorf("flushed %d %v", n, err)
	}
}

func TestAMessageComesWithItsEnvelope(t *testing.T) {
	d := listed()
	w := start(t, socket(t), d)
	e, r, text, err := w.Message(t.Context(), "CA0D798482C")
	if err != nil {
		t.Fatal(err)
	}
	defer text.Close()
	b, err := io.ReadAll(text)
	if err != nil || string(b) != "Subject: CA0D798482C\r\n\r\ntext\r\n" {
		t.Errorf("text %q %v", b, err)
	}
	if !reflect.DeepEqual(e.Recipients, d.entries[0].Recipients) || e.Size != 254 || !reflect.DeepEqual(r, d.records[0]) {
		t.Errorf("got %+v %+v", e, r)
	}
	if _, _, _, err := w.Message(t.Context(), "NONE"); !errors.Is(err, queue.ErrNotFound) {
		t.Errorf("got %v", err)
	}
}

func TestQuestionsAreAnswered(t *testing.T) {
	w := start(t, socket(t), &daemon{})
	if why, err := w.Client.Why(t.Context(), "A/B"); err != nil || why.Reason != "because of A/B" || why.Attempts != 3 {
		t.Errorf("why: %+v %v", why, err)
	}
	if r, err := w.Route(t.Context(), "a+b@c&d"); err != nil || r != (queue.Route{Transport: "smtp", Nexthop: "next", Recipient: "a+b@c&d"}) {
		t.Errorf("route: %+v %v", r, err)
	}
	if all, err := w.Client.Suspensions(t.Context()); err != nil || len(all) != 1 || all[0].Nexthop != "dead.example" {
		t.Errorf("suspensions: %+v %v", all, err)
	}
}

func TestOrdersReachTheDaemon(t *testing.T) {
	w := start(t, socket(t), &daemon{})
	ctx := t.Context()
	for _, err := range []error{
		w.Client.Suspend(ctx, ctl.Suspension{Nexthop: "Dead.Example", Reason: "they\nasked"}),
		w.Client.Resume(ctx, ctl.Suspension{Nexthop: "[::1]:25"}),
		w.Client.Suspend(ctx, ctl.Suspension{Service: "smtps/inet"}),
		w.Client.Resume(ctx, ctl.Suspension{Service: "127.0.0.1:25/inet"}),
		w.Client.Note(ctx, "tag", "warn", []string{"one", "two"}),
	} {
		if err != nil {
			t.Error(err)
		}
	}
	want := []string{"suspend dead.example they asked true", "resume [::1]:25", "suspend smtps/inet  true", "resume 127.0.0.1:25/inet", "log tag warn one", "log tag warn two"}
	if !slices.Equal(w.asked, want) {
		t.Errorf("asked %q", w.asked)
	}
	for _, s := range []ctl.Suspension{{}, {Nexthop: "a", Service: "b"}} {
		if err := w.Client.Suspend(ctx, s); err == nil {
			t.Errorf("%+v was suspended", s)
		}
	}
	if err := w.Client.Note(ctx, "", "loud", nil); err == nil {
		t.Error("a level that is none was taken")
	}
}

func TestAConnectionBecomesAnSMTPSession(t *testing.T) {
	w := start(t, socket(t), &daemon{})
	conn, err := w.Client.Session(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, "HELO x\n"); err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(conn)
	if want := fmt.Sprintf("%d said HELO x\n", os.Geteuid()); err != nil || string(b) != want {
		t.Errorf("got %q %v", b, err)
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
}

func TestASiteThatIsNotEligibleIsToldApart(t *testing.T) {
	w := start(t, socket(t), &daemon{err: ctl.NotEligible("x.example")})
	_, err := w.Client.FlushSite(t.Context(), "x.example")
	if !ctl.IsNotEligible(err) || ctl.IsNotEligible(queue.ErrNotFound) {
		t.Errorf("got %v", err)
	}
}

func TestSelector(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	e := &queue.Entry{Size: 1000, Envelope: mail.Envelope{Sender: "Joe@Sender.example", Arrived: now.Add(-time.Hour), Recipients: []mail.Recipient{
		{Address: "done@done.example"}, {Address: "bob@Rcpt.example", Original: "alias@here.example"}}}}
	r := &queue.Record{State: queue.Deferred, Recipients: []queue.Progress{{Outcome: queue.Sent},
		{Outcome: queue.Deferred4, Reply: status.Reply{Text: "connect to x: Connection refused"}}}}
	tests := []struct {
		name string
		s    ctl.Selector
		want bool
	}{
		{"nothing set", ctl.Selector{}, true},
		{"the queue", ctl.Selector{Queues: []string{"hold", "deferred"}}, true},
		{"another queue", ctl.Selector{Queues: []string{"hold"}}, false},
		{"the site in any case", ctl.Selector{Site: "RCPT.example"}, true},
		{"the site of a recipient that is done", ctl.Selector{Site: "done.example"}, false},
		{"a parent domain is another site", ctl.Selector{Site: "example"}, false},
		{"the sender", ctl.Selector{Sender: "joe@sender.example"}, true},
		{"the sender's domain", ctl.Selector{Sender: "@sender.example"}, true},
		{"another domain with the same end", ctl.Selector{Sender: "@ender.example"}, false},
		{"a star", ctl.Selector{Sender: "j*@*.example"}, true},
		{"a star that does not fit", ctl.Selector{Sender: "j*z@*.example"}, false},
		{"the null sender", ctl.Selector{Sender: "<>"}, false},
		{"a recipient", ctl.Selector{Recipient: "bob@rcpt.example"}, true},
		{"its original address", ctl.Selector{Recipient: "alias@*"}, true},
		{"a recipient that is done", ctl.Selector{Recipient: "done@*"}, false},
		{"part of the reason", ctl.Selector{Reason: "REFUSED"}, true},
		{"another reason", ctl.Selector{Reason: "timed out"}, false},
		{"old enough", ctl.Selector{Older: time.Hour}, true},
		{"not old enough", ctl.Selector{Older: 2 * time.Hour}, false},
		{"young enough", ctl.Selector{Younger: 2 * time.Hour}, true},
		{"not young enough", ctl.Selector{Younger: time.Hour}, false},
		{"large enough", ctl.Selector{Larger: 999}, true},
		{"not large enough", ctl.Selector{Larger: 1000}, false},
		{"small enough", ctl.Selector{Smaller: 1001}, true},
		{"not small enough", ctl.Selector{Smaller: 1000}, false},
		{"a plugin, of what is not on hold", ctl.Selector{Plugin: "*"}, false},
		{"all of several", ctl.Selector{Site: "rcpt.example", Larger: 1, Reason: "refused"}, true},
		{"not all of several", ctl.Selector{Site: "rcpt.example", Larger: 1, Reason: "timeout"}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.s.Match(now, e, r); got != tt.want {
				t.Errorf("got %v", got)
			}
			back, err := ctl.ParseSelector(tt.s.Query())
			if err != nil || !reflect.DeepEqual(back, tt.s) {
				t.Errorf("it comes back as %+v, %v", back, err)
			}
		})
	}
}

// What a plugin put on hold is found by its name, and only that; why it is on hold is told in words.
func TestWhatAPluginHeldIsFoundByItsName(t *testing.T) {
	for _, c := range []struct{ reason, pattern, decided string }{
		{"plugin words", "words", "plugin words"},
		{"plugin words: has casino", "WORD*", "plugin words"},
		{"quarantine plugin clamav: Eicar", "clamav", "plugin clamav, which put it into quarantine"},
		{"quarantine plugin clamav", "*", "plugin clamav, which put it into quarantine"},
		{ctl.HeldByAdmin, "", "the administrator"},
		{ctl.RequeueReason, "", "the administrator"},
		{"header Subject: plugin words", "", "an access rule, a check or a filter: header Subject: plugin words"},
		{"", "", ""},
	} {
		r := &queue.Record{State: queue.Hold, Reason: c.reason}
		if got := ctl.Decided(c.reason); got != c.decided {
			t.Errorf("%q was decided by %q, want %q", c.reason, got, c.decided)
		}
		for pattern, want := range map[string]bool{c.pattern: true, "*": c.pattern != "", "other": false} {
			if got := (&ctl.Selector{Plugin: pattern}).Match(time.Now(), &queue.Entry{}, r); pattern != "" && got != want {
				t.Errorf("%q is selected by %q: %v", c.reason, pattern, got)
			}
		}
	}
}

func FuzzSelectorPattern(f *testing.F) {
	for _, seed := range [][2]string{{"*", ""}, {"a*b*c", "abc"}, {"**", "x"}, {"a*a", "a"}, {"<>", ""}, {"@x", "y@x"}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, pattern, address string) {
		e := &queue.Entry{Envelope: mail.Envelope{Sender: address}}
		got := (&ctl.Selector{Sender: pattern}).Match(time.Now(), e, &queue.Record{})
		low, lowAddress := strings.ToLower(pattern), strings.ToLower(address)
		switch {
		case pattern == "" && !got:
			t.Error("an empty pattern means every sender")
		case !strings.ContainsAny(pattern, "*@<") && pattern != "" && got != (low == lowAddress):
			t.Errorf("%q and %q: %v", pattern, address, got)
		case strings.Trim(pattern, "*") == "" && pattern != "" && !got:
			t.Errorf("stars do not mean %q", address)
		}
	})
}
