package console_test

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/pipeline/hook/trace"
	"github.com/mtad/mtad/queue"
)

func TestTheOverviewShowsStatesShapeRatesAndSuspensions(t *testing.T) {
	w := newWorld(t)
	for i := range 30 {
		w.add(fmt.Sprintf("D%02d", i), queue.Deferred, "a@news.test", fmt.Sprintf("u@site%02d.test", i), "busy", 7*time.Minute)
	}
	w.add("H1", queue.Hold, "", "x@held.test", "", time.Hour)
	w.rates.Accepted()
	for range 3 {
		w.rates.Delivered(queue.Sent, time.Millisecond, 20*time.Millisecond, 3*time.Second, 0)
	}
	w.rates.Delivered(queue.Deferred4, 0, 0, 0, 0)
	w.rates.Delivered(queue.Bounced, 0, 0, 0, 0)
	b := w.as("alice")
	wants(t, b.post("suspend", url.Values{"nexthop": {"MX.Slow.test"}, "reason": {"their wish"}, "for": {"2h"}}), 303)
	a := b.get("")
	wants(t, a, 200, `<span class="label">deferred</span><span class="figure">30</span>`, `<span class="label">hold</span><span class="figure">1</span>`,
		"site00.test", "(others)", `<td class="num h5">1</td>`, "mx.slow.test", "their wish", "version 1.2.3",
		`</span>sent</th><td class="num">3</td><td class="num">3</td><td class="num">3</td><td class="num">0.3</td>`,
		`</span>bounced</th><td class="num">1</td>`, `<b>c</b> connecting</th><td class="num">1.8 s</td><td class="num">4.1 s</td><td class="num">4.1 s</td>`)
	lacks(t, a, "held.test", `http-equiv="refresh"`, "<script", "style=")
	wants(t, b.get("?by=sender"), 200, "news.test", `sender=@news.test`)
	wants(t, b.get("?held=1"), 200, "held.test")
	wants(t, b.get("?held=1&by=sender"), 200, "&lt;&gt;")
	wants(t, b.get("?live=1"), 200, `<meta http-equiv="refresh" content="10">`)
	wants(t, b.get("plugins"), 200, "nospam", "4711", "815", "shadow", "3.0 MiB", "2.0 s", "1 ms")
	wants(t, b.post("resume", url.Values{"nexthop": {"mx.slow.test"}}), 303)
	wants(t, b.post("resume", url.Values{"nexthop": {"mx.slow.test"}}), 404, "is not suspended")
	if w.did() != "resume mx.slow.test,suspend mx.slow.test (their wish) true" {
		t.Errorf("did %s", w.did())
	}
}

func TestTheQueueIsPagedAndSelected(t *testing.T) {
	w := newWorld(t)
	for i := range 120 {
		w.add(fmt.Sprintf("A%03d", i), queue.Deferred, "a@news.test", fmt.Sprintf("u@site%d.test", i%2), "mailbox full", time.Duration(i)*time.Hour)
	}
	w.add("ZHELD", queue.Hold, "boss@own.test", "x@held.test", "", time.Hour)
	w.records["ZHELD"].Reason = "quarantine plugin antivirus: Eicar"
	b := w.as("eve")
	for _, c := range []struct {
		query     string
		has, lack []string
	}{
		{"", []string{"1–50 of more", ">A000<", ">A049<", "skip=50", "u@site1.test"}, []string{">A050<", `name="action"`}},
		{"?skip=100", []string{"101–121", ">A119<", ">ZHELD<", "skip=50"}, []string{"skip=150"}},
		{"?queue=hold", []string{">ZHELD<", "1–1"}, []string{">A000<"}},
		{"?site=site1.test&older=2d&younger=3d", []string{">A049<", ">A071<"}, []string{">A047<", ">A048<", ">A073<"}},
		{"?sender=*@own.test", []string{">ZHELD<"}, []string{">A000<"}},
		{"?reason=Mailbox+Full&smaller=10k&larger=1k&skip=100", []string{"101–120", "mailbox full"}, []string{">ZHELD<"}},
		{"?plugin=Anti*", []string{">ZHELD<", "1–1 that fit", `value="Anti*"`}, []string{">A000<"}},
		{"?plugin=greylist", []string{"No message fits"}, nil},
		{"?recipient=nobody@nowhere.test", []string{"No message fits"}, nil},
	} {
		t.Run(c.query, func(t *testing.T) {
			a := b.get("queue" + c.query)
			wants(t, a, 200, c.has...)
			lacks(t, a, c.lack...)
		})
	}
	for _, bad := range []string{"queue=nowhere", "older=soon", "larger=-1", "skip=-1", "skip=99999999", "younger=0h", "site=" + strings.Repeat("x", 2000)} {
		if a := b.get("queue?" + bad); a.code != 400 {
			t.Errorf("%.40s: status %d", bad, a.code)
		}
	}
}

