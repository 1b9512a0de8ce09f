package hook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/maillog"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/plugins/sdk"
	"github.com/mtad/mtad/queue"
)

// value is a plugin made of a value with hooks.
type value struct {
	name string
	p    sdk.Plugin
}

func (v value) Manifest() sdk.Manifest {
	return sdk.Manifest{Name: v.name, Kind: "test", Hooks: sdk.HooksOf(v.p)}
}
func (v value) Call(_ context.Context, p sdk.Point, h sdk.Host) (a sdk.Action, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	return sdk.Answer(h, sdk.Dispatch(v.p, p, sdk.Tx{Host: h})), nil
}
func (value) Close(context.Context) error { return nil }

func with(name string, p sdk.Plugin, allow ...string) Plugin {
	granted := map[string]bool{}
	for _, a := range allow {
		granted[a] = true
	}
	return Plugin{Module: value{name, p}, Allow: granted}
}

type (
	rewriter  func(tx sdk.Tx) sdk.Verdict
	routing   func(tx sdk.Tx) sdk.Verdict
	deliverer func(tx sdk.Tx) sdk.Verdict
	lookuper  func(tx sdk.Tx) sdk.Verdict
	bodyer    func(tx sdk.Tx) sdk.Verdict
	eomer     func(tx sdk.Tx) sdk.Verdict
	eventer   func(tx sdk.Tx)
)

func (f rewriter) Rewrite(tx sdk.Tx) sdk.Verdict  { return f(tx) }
func (f routing) Route(tx sdk.Tx) sdk.Verdict     { return f(tx) }
func (f deliverer) Deliver(tx sdk.Tx) sdk.Verdict { return f(tx) }
func (f lookuper) Lookup(tx sdk.Tx) sdk.Verdict   { return f(tx) }
func (f bodyer) Body(tx sdk.Tx) sdk.Verdict       { return f(tx) }
func (f eomer) EOM(tx sdk.Tx) sdk.Verdict         { return f(tx) }
func (f eventer) Event(tx sdk.Tx)                 { f(tx) }

func TestRewriteSeesWhatThoseBeforeMadeOfTheAddress(t *testing.T) {
	plus := with("plus", rewriter(func(tx sdk.Tx) sdk.Verdict {
		local, domain, _ := strings.Cut(tx.RewriteAddr(), "@")
		if base, _, ok := strings.Cut(local, "+"); ok && tx.RewriteClass() == EnvelopeRecipient {
			return sdk.FoundAddr(base + "@" + domain)
		}
		return sdk.Continue
	}))
	upper := with("upper", rewriter(func(tx sdk.Tx) sdk.Verdict { return sdk.FoundAddr(strings.ToUpper(tx.RewriteAddr())) }))
	origin := mail.Origin{Kind: mail.KindSMTP}
	m := NewSet([]Plugin{plus, upper}, Options{}).Session(&origin).Begin(&mail.Envelope{})
	for _, c := range []struct{ class, address, want string }{
		{EnvelopeRecipient, "a+b@x", "A@X"}, {EnvelopeSender, "a+b@x", "A+B@X"}, {EnvelopeSender, "", ""},
	} {
		if got, e := m.Rewrite(context.Background(), c.class, c.address); got != c.want || e != nil {
			t.Errorf("%s %s becomes %s, %v; want %s", c.class, c.address, got, e, c.want)
		}
	}
}

