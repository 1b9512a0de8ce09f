package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/mtad/mtad/core/textdiff"
	"github.com/mtad/mtad/pipeline/hook/rehearse"
	"github.com/mtad/mtad/pipeline/hook/trace"
	"github.com/mtad/mtad/pipeline/master/workbench"
	"github.com/mtad/mtad/plugins/sdk/sdktest"
)

const helpPluginTest = `usage: mtad plugin test PLUGIN --eml FILE [options]
       mtad plugin test PLUGIN [--transcript] TRANSCRIPT... [-v]

The first form sends the message in FILE ("-": standard input) through every
hook of the plugin and shows verdicts, replies, logs and changes (as a diff).
The second plays transcripts and says what differs from what they demand;
package sdktest has their format. Nothing leaves: the store is in memory, the
DNS is disabled, a transport delivers what was never sent.

  --from ADDR      sender (sender@example.com)
  --rcpt ADDR      recipient, any number of times (recipient@example.net)
  --client IP      where it comes from (192.0.2.1); "local": from sendmail
  --name, --helo   the client's name (client.example.com) and greeting
  --user NAME      the client is authenticated
  --lookup KEY     ask a lookup hook, any number of times
  --config K=V     of [plugin.config]; maps.NAME=type:table opens a table
  --allow LIST     capabilities granted (edit,kv,map,scan,deliver), or "all"
  --time, --memory, --fuel   limits: 50ms, 64MiB, units of work
  -q, --json, -v   the outcome alone; as JSON; every step

Exit code: 0 the message is taken or every demand is met, 1 a hook failed, the
plugin cannot be loaded or a demand is not met, 69 rejected, 75 refused for now.
`

// tryFlags are those of "plugin test".
type tryFlags struct {
	loadFlags
	eml, from, client, name, helo, user string
	rcpt, keys, transcripts             manyFlag
	quiet, json, verbose                bool
	more                                func(*flag.FlagSet) // of another tool
}

func (t *tryFlags) parse(args []string) (rest []string, err error) {
	f := flag.NewFlagSet("test", flag.ContinueOnError)
	t.add(f)
	f.StringVar(&t.eml, "eml", "", "")
	f.StringVar(&t.from, "from", "sender@example.com", "")
	f.StringVar(&t.client, "client", "192.0.2.1", "")
	f.StringVar(&t.name, "name", "client.example.com", "")
	f.StringVar(&t.helo, "helo", "client.example.com", "")
	f.StringVar(&t.user, "user", "", "")
	f.Var(&t.rcpt, "rcpt", "")
	f.Var(&t.keys, "lookup", "")
	f.Var(&t.transcripts, "transcript", "")
	f.BoolVar(&t.quiet, "q", false, "")
	f.BoolVar(&t.json, "json", false, "")
	f.BoolVar(&t.verbose, "v", false, "")
	if t.more != nil {
		t.more(f)
	}
	return mixed(f, args)
}

func (t *tryFlags) message(sh *shell) (workbench.Message, error) {
	msg := workbench.Message{From: strings.Trim(t.from, "<>"), To: t.rcpt, Name: t.name, Helo: t.helo, User: t.user, Keys: t.keys}
	if len(msg.To) == 0 {
		msg.To = []string{"recipient@example.net"}
	}
	var err error
	if t.client != "local" {
		if msg.Client, err = netip.ParseAddr(t.client); err != nil {
			return msg, fmt.Errorf("--client %s: an IP address or \"local\" expected", t.client)
		}
	}
	if t.eml != "" {
		msg.Text, err = readMessage(sh, t.eml)
	}
	return msg, err
}

func (sh *shell) pluginTest(ctx context.Context, args []string) int {
	var t tryFlags
	rest, err := t.parse(args)
	if err == nil && len(rest) == 0 {
		err = fmt.Errorf("which plugin?")
	}
	if err != nil {
		return sh.usage(err)
	}
	t.transcripts = append(t.transcripts, rest[1:]...)
	switch {
	case len(t.transcripts) > 0 && (t.eml != "" || t.keys != nil):
		return sh.usage(fmt.Errorf("a message or transcripts, not both"))
	case len(t.transcripts) > 0:
		return sh.playTranscripts(ctx, rest[0], &t)
	case t.eml == "" && t.keys == nil:
		return sh.usage(fmt.Errorf("which message (--eml) or transcript?"))
	}
	return sh.tryMessage(ctx, rest[0], &t)
}

// playTranscripts plays each against a plugin of its own.
func (sh *shell) playTranscripts(ctx context.Context, what string, t *tryFlags) int {
	o, err := t.options()
	if err != nil {
		return sh.usage(err)
	}
	code := exOK
	for _, name := range t.transcripts {
		if err := sh.playTranscript(ctx, what, name, o, t.verbose); err != nil {
			fmt.Fprintln(sh.out, err)
			code = exFailure
		} else if !t.quiet {
			fmt.Fprintf(sh.out, "%s: ok\n", name)
		}
	}
	return code
}

func (sh *shell) playTranscript(ctx context.Context, what, name string, o workbench.Options, verbose bool) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	script, err := sdktest.Parse(file)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	for k, v := range o.Config {
		script.Setup.Config[k] = v
	}
	granted, err := workbench.Granted(what, o.Allow)
	if err != nil {
		return err
	}
	for c, ok := range granted {
		if ok {
			script.Setup.Allow = append(script.Setup.Allow, c)
		}
	}
	play := rehearse.Options()
	play.Time = o.Time
	report := sdktest.Play(ctx, workbench.Subject(what, o), script, play)
	if verbose {
		sh.print(report.String())
	}
	return report.Err(name)
}

