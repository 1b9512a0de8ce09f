package ctl_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/mtad/mtad/pipeline/hook"
	"github.com/mtad/mtad/pipeline/hook/trace"
	"github.com/mtad/mtad/queue"
)

func (d *daemon) Plugins() []hook.PluginStats {
	return []hook.PluginStats{{Name: "nospam", Kind: "wasm", Hooks: []hook.HookStats{{Hook: "eom", Calls: 3, Verdicts: map[string]uint64{"reject": 3}}}}}
}
func (d *daemon) Trace() *trace.Recorder { return d.tracer }

func TestPluginsAndTracesOverTheSocket(t *testing.T) {
	d := &daemon{tracer: trace.New(trace.Options{})}
	c := start(t, socket(t), d).Client
	ctx := t.Context()
	all, err := c.Plugins(ctx)
	if err != nil || len(all) != 1 || all[0].Name != "nospam" || all[0].Hooks[0].Verdicts["reject"] != 3 {
		t.Errorf("plugins: %+v %v", all, err)
	}
	if err := c.StartTrace(ctx, trace.Rule{From: "@example.com"}); err == nil {
		t.Error("a trace without an end is taken")
	}
	if err := c.StartTrace(ctx, trace.Rule{From: "@example.com", Until: time.Now().Add(time.Hour)}); err != nil {
		t.Error(err)
	}
	if len(d.asked) != 1 || !strings.Contains(d.asked[0], "traces messages: from=<@example.com> to=<> client=<> until ") {
		t.Errorf("the log has %q", d.asked)
	}
	d.tracer.Add(&trace.Record{}, trace.About{ID: "ID1", Sender: "a@example.com"}, trace.Step{Hook: "eom", Plugin: "nospam", Verdict: "reject"})
	st, err := c.Traces(ctx)
	if err != nil || len(st.Rules) != 1 || len(st.Records) != 1 || st.Records[0].ID != "ID1" || st.Records[0].Steps != nil {
		t.Errorf("traces: %+v %v", st, err)
	}
	rec, err := c.Traced(ctx, "ID1")
	if err != nil || len(rec.Steps) != 1 || rec.Steps[0].Verdict != "reject" {
		t.Errorf("record: %+v %v", rec, err)
	}
	if _, err := c.Traced(ctx, "ID2"); !errors.Is(err, queue.ErrNotFound) {
		t.Errorf("what was not traced: %v", err)
	}
	if err := c.StopTrace(ctx, false); err != nil || d.tracer.On() {
		t.Errorf("after the end: %v, on %v", err, d.tracer.On())
	}
	if _, err := c.Traced(ctx, "ID1"); err != nil {
		t.Errorf("the record went with the rule: %v", err)
	}
	if err := c.StopTrace(ctx, true); err != nil {
		t.Error(err)
	}
	if _, err := c.Traced(ctx, "ID1"); !errors.Is(err, queue.ErrNotFound) {
		t.Errorf("what was forgotten: %v", err)
	}
}
