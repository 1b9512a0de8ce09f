package main

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/mtad/mtad/core/textdiff"
	"github.com/mtad/mtad/pipeline/master/workbench"
)

const helpPluginBench = `usage: mtad plugin bench PLUGIN [--eml FILE] [-n N] [--json] [options]

Sends a message N times (1000) through every hook of the plugin, with the limits
and resets of the daemon, and prints for each hook the calls, the time of one on
average and at worst, the work in the guest (fuel: about a machine instruction a
unit) and its memory. Below: what one message costs in all, mtad's own
allocations included. Without --eml it is a message of 4 KiB with 15 fields.

  --from, --rcpt, --client, --name, --helo, --user, --lookup,
  --config, --allow, --time, --memory, --fuel   as for "mtad plugin test"

Exit code: 0 measured, 1 a hook failed or the plugin cannot be loaded.
`

const helpPluginInspect = `usage: mtad plugin inspect [--json] [--config K=V]... FILE.wasm

Says what a module is: the hooks that it wants, the capabilities that it asks
for with the line that grants them, each function that it imports, its sizes,
and what the meter found. The module is loaded once; --config is for one that
refuses to load without its configuration.

Exit code: 0 it is a plugin, 1 it is none, or does not load.
`

// benchMessage has 15 fields and 4 KiB.
func benchMessage() []byte {
	var b strings.Builder
	b.WriteString("From: Sender <sender@example.com>\r\nTo: recipient@example.net\r\nSubject: a message to measure with\r\n" +
		"Date: Mon, 23 Nov 2026 12:00:00 +0000\r\nMessage-Id: <1@example.com>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n")
	for i := range 8 {
		fmt.Fprintf(&b, "X-Field-%d: some value of a field that nobody reads\r\n", i)
	}
	b.WriteString("\r\n")
	for b.Len() < 4<<10 {
		b.WriteString("The quick brown fox jumps over the lazy dog, and then it does so again.\r\n")
	}
	return []byte(b.String())
}

func (sh *shell) pluginBench(ctx context.Context, args []string) int {
	var t tryFlags
	n := 0
	t.more = func(f *flag.FlagSet) { f.IntVar(&n, "n", 1000, "") }
	rest, err := t.parse(args)
	if err == nil && (len(rest) != 1 || n < 1) {
		err = fmt.Errorf("one plugin and a number above 0 expected")
	}
	if err != nil {
		return sh.usage(err)
	}
	o, err := t.options()
	if err != nil {
		return sh.usage(err)
	}
	o.Quiet = true
	msg, err := t.message(sh)
	if err != nil {
		return sh.fail(exFailure, "%v", err)
	}
	if t.eml == "" {
		msg.Text = benchMessage()
	}
	b, err := workbench.Open(ctx, rest[0], o)
	if err != nil {
		return sh.fail(exFailure, "%v", err)
	}
	m := b.Measure(ctx, msg, n)
	if err := b.Close(ctx); err != nil {
		return sh.fail(exFailure, "%v", err)
	}
	if t.json {
		return sh.emit(m)
	}
	return sh.printMeasured(&m)
}

func (sh *shell) printMeasured(m *workbench.Measured) int {
	w := tabwriter.NewWriter(sh.out, 0, 8, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "hook\tcalls\tµs\tworst µs\tfuel\tmemory KiB\tverdicts\t")
	code := exOK
	for _, h := range m.Plugin.Hooks {
		if h.Calls == 0 {
			continue
		}
		if h.Failures > 0 {
			code = exFailure
		}
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%d\t%d\t%s\t\n", h.Hook, h.Calls, micros(h.Time/time.Duration(h.Calls)), micros(h.Longest),
			h.Fuel/h.Calls, h.Memory>>10, verdictList(h.Verdicts, h.Failures))
	}
	if err := w.Flush(); err != nil {
		return sh.fail(exIOErr, "%v", err)
	}
	fmt.Fprintf(sh.out, "a message: %s µs, %.1f allocations, %.0f bytes\n", micros(m.Took), m.Allocations, m.Bytes)
	return code
}

func micros(d time.Duration) string { return fmt.Sprintf("%.2f", float64(d)/1000) }

// verdictList writes counts as "continue 3, reject 1".
func verdictList(verdicts map[string]uint64, failures uint64) string {
	var words []string
	for _, v := range slices.Sorted(maps.Keys(verdicts)) {
		words = append(words, fmt.Sprintf("%s %d", v, verdicts[v]))
	}
	if failures > 0 {
		words = append(words, fmt.Sprintf("failure %d", failures))
	}
	return strings.Join(words, ", ")
}

func (sh *shell) pluginInspect(ctx context.Context, args []string) int {
	var l loadFlags
	f := flag.NewFlagSet("inspect", flag.ContinueOnError)
	asJSON := f.Bool("json", false, "")
	f.Var(&l.config, "config", "")
	rest, err := mixed(f, args)
	if err == nil && len(rest) != 1 {
		err = fmt.Errorf("one file expected")
	}
	if err != nil {
		return sh.usage(err)
	}
	o, err := l.options()
	if err != nil {
		return sh.usage(err)
	}
	in, err := workbench.Inspect(ctx, rest[0], o.Config)
	if err != nil {
		return sh.fail(exFailure, "%v", err)
	}
	if *asJSON {
		sh.emit(in)
	} else {
		sh.printInspected(in)
	}
	if in.Unloaded != "" {
		return exFailure
	}
	return exOK
}

// importList names what is imported of mtad; of WASI, which has no authority, it says how much.
func importList(all []string) string {
	var own []string
	wasi := 0
	for _, im := range all {
		if strings.HasPrefix(im, "wasi_") {
			wasi++
		} else {
			own = append(own, im)
		}
	}
	if wasi > 0 {
		own = append(own, fmt.Sprintf("and %d of WASI", wasi))
	}
	return strings.Join(own, " ")
}

func (sh *shell) printInspected(in *workbench.Inspected) {
	show := func(name, format string, args ...any) {
		if text := fmt.Sprintf(format, args...); text != "" {
			fmt.Fprintf(sh.out, "%-13s %s\n", name+":", textdiff.Printable(text))
		}
	}
	show("file", "%s", in.File)
	show("made by", "%s", strings.Join(in.MadeBy, ", "))
	if in.Unloaded != "" {
		show("hooks", "%s (exported; it does not load: %s)", strings.Join(in.Exports, " "), in.Unloaded)
	} else {
		show("hooks", "%s", strings.Join(in.Hooks, " "))
	}
	if line := in.AllowLine(); line != "" {
		show("asks for", "%s    %s", strings.Join(in.Needs, " "), line)
	} else {
		show("asks for", "nothing")
	}
	show("imports", "%s", importList(in.Imports))
	show("size", "%d bytes, %d with its fuel counters", in.Size, in.Metered)
	limit := "as its configuration allows (16 MiB unless set)"
	if in.MaxMemory > 0 {
		limit = fmt.Sprintf("%d KiB by its own word", in.MaxMemory>>10)
	}
	show("memory", "%d KiB at first, up to %s", in.Memory>>10, limit)
	if in.Instance > 0 {
		show("an instance", "%d KiB and %d globals are set back after each call", in.Instance>>10, in.Globals)
	}
	if in.Fresh {
		show("an instance", "is made anew for each call: the module changes tables or drops segments")
	}
}