// tryMessage passes one message.
func (sh *shell) tryMessage(ctx context.Context, what string, t *tryFlags) int {
	o, err := t.options()
	if err != nil {
		return sh.usage(err)
	}
	msg, err := t.message(sh)
	if err != nil {
		return sh.fail(exFailure, "%v", err)
	}
	b, err := workbench.Open(ctx, what, o)
	if err != nil {
		return sh.fail(exFailure, "%v", err)
	}
	r := b.Pass(ctx, msg)
	if err := b.Close(ctx); err != nil {
		return sh.fail(exFailure, "%v", err)
	}
	if t.json {
		sh.emit(shown(r))
		return codeOfResult(r)
	}
	if !t.quiet {
		for i := range r.Steps {
			if s := &r.Steps[i]; t.verbose || s.Verdict != "continue" || s.Diff != "" || s.Log != nil {
				showStep(sh.out, s, false)
			}
		}
	}
	sh.print(outcomeOf(r))
	return codeOfResult(r)
}

func codeOfResult(r *workbench.Result) int {
	switch {
	case r.Failed:
		return exFailure
	case r.Refused != nil && r.Refused.Temporary():
		return exTempFail
	case r.Refused != nil:
		return exUnavailable
	}
	return exOK
}

// outcomeOf says what became of a message.
func outcomeOf(r *workbench.Result) string {
	var b strings.Builder
	switch d := &r.Decision; {
	case r.Refused != nil:
		fmt.Fprintf(&b, "refused: %s\n", textdiff.Printable(r.Refused.Reply.String()))
	case d.Discard:
		b.WriteString("taken and thrown away\n")
	case d.Hold:
		fmt.Fprintf(&b, "taken, on hold: %s\n", textdiff.Printable(d.Reason))
	default:
		b.WriteString("taken\n")
	}
	if r.Refused == nil && r.Redirect != "" {
		fmt.Fprintf(&b, "redirected to <%s>\n", textdiff.Printable(r.Redirect))
	}
	if r.Refused == nil && r.Filter != "" {
		fmt.Fprintf(&b, "filtered through %s\n", textdiff.Printable(r.Filter))
	}
	for i, d := range r.Results {
		fmt.Fprintf(&b, "to <%s>: %s (%s) by %s\n", r.Recipients[i], d.Outcome, textdiff.Printable(d.Reply.String()), textdiff.Printable(d.Relay))
	}
	return b.String()
}

// shownResult is a result as JSON.
type shownResult struct {
	Verdict    string          `json:"verdict"`
	Reply      string          `json:"reply,omitempty"`
	Failed     bool            `json:"failed"`
	Discard    bool            `json:"discard"`
	Hold       bool            `json:"hold"`
	Reason     string          `json:"reason,omitempty"`
	Redirect   string          `json:"redirect,omitempty"`
	Filter     string          `json:"filter,omitempty"`
	Sender     string          `json:"sender"`
	Recipients []string        `json:"recipients"`
	Message    string          `json:"message,omitempty"`
	Deliveries []shownDelivery `json:"deliveries,omitempty"`
	Steps      []trace.Step    `json:"steps"`
}

type shownDelivery struct {
	Recipient string `json:"recipient"`
	Outcome   string `json:"outcome"`
	Reply     string `json:"reply"`
	Relay     string `json:"relay"`
}

func shown(r *workbench.Result) shownResult {
	s := shownResult{Verdict: "taken", Failed: r.Failed, Discard: r.Discard, Hold: r.Hold, Reason: r.Reason, Redirect: r.Redirect,
		Filter: r.Filter, Sender: r.Sender, Recipients: r.Recipients, Message: string(r.Text), Steps: r.Steps}
	if r.Refused != nil {
		s.Verdict, s.Reply = "reject", r.Refused.Reply.String()
		if r.Refused.Temporary() {
			s.Verdict = "tempfail"
		}
	}
	for i, d := range r.Results {
		s.Deliveries = append(s.Deliveries, shownDelivery{r.Recipients[i], d.Outcome.String(), d.Reply.String(), d.Relay})
	}
	return s
}

// showStep writes one call: when it is part of a trace, with the plugin's name and the time of day.
func showStep(w io.Writer, s *trace.Step, full bool) {
	if full {
		fmt.Fprintf(w, "%s %-10s ", s.At.Local().Format("15:04:05.000"), s.Plugin)
	}
	line := s.Hook
	if s.About != "" {
		line += " " + s.About
	}
	line += ": "
	if s.Shadow {
		line += "would "
	}
	line += s.Verdict
	for _, more := range []string{s.Reply, s.Argument, s.Failure} {
		if more != "" {
			line += " " + more
		}
	}
	fmt.Fprintf(w, "%s (%v)\n", textdiff.Printable(line), s.Took.Round(100*time.Nanosecond))
	for _, l := range s.Log {
		fmt.Fprintf(w, "    log: %s\n", textdiff.Printable(l))
	}
	for l := range strings.Lines(s.Diff) {
		fmt.Fprintf(w, "    %s\n", strings.TrimSuffix(l, "\n"))
	}
}
