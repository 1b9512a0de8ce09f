package sdktest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mtad/mtad/plugins/sdk"
)

// Subject loads the plugin that is tested: as WebAssembly, as a process, or linked in (Linked).
type Subject func(ctx context.Context, l Load) (sdk.Module, error)

// Options of Play. Zero values are usable.
type Options struct {
	// Scan serves the capability "scan"; without it the service answers "not supported".
	// Package pipeline/hook/rehearse has mtad's own.
	Scan func(w *World, config map[string]string) Scanner
	// Time limits each call; 0 means 10 seconds.
	Time time.Duration
}

// player is a transcript being played.
type player struct {
	o       Options
	sc      Script
	subject Subject
	module  sdk.Module
	allow   map[string]bool
	now     time.Time
	calls   int
	kv      store
	stash   [2]map[string][]byte
	w       *World
	rcpts   int // when the hook began
	loadLog []LogLine
	report  *Report
}

// Play plays a script against a plugin. It ends early only when the plugin cannot be loaded or ctx
// is done.
func Play(ctx context.Context, s Subject, sc Script, o Options) *Report {
	if o.Time == 0 {
		o.Time = 10 * time.Second
	}
	p := &player{o: o, sc: sc, subject: s, allow: map[string]bool{}, now: sc.Setup.Time, kv: store{}, report: &Report{}}
	for _, c := range sc.Setup.Allow {
		p.allow[c] = true
	}
	p.connection()
	defer p.unload(ctx)
	for i := range sc.Steps {
		st := &sc.Steps[i]
		if err := ctx.Err(); err != nil {
			p.report.add(st, &Outcome{Err: err}, p)
			return p.report
		}
		if p.module == nil && st.Verb != "load" && st.Verb != "reload" {
			if o := p.load(ctx); o.Err != nil {
				p.report.add(&Step{Line: st.Line, Verb: "load"}, o, p)
				return p.report
			}
		}
		p.step(ctx, st)
		if p.module == nil {
			return p.report
		}
	}
	return p.report
}

func (p *player) load(ctx context.Context) *Outcome {
	ctx, cancel := context.WithTimeout(ctx, max(p.o.Time, time.Minute))
	defer cancel()
	p.loadLog = nil
	l := Load{Name: p.sc.Setup.Name, Config: maps.Clone(p.sc.Setup.Config), Allow: maps.Clone(p.allow)}
	l.Log = func(level sdk.Level, text string) {
		if level >= sdk.LevelInfo {
			p.loadLog = append(p.loadLog, LogLine{min(level, sdk.LevelError), clean(text)})
		}
	}
	m, err := p.subject(ctx, l)
	out := &Outcome{Err: err, Logs: p.loadLog}
	if err == nil {
		p.module = m
		man := m.Manifest()
		out.extra = []string{"hooks " + man.Hooks.String()}
		if needs := slices.Sorted(slices.Values(man.Needs)); len(needs) > 0 {
			out.extra = append(out.extra, "needs "+strings.Join(needs, " "))
		}
	}
	return out
}

func (p *player) unload(ctx context.Context) {
	if p.module == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	p.module.Close(ctx)
	p.module = nil
}

// connection begins a new one, transaction a new transaction.
func (p *player) connection() {
	p.w = &World{Props: map[string]string{"origin.kind": "smtp", "origin.service": "smtpd", "origin.proto": "SMTP"}}
	p.stash = [2]map[string][]byte{{}, {}}
}

func (p *player) transaction(sender, params string) {
	for _, k := range []string{"queue.id", "rcpt.addr", "rcpt.params", "mail.params"} {
		delete(p.w.Props, k)
	}
	p.w = &World{Props: p.w.Props, Sender: sender}
	p.w.Props["mail.params"] = params
	p.stash[sdk.ScopeMessage] = map[string][]byte{}
}

