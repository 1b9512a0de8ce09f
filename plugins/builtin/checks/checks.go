package checks

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/mtad/mtad/core/checks"
	"github.com/mtad/mtad/plugins/sdk"
)

// Module is the four tables. Safe for concurrent use.
type Module struct {
	name string
	o    options
	log  func(line string)
}

var _ sdk.Module = (*Module)(nil)

// New opens the tables of the configuration (README.md). log writes a line to cleanup's log; when it
// is nil, the host's does.
func New(name string, config map[string]string, log func(line string)) (sdk.Module, error) {
	o, err := readOptions(config)
	if err != nil {
		return nil, errors.Join(err, o.close())
	}
	return &Module{name: name, o: o, log: log}, nil
}

// Manifest says that the plugin edits, and is asked about the header as it came, and at eom about the
// body, where its tables are about them.
func (m *Module) Manifest() sdk.Manifest {
	var hooks sdk.Points
	t := &m.o.tables
	if len(t[checks.Header]) > 0 || len(t[checks.MIME]) > 0 {
		hooks = hooks.With(sdk.PointHeaders)
	}
	if len(t[checks.MIME]) > 0 || len(t[checks.Nested]) > 0 || len(t[checks.Body]) > 0 {
		hooks = hooks.With(sdk.PointEOM)
	}
	return sdk.Manifest{Name: m.name, Kind: "builtin", Hooks: hooks, Needs: []string{sdk.CapEdit}}
}

// LogWord is empty: the log has a line for each action, as Postfix writes it.
func (m *Module) LogWord() string { return "" }

// Close closes the tables.
func (m *Module) Close(context.Context) error { return m.o.close() }

// ended is the key under which it is kept that the header ended the inspection.
const ended = "ended"

// Call looks the header up at headers, and the body at eom.
func (m *Module) Call(ctx context.Context, p sdk.Point, h sdk.Host) (sdk.Action, error) {
	tx := sdk.Tx{Host: h}
	switch tx.OriginKind() {
	case "forward":
		return sdk.ActContinue, nil
	case "bounce":
		if !slices.Contains(m.o.internal, tx.Property("origin.service")) {
			return sdk.ActContinue, nil
		}
	}
	in := &inspection{Module: m, ctx: ctx, tx: tx}
	switch {
	case p == sdk.PointHeaders:
		if in.header(); in.over && in.err == nil {
			in.err = tx.Stash(sdk.ScopeMessage, ended, []byte{1})
		}
	case tx.Stashed(sdk.ScopeMessage, ended) == nil:
		in.body()
	}
	if in.err != nil {
		return sdk.ActContinue, in.err
	}
	return sdk.Answer(h, in.decided()), nil
}

// inspection is one message being looked up.
type inspection struct {
	*Module
	ctx              context.Context
	tx               sdk.Tx
	verdict          sdk.Verdict // what ended it
	hold             sdk.Verdict
	filter, redirect string
	over             bool  // nothing more is to be looked at
	err              error // of the host: the message cannot be read or edited

	rewrite rewriter
}

// look asks the table of a class about a line, does what it says of the message and returns what it
// says of the line.
func (in *inspection) look(c checks.Class, line string) checks.Change {
	maps := in.o.tables[c]
	if len(maps) == 0 {
		return checks.Change{}
	}
	value, found, err := maps.Lookup(in.ctx, line)
	if err != nil {
		in.tx.Log(sdk.LevelWarn, c.String()+": "+err.Error())
		in.end(sdk.Verdict{Action: sdk.ActTempfail, Code: 451, Enhanced: "4.3.0", Text: "Queue file write error"})
		return checks.Change{}
	}
	if !found {
		return checks.Change{}
	}
	a := checks.ParseAction(value)
	if !a.Valid() {
		in.tx.Log(sdk.LevelWarn, fmt.Sprintf("%s: bad action %q", c.String(), value))
		return checks.Change{}
	}
	if why := a.Misfit(c, c.String()); why != "" {
		in.tx.Log(sdk.LevelWarn, why)
		return checks.Change{}
	}
	return in.act(a, c, line)
}

// decided is the verdict: what ended the inspection, or what was noted on the way. Of several FILTERs
// the last one counts and REDIRECT ends the inspection, as with Postfix; a message that is held has
// them when it is released.
func (in *inspection) decided() sdk.Verdict {
	v := in.verdict
	if v.Action == sdk.ActContinue {
		v = in.hold
	}
	if in.filter != "" {
		v = v.Through(in.filter)
	}
	if in.redirect != "" {
		v = v.Redirected(in.redirect)
	}
	return v
}

func (in *inspection) end(v sdk.Verdict) { in.verdict, in.over = v, true }

// act does what an action asks of the message and returns what it asks of the line.
func (in *inspection) act(a checks.Action, c checks.Class, line string) checks.Change {
	text := a.Text
	switch a.Word {
	case "REJECT":
		v := refusal(a)
		text = v.Enhanced + " " + v.Text
		in.end(v)
	case "DISCARD":
		in.end(sdk.Discard)
	case "PASS":
		in.over = true
	case "HOLD":
		in.hold = sdk.Hold(c.String() + " " + a.Text)
	case "FILTER":
		in.filter = a.Text
	case "BCC":
		in.fault(in.tx.AddRcpt(a.Text))
	case "REDIRECT":
		in.redirect, in.over = a.Text, true
	}
	in.logAction(a, c, line, text)
	return a.Change()
}

// refusal is the verdict of a REJECT.
func refusal(a checks.Action) sdk.Verdict {
	v := sdk.Verdict{Action: sdk.ActReject}
	v.Code, v.Enhanced, v.Text = a.Refusal()
	if v.Code < 500 {
		v.Action = sdk.ActTempfail
	}
	return v
}

func (in *inspection) fault(err error) {
	if err != nil && in.err == nil {
		in.err, in.over = err, true
	}
}

func (in *inspection) errno(e sdk.Errno) {
	if e != sdk.OK {
		in.fault(e)
	}
}

// maxShown is the most bytes of a line in the log.
const maxShown = 200

// logAction writes what was done, as Postfix does.
func (in *inspection) logAction(a checks.Action, c checks.Class, line, text string) {
	word := a.LogWord()
	if word == "" {
		return
	}
	in.tx.Count(strings.ToLower(a.Word), 1)
	b := word + ": " + c.Where() + " " + line[:min(len(line), maxShown)] + " from " + in.origin() + "; from=<" + in.tx.Sender() + ">"
	if in.tx.Host.RcptCount() > 0 {
		to, _ := in.tx.Host.RcptGet(0, sdk.RcptAddr)
		b += " to=<" + to + ">"
	}
	if v := in.tx.Property("origin.proto"); v != "" {
		b += " proto=" + v
	}
	if v := in.tx.Helo(); v != "" {
		b += " helo=<" + v + ">"
	}
	if text != "" {
		b += ": " + text
	}
	if in.log == nil {
		in.tx.Log(sdk.LevelInfo, b)
		return
	}
	in.log(in.tx.QueueID() + ": " + b)
}

func (in *inspection) origin() string {
	addr := in.tx.ClientAddr()
	if addr == "" {
		return "local"
	}
	name := in.tx.ClientName()
	if name == "" {
		name = "unknown"
	}
	return name + "[" + addr + "]"
}
