package hook

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/pipeline/hook/trace"
	"github.com/mtad/mtad/plugins/sdk"
)

func TestTheRosterHasEveryPluginOfEverySet(t *testing.T) {
	n := 0
	mixed := plug("mixed", func(_ sdk.Point, h sdk.Host) (sdk.Action, error) {
		switch n++; {
		case n%3 == 0:
			return 0, errors.New("died")
		case n%3 == 1:
			return sdk.Answer(h, sdk.Reject("5.7.1", "no")), nil
		}
		return sdk.ActContinue, nil
	})
	mixed.OnError = FailContinue
	roster := &Roster{}
	set := NewSet([]Plugin{mixed}, Options{Roster: roster}).With([]Plugin{verdict("first", sdk.Continue)}, nil)
	m := set.Session(&mail.Origin{Kind: mail.KindSMTP}).Begin(&mail.Envelope{})
	for range 6 {
		m.Mail(context.Background(), "")
	}
	all := roster.Stats()
	if len(all) != 2 || all[0].Name != "mixed" || all[1].Name != "first" {
		t.Fatalf("%+v", all)
	}
	for _, h := range all[0].Hooks {
		want := HookStats{Hook: h.Hook, Verdicts: map[string]uint64{}}
		if h.Hook == "mail" {
			want.Calls, want.Failures, want.Verdicts = 6, 2, map[string]uint64{"reject": 2, "continue": 2}
		}
		if h.Calls != want.Calls || h.Failures != want.Failures || h.Skipped != 0 || len(h.Verdicts) != len(want.Verdicts) ||
			h.Verdicts["reject"] != want.Verdicts["reject"] || h.Verdicts["continue"] != want.Verdicts["continue"] {
			t.Errorf("%+v, want %+v", h, want)
		}
	}
	if got := all[1].Hooks[sdk.PointMail]; got.Calls != 6 || all[1].Paused {
		t.Errorf("%+v", got)
	}
}

func TestCallsThatTheBreakerPreventsAreCountedAndTraced(t *testing.T) {
	p := plug("dead", func(sdk.Point, sdk.Host) (sdk.Action, error) { return 0, errors.New("died") })
	roster, rec := &Roster{}, trace.New(trace.Options{})
	if err := rec.Start(trace.Rule{Until: time.Now().Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	set := NewSet([]Plugin{p}, Options{Roster: roster, Trace: rec})
	m := set.Session(&mail.Origin{Kind: mail.KindSMTP}).Begin(&mail.Envelope{ID: "ID1"})
	for range BreakerFailures + 2 {
		m.Mail(context.Background(), "")
	}
	s := roster.Stats()[0]
	if h := s.Hooks[sdk.PointMail]; !s.Paused || h.Calls != BreakerFailures || h.Failures != BreakerFailures || h.Skipped != 2 {
		t.Errorf("paused %v, %+v", s.Paused, h)
	}
	got, _ := rec.Find("ID1")
	if len(got.Steps) != BreakerFailures+2 || got.Steps[0].Failure != "died" || !strings.HasPrefix(got.Steps[BreakerFailures].Failure, "not called") {
		t.Errorf("%+v", got.Steps)
	}
}

// A trace has the hooks of the connection, then those of the message, with what each changed; of a
// shadow plugin, what it would have changed; of one that failed, nothing.
func TestATraceShowsAMessageThroughEveryHook(t *testing.T) {
	editor := plug("editor", func(pt sdk.Point, h sdk.Host) (sdk.Action, error) {
		tx := sdk.Tx{Host: h}
		tx.Log(sdk.LevelInfo, "seen\nat "+pt.String())
		if pt == sdk.PointEOM {
			tx.SetHeader("Subject", "new")
			tx.SetSender("z@y")
			tx.AddRcpt("r3@x")
			tx.ReplaceBody(strings.NewReader("other\n"))
		}
		return sdk.ActContinue, nil
	})
	quiet := editor
	quiet.Shadow = true
	quiet.Module = module{"quiet", editor.Module.(module).fn}
	broken := plug("broken", func(pt sdk.Point, h sdk.Host) (sdk.Action, error) {
		sdk.Tx{Host: h}.SetHeader("Subject", "never")
		return 0, errors.New("trap\nat f")
	})
	broken.OnError = FailContinue
	rec := trace.New(trace.Options{})
	set := NewSet([]Plugin{editor, quiet, broken}, Options{Trace: rec})
	ctx := context.Background()
	pass := func(id string) {
		ss := set.Session(&mail.Origin{Kind: mail.KindSMTP, ClientName: "c"})
		ss.Connect(ctx)
		env := &mail.Envelope{ID: id, Sender: "a@b", Recipients: []mail.Recipient{{Address: "r1@x"}}}
		m := ss.Begin(env)
		m.EOM(ctx, Text{Header: mail.ParseHeader([]byte("Subject: old\r\n")), Rest: mail.Bytes("\r\nbody\r\n"), BodyOff: 2, Fork: func() NewText { return &text{} }})
		m.Ended("queued")
		m.discardText()
		ss.Close()
	}
	pass("ID1")
	if len(rec.State().Records) != 0 {
		t.Fatal("traced without a rule")
	}
	if err := rec.Start(trace.Rule{From: "a@b", Until: time.Now().Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	pass("ID2")
	got, ok := rec.Find("ID2")
	if !ok || got.Outcome != "queued" || len(got.Steps) != 6 {
		t.Fatalf("%v %+v", ok, got)
	}
	const change = "--- envelope\n+++ envelope\n@@ -1,2 +1,3 @@\n-from <a@b>\n+from <z@y>\n to <r1@x>\n+to <r3@x>\n" +
		"--- header\n+++ header\n@@ -1 +1 @@\n-Subject: old\n+Subject: new\n--- body\n+++ body\n@@ -1 +1 @@\n-body\n+other\n"
	for i, want := range []trace.Step{
		{Hook: "connect", Plugin: "editor", Verdict: "continue", Log: []string{"seen at connect"}},
		{Hook: "connect", Plugin: "quiet", Verdict: "continue", Log: []string{"seen at connect"}, Shadow: true},
		{Hook: "connect", Plugin: "broken", Verdict: "failure", Failure: "trap at f"},
		{Hook: "eom", Plugin: "editor", Verdict: "continue", Log: []string{"seen at eom"}, Diff: change},
		{Hook: "eom", Plugin: "quiet", Verdict: "continue", Log: []string{"seen at eom"}, Shadow: true,
			Diff: "--- envelope\n+++ envelope\n@@ -1,3 +1,4 @@\n from <z@y>\n to <r1@x>\n to <r3@x>\n+to <r3@x>\n"},
		{Hook: "eom", Plugin: "broken", Verdict: "failure", Failure: "trap at f"},
	} {
		s := got.Steps[i]
		if s.Hook != want.Hook || s.Plugin != want.Plugin || s.Verdict != want.Verdict || s.Failure != want.Failure || s.Shadow != want.Shadow ||
			strings.Join(s.Log, "|") != strings.Join(want.Log, "|") || s.Diff != want.Diff {
			t.Errorf("step %d is\n%+v\nwant\n%+v", i, s, want)
		}
	}
}