// step plays one step.
func (p *player) step(ctx context.Context, st *Step) {
	switch st.Verb {
	case "load", "reload":
		p.unload(ctx)
		p.report.add(st, p.load(ctx), p)
	case "wait":
		d, _ := time.ParseDuration(st.Args[0])
		p.now = p.now.Add(d)
		p.report.add(st, &Outcome{}, p)
	case "property":
		p.w.Props[st.Args[0]] = strings.Join(st.Args[1:], " ")
		p.report.add(st, &Outcome{}, p)
	case "message":
		p.w.Fields, p.w.Body = splitMessage(st.Text)
		if p.w.Fields == nil {
			p.w.Fields = [][]byte{}
		}
		p.w.HasBody = false
		p.report.add(st, &Outcome{}, p)
	default:
		p.hook(ctx, st)
	}
}

// hook plays a step that asks the plugin.
func (p *player) hook(ctx context.Context, st *Step) {
	pt, _ := sdk.PointByName(st.Verb)
	asked := p.prepare(pt, st.Args)
	var out *Outcome
	switch pt {
	case sdk.PointBody:
		out = p.chunks(ctx)
	default:
		out = p.call(ctx, pt)
	}
	for _, k := range asked {
		delete(p.w.Props, k)
	}
	p.report.add(st, out, p)
	if pt == sdk.PointRcpt && out.Err == nil && out.Action != sdk.ActReject && out.Action != sdk.ActTempfail {
		addr := address(st.Args[0])
		p.w.Rcpts = append(p.w.Rcpts, Rcpt{Addr: addr, Given: addr, Params: strings.Join(st.Args[1:], " ")})
		if p.w.Props["queue.id"] == "" {
			p.w.Props["queue.id"] = "4XYZ1a2B3c"
		}
	}
	if pt == sdk.PointAbort {
		p.transaction("", "")
	}
}

// chunks asks about the body, a chunk at a time.
func (p *player) chunks(ctx context.Context) *Outcome {
	all := &Outcome{Point: sdk.PointBody, Answers: map[string]string{}, Counters: map[string]int64{}}
	whole := p.w.Body
	defer func() { p.w.Body = whole }()
	for off := 0; off < len(whole); off += chunkSize {
		end := min(off+chunkSize, len(whole))
		p.w.Body, p.w.HasBody = whole[:end], true
		p.w.Props["body.offset"], p.w.Props["body.length"] = strconv.Itoa(off), strconv.Itoa(end-off)
		out := p.call(ctx, sdk.PointBody)
		out.Logs = append(all.Logs, out.Logs...)
		for k, n := range all.Counters {
			out.Counters[k] += n
		}
		if all = out; out.Err != nil || out.Action != sdk.ActContinue {
			break
		}
	}
	delete(p.w.Props, "body.offset")
	delete(p.w.Props, "body.length")
	return all
}

// prepare sets what a hook is about, and returns the properties that go when it is over.
func (p *player) prepare(pt sdk.Point, args []string) []string {
	rest := func(i int) string { return strings.Join(args[min(i, len(args)):], " ") }
	switch pt {
	case sdk.PointConnect:
		p.connection()
		if len(args) > 0 {
			p.w.Props["client.addr"], p.w.Props["client.port"] = args[0], "40000"
			p.w.Props["client.name"], p.w.Props["client.reverse"] = "unknown", "unknown"
			p.pairs(args[1:])
		}
	case sdk.PointHelo:
		p.w.Props["helo"], p.w.Props["origin.proto"] = args[0], "ESMTP"
		p.pairs(args[1:])
	case sdk.PointAuth:
		p.w.Props["auth.user"], p.w.Props["auth.method"] = args[0], cmpOr(rest(1), "PLAIN")
	case sdk.PointMail:
		p.transaction(address(args[0]), rest(1))
	case sdk.PointRcpt:
		return p.about("rcpt.addr", address(args[0]), "rcpt.params", rest(1))
	case sdk.PointEOM:
		p.w.HasBody = true
	case sdk.PointRewrite:
		return p.about("rewrite.class", args[0], "rewrite.addr", args[1])
	case sdk.PointRoute:
		t, n, _ := strings.Cut(rest(1), ":")
		return p.about("rcpt.addr", args[0], "route.transport", t, "route.nexthop", n)
	case sdk.PointDeliver:
		p.w.HasBody = true
		t, n, _ := strings.Cut(rest(0), ":")
		return p.about("route.transport", t, "route.nexthop", n)
	case sdk.PointLookup:
		return p.about("lookup.key", args[0])
	case sdk.PointEvent:
		return p.event(args)
	}
	return nil
}