func TestABadAnswerIsAFailureOfThePlugin(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer func(tx sdk.Tx) sdk.Verdict
	}{
		{"found and nothing said", func(sdk.Tx) sdk.Verdict { return sdk.Found }},
		{"an address that smuggles", func(sdk.Tx) sdk.Verdict { return sdk.FoundAddr("a@b> SIZE=1\r\nRCPT TO:<c@d") }},
		{"an empty address", func(sdk.Tx) sdk.Verdict { return sdk.FoundAddr("") }},
		{"a refusal, which nobody is there to get", func(sdk.Tx) sdk.Verdict { return sdk.Reject("5.7.1", "no") }},
	} {
		for policy, code := range map[OnError]int{FailTemp: 451, FailReject: 451, FailContinue: 0} {
			p := with("bad", rewriter(c.answer))
			p.OnError = policy
			origin := mail.Origin{Kind: mail.KindSMTP}
			got, e := NewSet([]Plugin{p}, Options{}).Session(&origin).Begin(&mail.Envelope{}).Rewrite(context.Background(), EnvelopeSender, "a@b")
			if codeOf(e) != code || got != "a@b" {
				t.Errorf("%s with policy %d: %q, %v", c.name, policy, got, e)
			}
		}
	}
}

func TestAHeaderAddressStaysOneAddress(t *testing.T) {
	for _, c := range []struct {
		class, result string
		ok            bool
	}{
		{HeaderSender, "a@b", true}, {HeaderRecipient, "a,c@b", false}, {HeaderSender, `"a,c"@b`, true}, {HeaderSender, `"a\"(,c"@b`, true},
		{HeaderSender, "a@[IPv6:2001:db8::1]", true}, {HeaderSender, "a@b(c)", false}, {EnvelopeSender, "a,c@b", true},
	} {
		origin := mail.Origin{Kind: mail.KindSMTP}
		set := NewSet([]Plugin{with("p", rewriter(func(sdk.Tx) sdk.Verdict { return sdk.FoundAddr(c.result) }))}, Options{})
		got, e := set.Session(&origin).Begin(&mail.Envelope{}).Rewrite(context.Background(), c.class, "x@y")
		if (e == nil) != c.ok || c.ok && got != c.result {
			t.Errorf("%s %s: %q, %v", c.class, c.result, got, e)
		}
	}
}

// fixed is a resolver that always knows the same way.
type fixed struct{ err error }

func (f fixed) Resolve(_ context.Context, _ *mail.Envelope, r mail.Recipient) (queue.Route, error) {
	return queue.Route{Transport: "smtp", Nexthop: "default", Recipient: r.Address}, f.err
}

func TestRouteChangesTheHalvesThatItNames(t *testing.T) {
	set := NewSet([]Plugin{with("router", routing(func(tx sdk.Tx) sdk.Verdict {
		transport, nexthop := tx.Route()
		switch tx.Rcpt() {
		case "both@x":
			return sdk.FoundRoute("lmtp", "unix:/run/lmtp")
		case "hop@x":
			return sdk.FoundRoute("", "was-"+nexthop)
		case "transport@x":
			return sdk.FoundRoute("not-"+transport, "")
		case "later@x":
			return sdk.Tempfail("4.3.1", "later")
		case "died@x":
			panic("died")
		case "bad@x":
			return sdk.FoundRoute("a b", "")
		}
		return sdk.Continue
	})), with("second", routing(func(tx sdk.Tx) sdk.Verdict {
		if tx.Rcpt() == "both@x" {
			t.Error("a route is found, and another plugin was asked")
		}
		return sdk.Continue
	}))}, Options{})
	r := set.Resolver(fixed{})
	for _, c := range []struct{ rcpt, filter, want string }{
		{"both@x", "", "lmtp:unix:/run/lmtp"}, {"hop@x", "", "smtp:was-default"}, {"transport@x", "", "not-smtp:default"},
		{"other@x", "", "smtp:default"}, {"both@x", "smtp:[127.0.0.1]:10025", "smtp:default"},
		{"later@x", "", "451 4.3.1 later"}, {"died@x", "", "451 4.3.0 Content filter temporarily unavailable"},
		{"bad@x", "", "451 4.3.0 Content filter temporarily unavailable"},
	} {
		way, err := r.Resolve(context.Background(), &mail.Envelope{Filter: c.filter}, mail.Recipient{Address: c.rcpt})
		got := way.Transport + ":" + way.Nexthop
		if err != nil {
			got = status.From(err).Reply.String()
		}
		if got != c.want {
			t.Errorf("%s goes to %s, want %s", c.rcpt, got, c.want)
		}
	}
	if _, err := set.Resolver(fixed{errors.New("down")}).Resolve(context.Background(), &mail.Envelope{}, mail.Recipient{}); err == nil {
		t.Error("an error of the resolver was hidden")
	}
	if next := (fixed{}); NewSet(nil, Options{}).Resolver(next) != queue.Resolver(next) {
		t.Error("without a plugin there is something between")
	}
}

