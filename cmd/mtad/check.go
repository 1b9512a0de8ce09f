package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/mtad/mtad/core/conf"
	"github.com/mtad/mtad/pipeline/audit"
	"github.com/mtad/mtad/pipeline/master"
)

const helpCheck = `usage: mtad [-c DIR] check [--json]

Says for each parameter, service and plugin that the configuration sets whether
it is effective, accepted (without effect: the note says why), unsupported (the
note says what to use) or unknown (the note has the nearest name), and what is
wrong with its value. Then what is wrong although each value is fit: tables that
do not open or parse, rules that nothing reaches, an open relay, a domain in two
classes, plugins that do not load. It goes on past bad values.

  -c DIR   configuration directory
  --json   a list of {parameter, value, status, note, file, line}, with service,
           bad and warn where they hold

Exit code: 0 when all is well, 1 when something is unknown, unsupported or
worth a warning, 78 when mtad would refuse to start.
`

// checkVerb is "mtad check": what each parameter that is set does, and what is wrong.
func checkVerb(args []string) int {
	dir, asJSON := "", false
	if i := slices.Index(args, "--json"); i >= 0 {
		asJSON = true
		args = slices.Delete(slices.Clone(args), i, i+1)
	}
	given, rest, err := getopt(args, "c:")
	if err != nil || len(rest) > 0 {
		fmt.Fprint(os.Stderr, helpCheck)
		return exUsage
	}
	for _, g := range given {
		dir = g.value
	}
	c, err := conf.Read(conf.Directory(dir, os.Environ()), conf.WithVersion(version, ""))
	if err != nil {
		fmt.Fprintf(os.Stderr, "mtad check: fatal: %v\n", err)
		return exConfig
	}
	findings := findingsOf(context.Background(), c)
	if asJSON {
		err = json.NewEncoder(os.Stdout).Encode(findings)
	} else {
		err = showFindings(findings)
	}
	if err != nil {
		return exIOErr
	}
	return verdictOf(findings)
}

// findingsOf is everything that there is to say about a configuration.
func findingsOf(ctx context.Context, c *conf.Config) []conf.Finding {
	return slices.Concat(c.Check(), audit.Run(c), master.PluginProblems(ctx, c))
}

// showFindings writes a line per finding: status, place, parameter, what there is to say.
func showFindings(findings []conf.Finding) error {
	w := tabwriter.NewWriter(os.Stdout, 0, 8, 2, ' ', 0)
	for _, f := range findings {
		where := conf.Origin{File: f.File, Line: f.Line}.String()
		name := f.Parameter
		if f.Service != "" {
			name += " (" + f.Service + ")"
		}
		state := string(f.Status)
		switch {
		case f.Bad:
			state = "bad"
		case f.Warn:
			state = "warning"
		}
		fmt.Fprintf(w, "%s\t%s\t%s = %s\t%s\n", state, where, name, short(f.Value), f.Note)
	}
	return w.Flush()
}

// short keeps a value on one line of a table.
func short(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > 40 {
		return string(r[:39]) + "…"
	}
	return s
}

// verdictOf is the exit code: 78 for what cannot run, 1 for what somebody should look at.
func verdictOf(findings []conf.Finding) int {
	code := exOK
	for _, f := range findings {
		switch {
		case f.Bad:
			return exConfig
		case f.Warn || f.Status == conf.StatusUnknown || f.Status == conf.StatusUnsupported:
			code = 1
		}
	}
	return code
}
