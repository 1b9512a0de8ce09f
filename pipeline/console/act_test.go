package console_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/mtad/mtad/queue"
)

func filled(t *testing.T) *world {
	w := newWorld(t)
	for i := range 12 {
		w.add(fmt.Sprintf("D%02d", i), queue.Deferred, "a@news.test", fmt.Sprintf("u@site%d.test", i%3), "busy", time.Hour)
	}
	w.add("H1", queue.Hold, "boss@own.test", "x@held.test", "", time.Hour)
	return w
}

func TestActionsDoWhatTheQuestionSaid(t *testing.T) {
	for _, c := range []struct {
		query string
		n     int
		did   string
	}{
		{"action=hold&id=D01&id=D02&id=GONE&id=D01", 2, "hold D01,hold D02"},
		{"action=release&id=H1&id=D01", 1, "release H1"},
		{"action=requeue&id=D03", 1, "requeue D03"},
		{"action=expire&id=D03", 1, "expire D03"},
		{"action=flush&id=D03&id=H1", 1, "flush D03"},
		{"action=delete&id=H1", 1, "delete H1"},
		{"action=delete&all=1&site=site1.test", 4, "delete D01,delete D04,delete D07,delete D10"},
		{"action=hold&all=1&sender=*@news.test&older=30m&queue=deferred&site=site2.test", 4, "hold D02,hold D05,hold D08,hold D11"},
		{"action=requeue&all=1&site=site0.test", 4, "requeue D00,requeue D03,requeue D06,requeue D09"},
		{"action=flush&all=1&site=site1.test", 4, "flush 4"},
		{"action=release&all=1", 1, "release H1"},
	} {
		t.Run(c.query, func(t *testing.T) {
			w := filled(t)
			b := w.as("alice")
			question, done := b.confirmed(c.query)
			wants(t, question, 200, fmt.Sprintf(`<span class="figure count">%d</span> message`, c.n))
			wants(t, done, 200, fmt.Sprintf(`<span class="figure count">%d</span> message`, c.n))
			if w.did() != c.did {
				t.Errorf("did %s, want %s", w.did(), c.did)
			}
			if l := w.logged(); !strings.Contains(l, "user=alice client=127.0.0.1") || !strings.Contains(l, ": "+fmt.Sprint(c.n)+" messages, 0 failed") {
				t.Errorf("the log does not tell who did what:\n%s", l)
			}
		})
	}
}

func TestEachMessageHasItsLineInTheLog(t *testing.T) {
	w := filled(t)
	w.as("alice").confirmed("action=delete&all=1&site=site1.test")
	for _, id := range []string{"D01", "D04", "D07", "D10"} {
		if !strings.Contains(w.logged(), id+": console: delete by user=alice client=127.0.0.1") {
			t.Errorf("%s has no line in\n%s", id, w.logged())
		}
	}
}

func TestWhatArrivesAfterTheQuestionIsNotMeant(t *testing.T) {
	w := filled(t)
	b := w.as("alice")
	q := b.get("confirm?action=delete&all=1&site=site1.test")
	_, body, _ := strings.Cut(q.text, `action="/console/act"`)
	form := url.Values{}
	for _, m := range hiddenField.FindAllStringSubmatch(body, -1) {
		form.Add(m[1], m[2])
	}
	w.mu.Lock()
	w.add("NEW", queue.Deferred, "a@news.test", "u@site1.test", "busy", -time.Second)
	w.mu.Unlock()
	wants(t, b.do("POST", "act", form), 200)
	if strings.Contains(w.did(), "NEW") || !strings.Contains(w.did(), "D10") {
		t.Errorf("did %s", w.did())
	}
}

func TestFailuresAreShown(t *testing.T) {
	w := filled(t)
	w.add("FAIL1", queue.Deferred, "a@b.test", "c@site1.test", "", time.Hour)
	_, done := w.as("alice").confirmed("action=hold&all=1&site=site1.test")
	wants(t, done, 200, `<span class="figure count">4</span> messages done`, "1 failed", "FAIL1", "Disk trouble")
}

func TestEverythingIsAskedForByName(t *testing.T) {
	w := filled(t)
	b := w.as("alice")
	wants(t, b.get("confirm?action=delete&all=1"), 200, `<span class="figure count">13</span> messages`, "every message")
	wants(t, b.get("confirm?action=delete&all=1&site=nowhere.test"), 200, "no such message")
	before := fmt.Sprint(time.Now().UnixNano())
	for name, form := range map[string]url.Values{
		"without anything chosen":  {"action": {"delete"}, "before": {before}},
		"without a time":           {"action": {"delete"}, "all": {"1"}},
		"at a time to come":        {"action": {"delete"}, "all": {"1"}, "before": {fmt.Sprint(time.Now().Add(time.Hour).UnixNano())}},
		"of an unknown kind":       {"action": {"explode"}, "id": {"D01"}},
		"with ids and everything":  {"action": {"delete"}, "id": {"D01"}, "all": {"1"}, "before": {before}},
		"with a bad selector":      {"action": {"delete"}, "all": {"1"}, "older": {"x"}, "before": {before}},
		"with an id of no message": {"action": {"delete"}, "id": {strings.Repeat("x", 300)}},
		"with a time of no number": {"action": {"delete"}, "all": {"1"}, "before": {"now"}},
	} {
		if a := b.post("act", form); a.code != 400 {
			t.Errorf("an action %s: status %d", name, a.code)
		}
	}
	if w.did() != "" {
		t.Errorf("did %s", w.did())
	}
	for name, form := range map[string]url.Values{
		"without a destination":      {"nexthop": {" "}},
		"to a destination of words":  {"nexthop": {"a b"}},
		"for a time that is no time": {"nexthop": {"a.test"}, "for": {"x"}},
	} {
		if a := b.post("suspend", form); a.code != 400 {
			t.Errorf("suspend %s: status %d", name, a.code)
		}
	}
}