func request(rcpts ...string) *queue.Request {
	e := &queue.Entry{Envelope: mail.Envelope{ID: "Q1", Sender: "a@b", Origin: mail.Origin{Kind: mail.KindSMTP}}}
	var list []mail.Recipient
	for _, r := range rcpts {
		list = append(list, mail.Recipient{Address: r})
	}
	text := "Subject: hi\r\nX: " + strings.Repeat("y", 9000) + "\r\n\r\nthe body\r\n"
	return &queue.Request{Entry: e, Transport: "json", Nexthop: "hop", Recipients: list,
		Open: func() (mail.Content, error) { return mail.Bytes(text), nil }}
}

func deliver(p Plugin, req *queue.Request) string {
	var words []string
	for _, r := range NewSet([]Plugin{p}, Options{}).Agents()["json"].Deliver(context.Background(), req) {
		words = append(words, r.Outcome.String()+"/"+r.Reply.String()+"/"+r.Relay)
	}
	return strings.Join(words, " | ")
}

func TestDeliverReportsEachRecipient(t *testing.T) {
	const unsaid = "deferred/451 4.3.0 the plugin said nothing of this recipient/json"
	for _, c := range []struct {
		name string
		fn   deliverer
		want string
	}{
		{"each its own", func(tx sdk.Tx) sdk.Verdict {
			tx.Sent(0, "written")
			tx.Deferred(1, "4.2.2", "full")
			tx.Bounced(2, "5.1.1", "unknown")
			return sdk.Continue
		}, "sent/250 2.0.0 written/json | deferred/451 4.2.2 full/json | bounced/550 5.1.1 unknown/json"},
		{"what is not said is deferred", func(tx sdk.Tx) sdk.Verdict { tx.Sent(1, "ok"); return sdk.Continue },
			unsaid + " | sent/250 2.0.0 ok/json | " + unsaid},
		{"tempfail is for the rest", func(tx sdk.Tx) sdk.Verdict { tx.Sent(0, "ok"); return sdk.Tempfail("4.4.1", "gone") },
			"sent/250 2.0.0 ok/json | deferred/451 4.4.1 gone/json | deferred/451 4.4.1 gone/json"},
		{"a plugin that dies delivered nothing", func(tx sdk.Tx) sdk.Verdict { tx.Sent(0, "ok"); panic("died") },
			"deferred/451 4.3.0 Content filter temporarily unavailable/json | deferred/451 4.3.0 Content filter temporarily unavailable/json | deferred/451 4.3.0 Content filter temporarily unavailable/json"},
		{"the relay has a name", func(tx sdk.Tx) sdk.Verdict {
			tx.Host.Set("deliver.relay", "disk\r\n[1]")
			tx.Sent(0, "a\r\nb")
			tx.Sent(1, "")
			tx.Sent(2, "")
			return sdk.Continue
		}, "sent/250 2.0.0 a  b/disk  [1] | sent/250 2.0.0/disk  [1] | sent/250 2.0.0/disk  [1]"},
		{"nonsense is refused", func(tx sdk.Tx) sdk.Verdict {
			for i, e := range []sdk.Errno{tx.Host.RcptStatus(3, 250, "", ""), tx.Host.RcptStatus(-1, 250, "", ""),
				tx.Host.RcptStatus(0, 354, "", ""), tx.Host.RcptStatus(0, 250, "5.0.0", ""), tx.Host.HdrAdd("X", "y", 0)} {
				if e == sdk.OK {
					t.Errorf("call %d was taken", i)
				}
			}
			return sdk.Continue
		}, unsaid + " | " + unsaid + " | " + unsaid},
		{"it reads message and envelope", func(tx sdk.Tx) sdk.Verdict {
			b, _ := io.ReadAll(tx.Body())
			whole, _ := io.ReadAll(tx.Message())
			transport, nexthop := tx.Route()
			got := fmt.Sprint(string(b), len(whole), tx.Header("subject"), tx.Sender(), tx.Recipients(), tx.QueueID(), transport, nexthop)
			if want := "the body\r\n9030hia@b[r1 r2 r3]Q1jsonhop"; got != want {
				t.Errorf("it reads %q, want %q", got, want)
			}
			return sdk.Tempfail("4.0.0", "x")
		}, "deferred/451 4.0.0 x/json | deferred/451 4.0.0 x/json | deferred/451 4.0.0 x/json"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := deliver(with("json", c.fn, sdk.CapDeliver, sdk.CapEdit), request("r1", "r2", "r3")); got != c.want {
				t.Fatalf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestWithoutTheCapabilityNothingIsDelivered(t *testing.T) {
	got := deliver(with("json", deliverer(func(tx sdk.Tx) sdk.Verdict { tx.Sent(0, "ok"); return sdk.Continue })), request("r"))
	if !strings.HasPrefix(got, "deferred/") {
		t.Fatal(got)
	}
}

func TestALookupIsATable(t *testing.T) {
	set := NewSet([]Plugin{with("t", lookuper(func(tx sdk.Tx) sdk.Verdict {
		switch tx.LookupKey() {
		case "key":
			return sdk.FoundValue("value")
		case "empty":
			return sdk.FoundValue("")
		case "later":
			return sdk.Tempfail("4.3.0", "later")
		case "dies":
			panic("died")
		case "huge":
			return sdk.FoundValue(strings.Repeat("x", maxValue+1))
		}
		return sdk.Continue
	})), with("none", rewriter(nil))}, Options{})
	tab, err := set.Table("t")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		key, value string
		found, err bool
	}{{"key", "value", true, false}, {"empty", "", true, false}, {"other", "", false, false},
		{"later", "", false, true}, {"dies", "", false, true}, {"huge", "", false, true}} {
		v, found, err := tab.Lookup(context.Background(), c.key)
		if v != c.value || found != c.found || (err != nil) != c.err {
			t.Errorf("%s: %q %v %v", c.key, v, found, err)
		}
	}
	for _, name := range []string{"none", "missing"} {
		if _, err := set.Table(name); err == nil {
			t.Errorf("%s is a table", name)
		}
	}
}

func TestTheBodyComesInChunksInOrder(t *testing.T) {
	for _, size := range []int{0, 1, ChunkSize - 1, ChunkSize, ChunkSize + 1, 3*ChunkSize + 7} {
		var got []byte
		calls := 0
		p := with("p", bodyer(func(tx sdk.Tx) sdk.Verdict {
			b, _ := io.ReadAll(tx.Chunk())
			calls++
			if len(b) == 0 || len(b) > ChunkSize || tx.Property("body.offset") != fmt.Sprint(len(got)) {
				t.Errorf("a chunk of %d bytes at %s, %d came before", len(b), tx.Property("body.offset"), len(got))
			}
			got = append(got, b...)
			if tx.Host.HdrCount() != 1 || tx.Host.HdrAdd("X", "y", 0) != sdk.ErrStage {
				t.Error("the header is to be read and not to be changed")
			}
			return sdk.Continue
		}), sdk.CapEdit)
		body := bytes.Repeat([]byte("0123456789"), size/10+1)[:size]
		rest := append([]byte("\r\n"), body...)
		origin := mail.Origin{Kind: mail.KindSMTP}
		m := NewSet([]Plugin{p}, Options{}).Session(&origin).Begin(&mail.Envelope{})
		m.Headers(context.Background(), mail.ParseHeader([]byte("A: b\r\n")))
		for n := 0; n < len(rest); n = min(n+5000, len(rest)) {
			m.Body(context.Background(), Arrived{Size: int64(n), BodyOff: 2}, func() mail.Content { return mail.Bytes(rest[:n]) })
		}
		m.Body(context.Background(), Arrived{Size: int64(len(rest)), BodyOff: 2, Last: true}, func() mail.Content { return mail.Bytes(rest) })
		if !bytes.Equal(got, body) || calls != (size+ChunkSize-1)/ChunkSize {
			t.Errorf("%d bytes: %d came in %d chunks", size, len(got), calls)
		}
	}
}

func TestARefusalInTheBodyEndsIt(t *testing.T) {
	p := with("p", bodyer(func(sdk.Tx) sdk.Verdict { return sdk.Reject("5.6.0", "no") }))
	origin := mail.Origin{Kind: mail.KindSMTP}
	m := NewSet([]Plugin{p}, Options{}).Session(&origin).Begin(&mail.Envelope{})
	e := m.Body(context.Background(), Arrived{Size: 10, Last: true}, func() mail.Content { return mail.Bytes("0123456789") })
	if codeOf(e) != 550 {
		t.Fatal(e)
	}
}

func TestEventsComeInOrderAndCannotBlock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []string
		gate := make(chan struct{})
		set := NewSet([]Plugin{with("log", eventer(func(tx sdk.Tx) {
			<-gate
			got = append(got, strings.Join([]string{tx.EventKind(), tx.QueueID(), tx.Property("event.rcpt"), tx.Rcpt(), tx.Property("event.reply"),
				tx.Property("event.dsn"), tx.Property("event.relay"), tx.Property("event.time"), tx.Sender()}, ","))
		}))}, Options{})
		lost := 0
		o := NewEvents(set, func() { lost++ })
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { o.Run(ctx); close(done) }()
		e := &queue.Entry{Envelope: mail.Envelope{ID: "Q1", Sender: "s@x"}}
		at := time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC)
		o.Tell(queue.Event{Kind: "queued", Entry: e, At: at})
		o.Tell(queue.Event{Kind: "sent", Entry: e, At: at, Recipient: "r@y", Result: &queue.Result{Relay: "mx[1.2.3.4]:25",
			Reply: status.Reply{Code: 250, Enhanced: "2.1.5", Text: "ok"}}})
		synctest.Wait()
		for range EventBacklog + 10 {
			o.Tell(queue.Event{Kind: "removed", Entry: e, At: at})
		}
		if lost != 11 { // one event waits besides the one that is being told
			t.Errorf("%d events were lost, want 11", lost)
		}
		close(gate)
		cancel()
		<-done
		want := []string{"queued,Q1,,,,,,2024-05-06T07:08:09.000Z,s@x",
			"sent,Q1,r@y,r@y,250 2.1.5 ok,2.1.5,mx[1.2.3.4]:25,2024-05-06T07:08:09.000Z,s@x"}
		if len(got) < 3 || got[0] != want[0] || got[1] != want[1] || len(got) != EventBacklog+1 {
			t.Errorf("%d events: %q", len(got), got[:min(len(got), 3)])
		}
	})
}

