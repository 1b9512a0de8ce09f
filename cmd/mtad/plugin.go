package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/mtad/mtad/core/conf/value"
	"github.com/mtad/mtad/pipeline/master/workbench"
)

const helpPlugin = `usage: mtad plugin new --lang go|c|cc|rust|as|zig DIR
       mtad plugin test PLUGIN --eml FILE [--from A] [--rcpt A]... [--client IP]
       mtad plugin test PLUGIN TRANSCRIPT...
       mtad plugin bench PLUGIN [--eml FILE] [-n N]
       mtad plugin inspect [--json] FILE.wasm
       mtad [-c DIR] plugin list [--json]
       mtad [-c DIR] plugin top [--json] [--interval TIME] [-n N]

new      makes a folder with a first filter, its SDK, a test and a Makefile
test     plays a message or transcripts against a plugin, outside the daemon
bench    measures its hooks
inspect  says what a module wants, asks for and weighs
list     what the running daemon's plugins did; top refreshes it

PLUGIN is a .wasm file, builtin:NAME, or "process:FILE ARG...".
"mtad plugin WHAT --help" says more.
`

// pluginVerb dispatches "mtad plugin".
func pluginVerb(sh *shell, args []string) int {
	if len(args) == 0 {
		return sh.fail(exUsage, "which of new, test, bench, inspect, list and top? (mtad plugin --help)")
	}
	tools := map[string]struct {
		help string
		run  func(*shell, context.Context, []string) int
	}{
		"new": {helpPluginNew, (*shell).pluginNew}, "test": {helpPluginTest, (*shell).pluginTest},
		"bench": {helpPluginBench, (*shell).pluginBench}, "inspect": {helpPluginInspect, (*shell).pluginInspect},
		"list": {helpPluginList, (*shell).pluginList}, "top": {helpPluginList, (*shell).pluginTop},
	}
	tool, ok := tools[args[0]]
	if !ok {
		return sh.fail(exUsage, "plugin %s: no such tool (mtad plugin --help)", args[0])
	}
	if len(args) > 1 && (args[1] == "--help" || args[1] == "-h") {
		sh.print(tool.help)
		return exOK
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	sh.name = "plugin " + args[0]
	return tool.run(sh, ctx, args[1:])
}

// manyFlag is a flag that may be given several times.
type manyFlag []string

// String returns what was given.
func (m *manyFlag) String() string { return strings.Join(*m, " ") }

// Set takes one more.
func (m *manyFlag) Set(s string) error {
	*m = append(*m, s)
	return nil
}

// mixed parses flags that stand before, between and behind arguments, and returns these.
func mixed(f *flag.FlagSet, args []string) (rest []string, err error) {
	f.SetOutput(io.Discard)
	for {
		if err = f.Parse(args); err != nil {
			return nil, err
		}
		if args = f.Args(); len(args) == 0 {
			return rest, nil
		}
		rest, args = append(rest, args[0]), args[1:]
	}
}

// loadFlags are what test and bench load a plugin with.
type loadFlags struct {
	config, allow manyFlag
	time          time.Duration
	memory        sizeFlag
	fuel          int64
}

// sizeFlag is a size in bytes, written as in the configuration.
type sizeFlag int64

// String returns the number of bytes.
func (s *sizeFlag) String() string { return strconv.FormatInt(int64(*s), 10) }

// Set reads a size: at least a page of a guest's memory, at most what a guest can address.
func (s *sizeFlag) Set(text string) error {
	n, err := value.Bytes(text, value.Range{Min: 64 << 10, Max: 4 << 30})
	*s = sizeFlag(n)
	return err
}

func (l *loadFlags) add(f *flag.FlagSet) {
	f.Var(&l.config, "config", "")
	f.Var(&l.allow, "allow", "")
	f.DurationVar(&l.time, "time", 0, "")
	f.Var(&l.memory, "memory", "")
	f.Int64Var(&l.fuel, "fuel", 0, "")
}

func (l *loadFlags) options() (workbench.Options, error) {
	o := workbench.Options{Config: map[string]string{}, Time: l.time, Memory: int64(l.memory), Fuel: l.fuel}
	for _, kv := range l.config {
		k, v, ok := strings.Cut(kv, "=")
		if !ok {
			return o, fmt.Errorf("--config %s: KEY=VALUE expected", kv)
		}
		o.Config[k] = v
	}
	for _, list := range l.allow {
		o.Allow = append(o.Allow, strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })...)
	}
	return o, nil
}

// usage is the exit of a tool whose arguments are wrong.
func (sh *shell) usage(err error) int {
	if errors.Is(err, flag.ErrHelp) {
		sh.print(helpPlugin)
		return exOK
	}
	return sh.fail(exUsage, "%v (mtad %s --help)", err, sh.name)
}

// emit writes v as JSON, with line ends for people.
func (sh *shell) emit(v any) int {
	enc := json.NewEncoder(sh.out)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return sh.fail(exIOErr, "%v", err)
	}
	return exOK
}

// readMessage reads a message from a file, or from standard input for "-".
func readMessage(sh *shell, file string) ([]byte, error) {
	if file == "-" {
		return io.ReadAll(io.LimitReader(sh.in, 1<<30))
	}
	return os.ReadFile(file)
}
