package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"strings"
	"time"

	"github.com/mtad/mtad/core/textdiff"
	"github.com/mtad/mtad/pipeline/ctl"
	"github.com/mtad/mtad/pipeline/hook/trace"
	"github.com/mtad/mtad/queue"
)

const helpTrace = `usage: mtad [-c DIR] trace on [--from P] [--rcpt P] [--client P] [--for TIME]
       mtad [-c DIR] trace [--json]
       mtad [-c DIR] trace [--json] ID...
       mtad [-c DIR] trace off | forget

Shows what each plugin did with a message: at every hook the verdict, the time,
what it logged, and how envelope, header and body changed (as a diff). Nothing
is traced until "on" says so, and then for TIME only (10m; 7d at most).

  --from, --rcpt   patterns for the sender and any recipient: an address,
                   @domain, or with * for any text
  --client         for the client's name or address: 192.0.2.*

Without ID: what is traced now, and the messages that were; one that was refused
before it had a queue id is NOQUEUE-1 and so on. "off" ends tracing and keeps
what there is, "forget" drops it too. Traces are in the daemon's memory only
(1,000 messages, 32 MiB; 256 KiB of a body are compared), never in the log, and
for root and the daemon's user alone.

Exit code: 0 done, 1 not traced, not allowed, or the daemon is down.
`

func traceVerb(sh *shell, args []string) int {
	f := flag.NewFlagSet("trace", flag.ContinueOnError)
	var rule trace.Rule
	f.StringVar(&rule.From, "from", "", "")
	f.StringVar(&rule.To, "rcpt", "", "")
	f.StringVar(&rule.Client, "client", "", "")
	last := f.String("for", "10m", "")
	asJSON := f.Bool("json", false, "")
	rest, err := mixed(f, args)
	if err != nil {
		return sh.fail(exUsage, "%v (mtad trace --help)", err)
	}
	what := ""
	if len(rest) == 1 {
		what = rest[0]
	}
	if what != "on" && (rule != trace.Rule{}) {
		return sh.fail(exUsage, "patterns go with \"on\" (mtad trace --help)")
	}
	return sh.ask(nil, func(ctx context.Context, c *ctl.Client) error {
		switch {
		case what == "on":
			return sh.traceOn(ctx, c, rule, *last)
		case what == "off", what == "forget":
			return c.StopTrace(ctx, what == "forget")
		case len(rest) == 0:
			return sh.listTraces(ctx, c, *asJSON)
		}
		return sh.showTraces(ctx, c, rest, *asJSON)
	})
}

func (sh *shell) traceOn(ctx context.Context, c *ctl.Client, rule trace.Rule, last string) error {
	d, err := parseAge(last)
	if err != nil {
		return err
	}
	rule.Until = time.Now().Add(d)
	if err := c.StartTrace(ctx, rule); err != nil {
		return err
	}
	fmt.Fprintf(sh.out, "tracing %s\n", ruleText(&rule))
	return nil
}

func ruleText(r *trace.Rule) string {
	var words []string
	for _, p := range [][2]string{{"from", r.From}, {"to", r.To}, {"client", r.Client}} {
		if p[1] != "" {
			words = append(words, p[0]+" "+textdiff.Printable(p[1]))
		}
	}
	if words == nil {
		words = []string{"all messages"}
	}
	return strings.Join(words, ", ") + " until " + moment(r.Until)
}

func (sh *shell) listTraces(ctx context.Context, c *ctl.Client, asJSON bool) error {
	st, err := c.Traces(ctx)
	switch {
	case err != nil:
		return err
	case asJSON:
		return json.NewEncoder(sh.out).Encode(st)
	case len(st.Rules) == 0:
		sh.print("nothing is traced now\n")
	}
	for i := range st.Rules {
		fmt.Fprintf(sh.out, "tracing %s\n", ruleText(&st.Rules[i]))
	}
	for i := range st.Records {
		fmt.Fprintln(sh.out, recordLine(&st.Records[i]))
	}
	return nil
}

// recordLine is a message on one line.
func recordLine(r *trace.Record) string {
	line := fmt.Sprintf("%s: %s %s, from <%s>", r.ID, r.Begun.Local().Format("Jan _2 15:04:05"), r.Origin, r.Sender)
	for i, to := range r.Recipients {
		if i == 3 {
			line += fmt.Sprintf(" and %d more", len(r.Recipients)-i)
			break
		}
		line += " to <" + to + ">"
	}
	if r.Client != "" {
		line += ", client " + r.Client
	}
	if r.Outcome != "" {
		line += ", " + r.Outcome
	}
	return textdiff.Printable(line)
}

func (sh *shell) showTraces(ctx context.Context, c *ctl.Client, ids []string, asJSON bool) error {
	for _, id := range ids {
		rec, err := c.Traced(ctx, id)
		if errors.Is(err, queue.ErrNotFound) {
			return fmt.Errorf("%s: not traced (mtad trace lists what was)", id)
		}
		if err != nil {
			return err
		}
		if asJSON {
			if err := json.NewEncoder(sh.out).Encode(rec); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintln(sh.out, recordLine(&rec))
		for i := range rec.Steps {
			showStep(sh.out, &rec.Steps[i], true)
		}
		if rec.Cut > 0 {
			fmt.Fprintf(sh.out, "(%d more steps were not kept)\n", rec.Cut)
		}
	}
	return nil
}
