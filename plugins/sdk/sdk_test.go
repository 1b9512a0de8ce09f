package sdk

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
)

// fake is a host with properties, one table of records and a body.
type fake struct {
	Host
	props map[string]string
	body  string
	calls []string
}

func (f *fake) Get(key string) (string, Errno) {
	if v, ok := f.props[key]; ok {
		return v, OK
	}
	return "", ErrNotFound
}
func (f *fake) Set(key, value string) Errno {
	f.calls = append(f.calls, key+"="+value)
	return OK
}
func (f *fake) Reply(code int, enhanced, text string) Errno {
	f.calls = append(f.calls, fmt.Sprint(code, " ", enhanced, " ", text))
	return OK
}
func (f *fake) BodyRead(off int64, p []byte) (int, Errno) {
	return copy(p, f.body[min(int(off), len(f.body)):]), OK
}
func (f *fake) MapGet(_, key string) (string, Errno) {
	return map[string]string{"there": "value"}[key], map[string]Errno{"none": ErrNotFound, "down": ErrAgain}[key]
}
func (f *fake) DNS(_ DNSType, name string) (string, Errno) {
	if name == "none" {
		return "", ErrNotFound
	}
	return "10 a.\n20 b.", OK
}
func (f *fake) Words(set string, _ Text, _ int64) (Match, Errno) {
	if set == "down" {
		return Match{}, ErrAgain
	}
	return Match{Found: "word"}, map[string]Errno{"none": ErrNotFound}[set]
}
func (f *fake) RcptStatus(i, code int, enhanced, text string) Errno {
	f.calls = append(f.calls, fmt.Sprint(i, " ", code, " ", enhanced, " ", text))
	return OK
}

// everything has every hook; each answers with its own name.
type everything struct{}

func say(name string) Verdict { return Reject("5.0.0", name) }

func (everything) Connect(Tx) Verdict { return say("connect") }
func (everything) Helo(Tx) Verdict    { return say("helo") }
func (everything) Auth(Tx) Verdict    { return say("auth") }
func (everything) Mail(Tx) Verdict    { return say("mail") }
func (everything) Rcpt(Tx) Verdict    { return say("rcpt") }
func (everything) Data(Tx) Verdict    { return say("data") }
func (everything) Headers(Tx) Verdict { return say("headers") }
func (everything) Body(Tx) Verdict    { return say("body") }
func (everything) EOM(Tx) Verdict     { return say("eom") }
func (everything) Abort(tx Tx)        { tx.Host.Set("abort", "") }
func (everything) Rewrite(Tx) Verdict { return say("rewrite") }
func (everything) Route(Tx) Verdict   { return say("route") }
func (everything) Deliver(Tx) Verdict { return say("deliver") }
func (everything) Lookup(Tx) Verdict  { return say("lookup") }
func (everything) Event(tx Tx)        { tx.Host.Set("event", "") }

func TestEachHookIsFoundAndCalled(t *testing.T) {
	if got := HooksOf(everything{}); got != 1<<NumPoints-1 {
		t.Errorf("hooks %s", got)
	}
	if got := HooksOf(struct{}{}); got != 0 {
		t.Errorf("a value without hooks has %s", got)
	}
	for p := range Point(NumPoints) {
		f := &fake{}
		v := Dispatch(everything{}, p, Tx{Host: f})
		if told := slices.Equal(f.calls, []string{p.String() + "="}); v.Text != p.String() && !told {
			t.Errorf("%s calls %q %q", p, v.Text, f.calls)
		}
		if q, ok := PointByName(p.String()); q != p || !ok {
			t.Errorf("%s is found as %s", p, q)
		}
		if Dispatch(struct{}{}, p, Tx{}) != Continue {
			t.Errorf("a missing hook at %s does not continue", p)
		}
	}
}

