package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/mtad/mtad/cmd/mtad/dev/bench"
	"github.com/mtad/mtad/cmd/mtad/dev/sink"
	"github.com/mtad/mtad/cmd/mtad/dev/source"
	"github.com/mtad/mtad/cmd/mtad/dev/wordmilter"
	"github.com/mtad/mtad/core/conf"
	"github.com/mtad/mtad/core/conf/usage"
)

const helpDev = `usage: mtad dev source -addr HOST:PORT [-n N] [-c N] [-size N] [-reuse]
           [-pipeline] [-from ADDR] [-rcpt ADDR] [-tag TEXT] [-timeout TIME]
       mtad dev sink -listen HOST:PORT [-ctl HOST:PORT] [-n N] [-dump DIR]
           [-delay TIME] [-tempfail PERCENT]
       mtad dev bench [-rounds N] [-filter FILE.wasm] [-hostile FILE.wasm]
           [-only WORKLOAD]
       mtad dev milter -listen HOST:PORT
       mtad dev reference | compatibility

source sends N messages of SIZE bytes over C sessions at a time, each with its
own Message-Id, and prints what it measured as JSON. Defaults: -n 1000 -c 20
-size 4096 -from source@source.invalid -rcpt sink@sink.invalid -timeout 1m.

sink takes messages and throws them away, or with -dump keeps each as a file.
It ends at SIGINT or SIGTERM, or when N different messages are here, and prints
its counts as JSON. With -ctl it answers "stats", "reset" and "wait N SECONDS",
one line each, with its counts. An address may also be "unix:PATH".

bench relays from source to sink through this program, on a fresh queue for
each workload, and prints medians. milter is the filter that
bench/compare-filters gives to other MTAs. reference prints the parameter
reference, compatibility what becomes of parameters used in the field.

Exit code: 0 (source: every message was accepted), 1 otherwise, 64 usage.
`

// dev dispatches the tools for tests of speed.
func dev(sh *shell, args []string) int {
	if len(args) == 0 {
		return sh.fail(exUsage, "which of source, sink, bench, milter, reference and compatibility? (mtad dev --help)")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	switch args[0] {
	case "source":
		return sh.devSource(ctx, args[1:])
	case "sink":
		return sh.devSink(ctx, args[1:])
	case "bench":
		return sh.devBench(ctx, args[1:])
	case "milter":
		return sh.devMilter(ctx, args[1:])
	case "reference":
		return sh.devPage(conf.Reference)
	case "compatibility":
		return sh.devPage(usage.Compatibility)
	}
	return sh.fail(exUsage, "dev %s: no such tool (mtad dev --help)", args[0])
}

// flags reads the flags of a dev tool; code is -1 when the tool shall go on.
func (sh *shell) flags(f *flag.FlagSet, args []string) (code int) {
	f.SetOutput(io.Discard)
	switch err := f.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		sh.print(helpDev)
		return exOK
	case err != nil:
		return sh.fail(exUsage, "%v", err)
	case f.NArg() > 0:
		return sh.fail(exUsage, "no such argument: %s", f.Arg(0))
	}
	return -1
}

func (sh *shell) devSource(ctx context.Context, args []string) int {
	var o source.Options
	f := flag.NewFlagSet("source", flag.ContinueOnError)
	addr := f.String("addr", "", "")
	f.IntVar(&o.Messages, "n", 1000, "")
	f.IntVar(&o.Sessions, "c", 20, "")
	f.IntVar(&o.Size, "size", 4096, "")
	f.BoolVar(&o.Reuse, "reuse", false, "")
	f.BoolVar(&o.Pipeline, "pipeline", false, "")
	f.StringVar(&o.From, "from", "source@source.invalid", "")
	f.StringVar(&o.Rcpt, "rcpt", "sink@sink.invalid", "")
	f.StringVar(&o.Tag, "tag", fmt.Sprintf("%d.%d", os.Getpid(), time.Now().UnixNano()), "")
	f.DurationVar(&o.Timeout, "timeout", time.Minute, "")
	if code := sh.flags(f, args); code >= 0 {
		return code
	}
	if *addr == "" {
		return sh.fail(exUsage, "dev source: -addr is missing")
	}
	o.Network, o.Addr = network(*addr)
	res, err := source.Run(ctx, o)
	if err == nil || res.Seconds > 0 {
		if jsonErr := json.NewEncoder(sh.out).Encode(res); jsonErr != nil {
			err = errors.Join(err, jsonErr)
		}
	}
	if err != nil {
		return sh.fail(exFailure, "dev source: %v", err)
	}
	if res.Accepted != o.Messages {
		return exFailure
	}
	return exOK
}

