package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/mtad/mtad/pipeline/ctl"
	"github.com/mtad/mtad/pipeline/hook"
	"github.com/mtad/mtad/pipeline/master/workbench"
)

const helpPluginList = `usage: mtad [-c DIR] plugin list [--json]
       mtad [-c DIR] plugin top [--json] [--interval TIME] [-n N]

Shows what the plugins of the running daemon did at each hook: calls, verdicts,
failures, calls that were not made because of failures before, time (without
what they waited for tables and the DNS), fuel and the most memory. Built-ins
that a parameter enables (header_checks, smtpd_milters) appear once for each
service. list counts from when the plugins were loaded (start or reload); top
shows what happened within TIME (2s), the busiest first, N times or for ever.

Exit code: 0 done, 1 the daemon is down.
`

func (sh *shell) pluginList(_ context.Context, args []string) int {
	f := flag.NewFlagSet("list", flag.ContinueOnError)
	asJSON := f.Bool("json", false, "")
	rest, err := mixed(f, args)
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("no such argument: %s", rest[0])
	}
	if err != nil {
		return sh.usage(err)
	}
	return sh.ask(nil, func(ctx context.Context, c *ctl.Client) error {
		all, err := c.Plugins(ctx)
		switch {
		case err != nil:
			return err
		case *asJSON:
			return json.NewEncoder(sh.out).Encode(all)
		case len(all) == 0:
			sh.print("no plugins\n")
			return nil
		}
		return sh.printPlugins(all)
	})
}

func (sh *shell) pluginTop(ctx context.Context, args []string) int {
	f := flag.NewFlagSet("top", flag.ContinueOnError)
	asJSON := f.Bool("json", false, "")
	interval := f.Duration("interval", 2*time.Second, "")
	rounds := f.Int("n", 0, "")
	rest, err := mixed(f, args)
	if err == nil && (len(rest) > 0 || *interval < 100*time.Millisecond || *rounds < 0) {
		err = fmt.Errorf("an interval of at least 100ms and no other arguments expected")
	}
	if err != nil {
		return sh.usage(err)
	}
	return sh.ask(nil, func(_ context.Context, c *ctl.Client) error {
		return sh.top(ctx, c, *interval, *rounds, *asJSON)
	})
}

// top shows the difference of two accounts, again and again.
func (sh *shell) top(ctx context.Context, c *ctl.Client, interval time.Duration, rounds int, asJSON bool) error {
	before, err := c.Plugins(ctx)
	if err != nil {
		return err
	}
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for n := 0; rounds == 0 || n < rounds; n++ {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		now, err := c.Plugins(ctx)
		if err != nil {
			return err
		}
		shown := busiest(now, before)
		if asJSON {
			err = json.NewEncoder(sh.out).Encode(shown)
		} else {
			if rounds == 0 && isScreen(sh.out) {
				sh.print("\x1b[H\x1b[2J")
			}
			fmt.Fprintf(sh.out, "%s, the last %v\n", time.Now().Format("15:04:05"), interval)
			err = sh.printPlugins(shown)
		}
		if err != nil {
			return err
		}
		before = now
	}
	return nil
}

// isScreen reports whether someone looks at what is written.
func isScreen(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	st, err := f.Stat()
	return err == nil && st.Mode()&os.ModeCharDevice != 0
}

// busiest is what plugins did since before, those that took most time first. What a reload brought is
// shown from its begin.
func busiest(now, before []hook.PluginStats) []hook.PluginStats {
	shown := slices.Clone(now)
	for i := range shown {
		if i < len(before) && before[i].Name == shown[i].Name && before[i].Loaded.Equal(shown[i].Loaded) {
			shown[i] = workbench.Since(shown[i], before[i])
		}
	}
	slices.SortStableFunc(shown, func(a, b hook.PluginStats) int { return int(busy(b) - busy(a)) })
	return shown
}

func busy(p hook.PluginStats) (sum time.Duration) {
	for _, h := range p.Hooks {
		sum += h.Time
	}
	return sum
}

func (sh *shell) printPlugins(all []hook.PluginStats) error {
	w := tabwriter.NewWriter(sh.out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "PLUGIN\tKIND\tHOOK\tCALLS\tFAILED\tSKIPPED\tTIME\tµs/CALL\tWORST µs\tFUEL/CALL\tMEMORY\tVERDICTS")
	for _, p := range all {
		kind := p.Kind
		if p.Shadow {
			kind += ", shadow"
		}
		if p.Paused {
			kind += ", paused"
		}
		for _, h := range p.Hooks {
			calls := max(h.Calls, 1)
			fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\t%d\t%v\t%s\t%s\t%d\t%d KiB\t%s\n", p.Name, kind, h.Hook, h.Calls, h.Failures, h.Skipped,
				h.Time.Round(time.Microsecond), micros(h.Time/time.Duration(calls)), micros(h.Longest), h.Fuel/calls, h.Memory>>10, verdictList(h.Verdicts, 0))
		}
	}
	return w.Flush()
}