func TestAFailingEventPluginIsLoggedAndHarmsNothing(t *testing.T) {
	var out bytes.Buffer
	l := maillog.New(maillog.Options{Writer: &out})
	told := 0
	set := NewSet([]Plugin{with("bad", eventer(func(sdk.Tx) { panic("died") })), with("good", eventer(func(sdk.Tx) { told++ }))},
		Options{Log: l.Service("plugin")})
	o := NewEvents(set, nil)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	o.Tell(queue.Event{Kind: "removed"})
	o.Run(ctx)
	l.Flush()
	if told != 1 || !strings.Contains(out.String(), "plugin bad: event failed: panic: died") {
		t.Fatalf("%d, %s", told, out.String())
	}
}

func TestABodyThatWasReplacedIsGivenBackWhenALaterPluginRefuses(t *testing.T) {
	var body *text
	replace := plug("replace", func(_ sdk.Point, h sdk.Host) (sdk.Action, error) {
		sdk.Tx{Host: h}.ReplaceBody(strings.NewReader("new"))
		body = h.(*host).body.(*text)
		return sdk.ActContinue, nil
	})
	_, _, e := try(t, mail.KindSMTP, replace, verdict("no", sdk.Reject("5.7.1", "no")))
	if codeOf(e) != 550 || !body.aborted {
		t.Fatalf("%v, given back: %v", e, body.aborted)
	}
}