func (sh *shell) devSink(ctx context.Context, args []string) int {
	var o sink.Options
	f := flag.NewFlagSet("sink", flag.ContinueOnError)
	listen := f.String("listen", "", "")
	control := f.String("ctl", "", "")
	f.IntVar(&o.Want, "n", 0, "")
	f.StringVar(&o.Dump, "dump", "", "")
	f.DurationVar(&o.Delay, "delay", 0, "")
	f.IntVar(&o.Tempfail, "tempfail", 0, "")
	if code := sh.flags(f, args); code >= 0 {
		return code
	}
	if *listen == "" || o.Tempfail < 0 || o.Tempfail > 100 {
		return sh.fail(exUsage, "dev sink: -listen is missing, or -tempfail is not from 0 to 100")
	}
	if o.Dump != "" {
		if err := os.MkdirAll(o.Dump, 0o755); err != nil {
			return sh.fail(exFailure, "dev sink: %v", err)
		}
	}
	s := sink.New(o)
	if err := serveSink(ctx, s, *listen, *control); err != nil {
		return sh.fail(exFailure, "dev sink: %v", err)
	}
	if err := json.NewEncoder(sh.out).Encode(s.Counts()); err != nil {
		return sh.fail(exFailure, "dev sink: %v", err)
	}
	return exOK
}

func (sh *shell) devBench(ctx context.Context, args []string) int {
	var o bench.Options
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.IntVar(&o.Rounds, "rounds", 3, "")
	f.StringVar(&o.Filter, "filter", "", "")
	f.StringVar(&o.Hostile, "hostile", "", "")
	f.StringVar(&o.Only, "only", "", "")
	if code := sh.flags(f, args); code >= 0 {
		return code
	}
	var err error
	if o.Program, err = os.Executable(); err == nil {
		err = bench.Run(ctx, sh.out, o)
	}
	if err != nil {
		return sh.fail(exFailure, "dev bench: %v", err)
	}
	return exOK
}

func (sh *shell) devMilter(ctx context.Context, args []string) int {
	f := flag.NewFlagSet("milter", flag.ContinueOnError)
	listen := f.String("listen", "", "")
	if code := sh.flags(f, args); code >= 0 {
		return code
	}
	if *listen == "" {
		return sh.fail(exUsage, "dev milter: -listen is missing")
	}
	l, err := net.Listen(network(*listen))
	if err == nil {
		err = wordmilter.Serve(ctx, l)
	}
	if err != nil {
		return sh.fail(exFailure, "dev milter: %v", err)
	}
	return exOK
}

// devPage prints a generated page.
func (sh *shell) devPage(write func(io.Writer) error) int {
	if err := write(sh.out); err != nil {
		return sh.fail(exIOErr, "dev: %v", err)
	}
	return exOK
}

// serveSink serves until ctx ends, a listener fails or the sink has what it wants.
func serveSink(ctx context.Context, s *sink.Sink, listen, control string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 2)
	running := 0
	for _, l := range []struct {
		addr  string
		serve func(context.Context, net.Listener) error
	}{{listen, s.Serve}, {control, s.ServeControl}} {
		if l.addr == "" {
			continue
		}
		ln, err := net.Listen(network(l.addr))
		if err != nil {
			ended <- err
			running++
			break
		}
		running++
		go func() { ended <- l.serve(ctx, ln) }()
	}
	var all error
	select {
	case <-s.Done():
	case <-ctx.Done():
	case err := <-ended:
		all, running = err, running-1
	}
	cancel()
	for range running {
		all = errors.Join(all, <-ended)
	}
	return all
}

// network splits "unix:PATH" from TCP's "HOST:PORT".
func network(addr string) (string, string) {
	if path, ok := strings.CutPrefix(addr, "unix:"); ok {
		return "unix", path
	}
	return "tcp", addr
}