func TestAMessageTellsItsStory(t *testing.T) {
	w := newWorld(t)
	w.add("4F2A7C0", queue.Deferred, "sender@own.test", "someone@live.test", "try again later", 90*time.Minute)
	fmt.Fprint(w.journal, "Nov 23 01:02:03 mail postfix/smtp[1]: 4F2A7C0: to=<someone@live.test>, status=deferred (try again later)\n"+
		"Nov 23 01:02:04 mail postfix/smtp[1]: 4F2A7C00: of another\n"+
		"{\"service\":\"postfix/qmgr\",\"event\":\"x\",\"id\":\"4F2A7C0\"}\n"+
		"Nov 23 01:02:05 mail postfix/qmgr[1]: GONE1: removed\n")
	if err := w.tracer.Start(trace.Rule{Until: time.Now().Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	w.tracer.Add(&trace.Record{Origin: "smtp"}, trace.About{ID: "4F2A7C0", Sender: "sender@own.test"},
		trace.Step{Hook: "eom", Plugin: "nospam", Verdict: "continue", Took: 3 * time.Millisecond, Diff: "+X-Seen: yes", Log: []string{"looked at it"}})
	b := w.as("alice")
	a := b.get("message/4F2A7C0")
	wants(t, a, 200, "sender@own.test", "1 h 30 min ago", "4.0 KiB", "client.test[192.0.2.7]", "451 4.3.0 try again later", "mx.test[192.0.2.1]:25",
		"transport <b>smtp</b>", "mx.live.test", "it does not answer", "Subject: 4F2A7C0", "<time>Nov 23 01:02:03</time><b>smtp</b> <bdi>to=&lt;someone@live.test&gt;, status=deferred", `<span class="dot k2">`, `id&#34;:&#34;4F2A7C0`, "nospam", "&#43;X-Seen: yes", "looked at it", `value="hold"`)
	lacks(t, a, "secret body", "of another", "show the whole text", `value="release"`)
	wants(t, b.get("message/4F2A7C0/text"), 403, "may not")
	reader := w.as("reader")
	wants(t, reader.get("message/4F2A7C0"), 200, "show the whole text")
	wants(t, reader.get("message/4F2A7C0/text"), 200, "the secret body")
	if !strings.Contains(w.logged(), "4F2A7C0: console: shown its text by user=reader client=127.0.0.1") {
		t.Errorf("the log does not say who read the text:\n%s", w.logged())
	}
	wants(t, b.get("message/GONE1"), 404, "not in the queue any more", "<b>qmgr</b> <bdi>removed</bdi>")
	wants(t, b.get("message/NEVER"), 404, "nothing is known")
	wants(t, reader.get("message/"+strings.Repeat("x", 300)), 404)
}

func TestWhatStrangersWroteIsHarmless(t *testing.T) {
	w := newWorld(t)
	evil := "\"><script>alert(1)</script>\u202egnp.exe\x1b[31m\u200b\xff"
	w.add("EVIL", queue.Deferred, evil+"@evil.test", "to"+evil+"@victim.test", evil, time.Minute)
	w.texts["EVIL"] = "Subject: " + evil + "\r\n\tfolded\r\nX: \u2066y\r\n\r\n</pre><img src=x onerror=alert(1)>\x00"
	fmt.Fprint(w.journal, "Nov 23 01:02:03 mail postfix/smtp[1]: EVIL: "+evil+"\n")
	b := w.as("reader")
	w.post(t, b, evil)
	for _, path := range []string{"", "?by=sender", "queue", "message/EVIL", "message/EVIL/text", "confirm?action=delete&id=EVIL",
		"confirm?action=hold&all=1&reason=" + url.QueryEscape("script>"), "queue?site=" + url.QueryEscape(evil)} {
		t.Run(path, func(t *testing.T) {
			a := b.get(path)
			wants(t, a, 200)
			lacks(t, a, "<script", "<img", "\x00")
			a.text = valueField.ReplaceAllString(a.text, "") // a form must carry what was meant, as it is
			lacks(t, a, "<script", "<img", "\u202e", "\u2066", "\u200b", "\x1b", "\xff", "\x00")
			if strings.HasPrefix(path, "message") {
				wants(t, a, 200, "&lt;script&gt;", "⟨U&#43;202E⟩", "⟨U&#43;001B⟩", "⟨FF⟩")
			}
		})
	}
}

var valueField = regexp.MustCompile(`value="[^"]*"`)

// post suspends a destination of a hostile name, which the console refuses to make worse.
func (w *world) post(t *testing.T, b *browser, evil string) {
	t.Helper()
	wants(t, b.post("suspend", url.Values{"nexthop": {"a" + evil + ".test"}, "reason": {evil}}), 303)
}

func TestTroubleOfTheDaemonIsAPageWithoutItsCause(t *testing.T) {
	w := newWorld(t)
	b := w.as("eve")
	w.err = status.New(451, "4.3.0", "Queue trouble").Because(errTrouble)
	a := b.get("")
	wants(t, a, 503, "Queue trouble")
	lacks(t, a, errTrouble.Error())
	if !strings.Contains(w.logged(), errTrouble.Error()) {
		t.Error("the log does not tell the cause")
	}
}