// event takes KIND [RCPT] property=value …
func (p *player) event(args []string) []string {
	set := []string{"event.kind", args[0], "event.time", p.now.UTC().Format("2006-01-02T15:04:05.000Z")}
	for i, a := range args[1:] {
		k, v, ok := strings.Cut(a, "=")
		switch {
		case ok && strings.HasPrefix(k, "event."):
			set = append(set, k, v)
		case i == 0:
			set = append(set, "event.rcpt", a, "rcpt.addr", a)
		}
	}
	return p.about(set...)
}

// about sets properties, and returns their names.
func (p *player) about(pairs ...string) []string {
	var names []string
	for i := 0; i+1 < len(pairs); i += 2 {
		p.w.Props[pairs[i]] = pairs[i+1]
		names = append(names, pairs[i])
	}
	return names
}

func (p *player) pairs(words []string) {
	for _, w := range words {
		if k, v, ok := strings.Cut(w, "="); ok {
			p.w.Props[k] = v
		}
	}
}

// address is a without angle brackets.
func address(a string) string {
	return strings.TrimSuffix(strings.TrimPrefix(a, "<"), ">")
}

// call asks the plugin once, and applies its edits unless it fails.
func (p *player) call(ctx context.Context, pt sdk.Point) *Outcome {
	p.calls++
	p.rcpts = len(p.w.Rcpts)
	before := p.w
	out := &Outcome{Point: pt, Answers: map[string]string{}, Counters: map[string]int64{}, Before: before}
	out.Statuses = make([]Status, len(before.Rcpts))
	h := &host{p: p, pt: pt, w: before.clone(), out: out}
	if !p.module.Manifest().Hooks.Has(pt) {
		out.After = before
		return out
	}
	ctx, cancel := context.WithTimeout(ctx, p.o.Time)
	defer cancel()
	var err error
	if out.Action, err = p.module.Call(ctx, pt, h); err == nil {
		err = out.check(h)
	}
	if err != nil {
		out.Err, out.After, out.Statuses = err, before, nil
		return out
	}
	out.defaults()
	out.After = h.w
	p.w = h.w
	return out
}

// Linked is the subject of a plugin value that is linked in: build makes a new one.
func Linked(build func() sdk.Plugin, needs ...string) Subject {
	return func(_ context.Context, l Load) (sdk.Module, error) {
		v := build()
		for _, c := range needs {
			if !l.Allow[c] {
				return nil, fmt.Errorf("it asks for %q, which its configuration does not grant", c)
			}
		}
		if i, ok := v.(sdk.Initer); ok {
			if err := i.Init(sdk.Tx{Host: &loadHost{l: l}}); err != nil {
				return nil, fmt.Errorf("it refuses to load: %w", err)
			}
		}
		return linked{sdk.Manifest{Name: l.Name, Kind: "builtin", Hooks: sdk.HooksOf(v), Needs: needs}, v}, nil
	}
}

// linked is sdk.Module over a plugin value.
type linked struct {
	manifest sdk.Manifest
	plugin   sdk.Plugin
}

// Manifest says what the plugin is and wants.
func (m linked) Manifest() sdk.Manifest { return m.manifest }

// Call runs one hook.
func (m linked) Call(_ context.Context, pt sdk.Point, h sdk.Host) (a sdk.Action, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	return sdk.Answer(h, sdk.Dispatch(m.plugin, pt, sdk.Tx{Host: h})), nil
}

// Close has nothing to free.
func (linked) Close(context.Context) error { return nil }