func TestShadowPluginsAnswerNothing(t *testing.T) {
	p := with("s", rewriter(func(sdk.Tx) sdk.Verdict { return sdk.FoundAddr("other@x") }))
	p.Shadow = true
	origin := mail.Origin{Kind: mail.KindSMTP}
	got, e := NewSet([]Plugin{p}, Options{}).Session(&origin).Begin(&mail.Envelope{}).Rewrite(context.Background(), EnvelopeSender, "a@b")
	if got != "a@b" || e != nil {
		t.Fatalf("%s, %v", got, e)
	}
}

// In shadow mode a plugin is asked at every hook about queued mail, and nothing comes of it: the way
// stays, a table has nothing, a transport delivers nothing and loses nothing.
func TestShadowChangesNothingAboutQueuedMail(t *testing.T) {
	var asked []string
	p := plug("quiet", func(pt sdk.Point, h sdk.Host) (sdk.Action, error) {
		asked = append(asked, pt.String())
		h.Set("rewrite.result", "other@x.test")
		h.Set("route.transport", "elsewhere")
		h.Set("lookup.value", "value")
		h.RcptStatus(0, 550, "5.1.1", "nobody")
		if pt == sdk.PointDeliver || pt == sdk.PointEvent {
			return sdk.ActContinue, nil
		}
		return sdk.ActFound, nil
	})
	p.Shadow, p.Allow[sdk.CapDeliver] = true, true
	set := NewSet([]Plugin{p}, Options{})
	ctx := context.Background()
	env := &mail.Envelope{ID: "ID1", Sender: "a@b.test", Recipients: []mail.Recipient{{Address: "c@d.test"}}}
	if got, e := set.Session(&env.Origin).Begin(env).Rewrite(ctx, EnvelopeSender, "a@b.test"); got != "a@b.test" || e != nil {
		t.Errorf("rewrite: %s %v", got, e)
	}
	table, err := set.Table("quiet")
	if err != nil {
		t.Fatal(err)
	}
	if v, found, err := table.Lookup(ctx, "k"); v != "" || found || err != nil {
		t.Errorf("lookup: %q %v %v", v, found, err)
	}
	r := set.Resolver(fixed{})
	if way, err := r.Resolve(ctx, env, env.Recipients[0]); way.Transport != "smtp" || way.Nexthop != "default" || err != nil {
		t.Errorf("route: %+v %v", way, err)
	}
	res := set.Agents()["quiet"].Deliver(ctx, &queue.Request{Entry: &queue.Entry{Envelope: *env}, Recipients: env.Recipients,
		Open: func() (mail.Content, error) { return mail.Bytes("Subject: x\r\n\r\nbody\r\n"), nil }})
	if len(res) != 1 || res[0].Outcome != queue.Deferred4 {
		t.Errorf("deliver: %+v", res)
	}
	events := NewEvents(set, nil)
	events.Tell(queue.Event{Kind: "sent", Entry: &queue.Entry{Envelope: *env}})
	done, cancel := context.WithCancel(ctx)
	cancel()
	events.Run(done)
	if got := strings.Join(asked, " "); got != "rewrite lookup route deliver event" {
		t.Errorf("it was asked at %s", got)
	}
}