func TestAVerdictBringsItsWords(t *testing.T) {
	for _, c := range []struct {
		name string
		v    Verdict
		want string
		a    Action
	}{
		{"continue says nothing", Continue, "", ActContinue},
		{"a refusal has a reply", Reject("5.7.1", "no"), "550 5.7.1 no", ActReject},
		{"a tempfail has one", Tempfail("4.7.1", "later"), "451 4.7.1 later", ActTempfail},
		{"a redirect has an argument", Redirect("a@b"), "action.arg=a@b", ActRedirect},
		{"a found address", FoundAddr("a@b"), "rewrite.result=a@b", ActFound},
		{"a found route", FoundRoute("smtp", "hop"), "route.transport=smtp route.nexthop=hop", ActFound},
		{"half a route", FoundRoute("", "hop"), "route.nexthop=hop", ActFound},
		{"a found value, empty", FoundValue(""), "lookup.value=", ActFound},
	} {
		f := &fake{}
		if a := Answer(f, c.v); a != c.a || strings.Join(f.calls, " ") != c.want {
			t.Errorf("%s: %v %q", c.name, a, f.calls)
		}
	}
}

// An action counts at the points where the reference says so: one line per point.
func TestActionsCountWhereTheReferenceSaysSo(t *testing.T) {
	stage := "continue accept tempfail reject discard hold redirect"
	message := "continue accept tempfail reject discard hold quarantine redirect filter"
	for p, want := range map[Point]string{
		PointConnect: stage, PointRcpt: stage, PointData: stage, PointHeaders: message, PointEOM: message,
		PointBody: "continue tempfail reject discard", PointAbort: "continue", PointEvent: "continue",
		PointRewrite: "continue tempfail found", PointRoute: "continue tempfail found", PointLookup: "continue tempfail found",
		PointDeliver: "continue tempfail",
	} {
		var got []string
		for a := Action(-1); a <= ActFound+1; a++ {
			if a.AllowedAt(p) {
				got = append(got, a.String())
			}
		}
		if s := strings.Join(got, " "); s != want {
			t.Errorf("%s: %s, want %s", p, s, want)
		}
	}
}

func TestAnErrorIsNotNo(t *testing.T) {
	tx := Tx{Host: &fake{}}
	for key, want := range map[string]string{"there": "value true <nil>", "none": " false <nil>", "down": " false try again later"} {
		v, found, err := tx.Map("m", key)
		if got := fmt.Sprint(v, " ", found, " ", err); got != want {
			t.Errorf("map %s: %s, want %s", key, got, want)
		}
	}
	if w, err := tx.Words("none", TextBody); w != "" || err != nil {
		t.Errorf("no word: %q, %v", w, err)
	}
	if _, err := tx.Words("down", TextBody); err != ErrAgain {
		t.Errorf("a scan that failed: %v", err)
	}
	if r, err := tx.DNS(DNSMX, "none"); r != nil || err != nil {
		t.Errorf("no records: %q, %v", r, err)
	}
	if r, err := tx.DNS(DNSMX, "x"); len(r) != 2 || err != nil {
		t.Errorf("records: %q, %v", r, err)
	}
}

func TestAChunkIsThePartThatArrived(t *testing.T) {
	f := &fake{body: "0123456789", props: map[string]string{"body.offset": "4", "body.length": "3"}}
	if b, err := io.ReadAll((Tx{Host: f}).Chunk()); string(b) != "456" || err != nil {
		t.Fatalf("%q, %v", b, err)
	}
}

func TestStatusesOfADelivery(t *testing.T) {
	f := &fake{}
	tx := Tx{Host: f}
	tx.Sent(0, "ok")
	tx.Deferred(1, "4.2.2", "full")
	tx.Bounced(2, "5.1.1", "none")
	if got := strings.Join(f.calls, ", "); got != "0 250 2.0.0 ok, 1 451 4.2.2 full, 2 550 5.1.1 none" {
		t.Fatal(got)
	}
}

// torn is a host whose second part cannot be told.
type torn struct{ fake }

func (torn) MIMEPart(i int, what MIMEInfo) (string, Errno) {
	if i == 1 && what == MIMEName {
		return "", ErrAgain
	}
	return "x", OK
}

func TestPartsEndWithTheErrorThatHidTheRest(t *testing.T) {
	var got []string
	for p := range (Tx{Host: &torn{}}).Parts() {
		got = append(got, fmt.Sprint(p.Index, p.Type, p.Name, p.Err))
	}
	if want := []string{"0xx<nil>", "1xtry again later"}; !slices.Equal(got, want) {
		t.Fatalf("got %q, want %q", got, want)
	}
}
